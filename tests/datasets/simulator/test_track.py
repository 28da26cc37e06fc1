"""The synthetic track is a drive a car could make."""

from datetime import datetime, timedelta
from itertools import pairwise
from math import atan2, cos, degrees, hypot, radians

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.simulator import ROUTES, TrackPoint, synthetic_track
from datasets.simulator.track import route_through

seeds, towns = st.integers(0, 5000), st.sampled_from(sorted(ROUTES))
AREAS = {"dammam": (26.42, 26.44, 50.08, 50.11), "khobar": (26.27, 26.30, 50.19, 50.22)}


def step(a: TrackPoint, b: TrackPoint) -> tuple[float, float]:
    """Length_m and bearing_deg of the way from a to b."""
    north_m = (b.lat - a.lat) * 110_790
    east_m = (b.lon - a.lon) * 111_320 * cos(radians(a.lat))
    return hypot(east_m, north_m), degrees(atan2(east_m, north_m)) % 360


def turn_deg(a: float, b: float) -> float:
    return (b - a + 180) % 360 - 180


@settings(max_examples=20, deadline=None)
@given(seeds, towns)
def test_time_runs_forward_and_frames_are_five_to_eight_metres_apart(seed: int, town: str) -> None:
    track = synthetic_track(40, seed, town)
    for a, b in pairwise(track):
        length_m, _ = step(a, b)
        assert b.captured_at > a.captured_at
        assert 4.4 < length_m < 8.1  # a chord of the sharpest turn is up to 12 % shorter than its arc


@settings(max_examples=20, deadline=None)
@given(seeds, towns)
def test_the_heading_is_the_direction_of_the_displacement(seed: int, town: str) -> None:
    track = synthetic_track(60, seed, town)
    for a, b in pairwise(track):
        _, bearing_deg = step(a, b)
        half_deg = turn_deg(a.heading_deg, b.heading_deg) / 2
        assert abs(turn_deg(a.heading_deg + half_deg, bearing_deg)) < 12


@settings(max_examples=20, deadline=None)
@given(seeds, towns)
def test_the_speed_is_the_way_per_time(seed: int, town: str) -> None:
    track = synthetic_track(30, seed, town)
    for a, b in pairwise(track):
        length_m, _ = step(a, b)
        seconds = (b.captured_at - a.captured_at).total_seconds()
        assert length_m / seconds == pytest.approx(a.speed_mps, rel=0.13)


@pytest.mark.parametrize("town", sorted(ROUTES))
def test_the_drive_stays_in_its_town_and_turns_in_all_directions(town: str) -> None:
    south, north, west, east = AREAS[town]
    track = synthetic_track(700, 3, town)
    assert all(south < p.lat < north and west < p.lon < east for p in track)
    assert {int(p.heading_deg // 90) for p in track} == {0, 1, 2, 3}


@pytest.mark.parametrize("town", sorted(ROUTES))
def test_the_route_is_a_closed_loop_of_some_kilometres(town: str) -> None:
    route = route_through(town)
    assert 2500 < route.length_m < 6000
    assert route.at(0.0) == pytest.approx(route.at(route.length_m), abs=1e-6)


def test_the_vehicle_keeps_to_the_right_of_the_street() -> None:
    """Two metres right of the line between the first two corners of the route."""
    route = route_through("dammam")
    (east, north), (next_east, next_north) = route.corners_m[0], route.corners_m[1]
    length = hypot(next_east - east, next_north - north)
    along, right = (next_east - east) / length, (next_north - north) / length
    here_e, here_n, _ = route.at(length / 2)
    across_m = (here_e - east) * right - (here_n - north) * along
    assert across_m == pytest.approx(2.0, abs=0.01)


def test_the_same_seed_gives_the_same_track_and_another_seed_another() -> None:
    assert synthetic_track(12, 5) == synthetic_track(12, 5)
    assert synthetic_track(12, 5)[0] != synthetic_track(12, 6)[0]


def test_the_track_begins_at_the_given_start_whatever_its_time_zone() -> None:
    start = datetime.fromisoformat("2026-05-01T09:00:00+03:00")
    first = synthetic_track(1, 1, start=start)[0]
    assert first.captured_at == start
    assert first.captured_at.utcoffset() == timedelta(0)


def test_a_start_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        synthetic_track(1, 1, start=datetime(2026, 5, 1))  # noqa: DTZ001


def test_an_unknown_town_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"dammam.*khobar.*riyadh"):
        synthetic_track(1, 1, town="riyadh")
