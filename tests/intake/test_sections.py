"""Where along a drive frames are taken."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.geodesy import distance_m
from service.intake.gpmf import GpsPoint
from service.intake.sections import clip, place_at, split_sections, stops_every, usable

LAT, LON = 26.4282, 50.0910
METRE_NORTH = 1 / 111_195.08
METRE_EAST = METRE_NORTH / np.cos(np.radians(LAT))


def at(video_s: float, east_m: float, north_m: float, **told: float) -> GpsPoint:
    values = {"fix": 3, "dop": 1.0, "at_s": 1.7e9 + video_s} | told
    return GpsPoint(video_s, LAT + north_m * METRE_NORTH, LON + east_m * METRE_EAST, **values)  # type: ignore[arg-type]


@settings(deadline=None)
@given(
    steps=st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=1, max_size=60),
    spacing_m=st.floats(1, 50),
)
def test_frames_lie_exactly_the_spacing_apart_and_the_rest_is_nearer(
    steps: list[tuple[float, float]], spacing_m: float
) -> None:
    way = np.cumsum([(0.0, 0.0), *steps], axis=0)
    (section,) = split_sections([at(float(index), *place) for index, place in enumerate(way)])
    places = [place_at(section, stop.video_s) for stop in stops_every([section], spacing_m)]
    gaps = [distance_m(a.lat, a.lon, b.lat, b.lon) for a, b in pairwise(places)]
    assert gaps == pytest.approx([spacing_m] * len(gaps), rel=1e-3)
    end = places[-1]
    assert distance_m(end.lat, end.lon, section.lat[-1], section.lon[-1]) <= spacing_m * 1.001


def test_a_standing_vehicle_gives_one_frame_however_its_receiver_trembles() -> None:
    random = np.random.default_rng(3)
    points = [at(index / 10, *random.uniform(-1.5, 1.5, 2)) for index in range(3000)]
    assert len(stops_every(split_sections(points), 5.0)) == 1


def test_a_silent_receiver_cuts_the_drive_and_nothing_is_placed_in_the_gap() -> None:
    points = [at(second, 0, 10 * second) for second in [*range(10), *range(30, 40)]]
    sections = split_sections(points)
    assert [section.length_s for section in sections] == [9, 9]
    assert not [stop for stop in stops_every(sections, 5.0) if 9 < stop.video_s < 30]


def test_a_jump_of_the_receiver_is_no_way_driven() -> None:
    points = [at(second, 900 if second in {5, 6} else 0, 10 * second) for second in range(12)]
    assert [section.length_s for section in split_sections(points)] == [4, 1, 4]


def test_the_heading_is_the_way_driven_also_in_a_turn() -> None:
    angles = np.radians(np.arange(0, 91, 2))
    points = [at(index / 10, 50 * (1 - np.cos(one)), 50 * np.sin(one)) for index, one in enumerate(angles)]
    (section,) = split_sections(points)
    for index in (5, 20, 40):
        heading_deg = place_at(section, index / 10).heading_deg
        assert heading_deg == pytest.approx(2 * index, abs=2)


def test_a_section_is_clipped_between_its_fixes() -> None:
    (section,) = split_sections([at(second, 0, 10 * second) for second in range(-5, 6)])
    inside = clip(section, 0.5, 3.25)
    assert inside is not None
    assert (inside.video_s[0], inside.video_s[-1]) == (0.5, 3.25)
    assert inside.lat[-1] == pytest.approx(LAT + 32.5 * METRE_NORTH)
    assert clip(section, 6, 9) is None


@pytest.mark.parametrize(
    ("told", "reason"),
    [({"fix": 0}, "no_fix"), ({"dop": 5.1}, "imprecise"), ({"fix": 2, "dop": 5.0}, None)],
)
def test_only_sure_fixes_place_a_frame(told: dict[str, float], reason: str | None) -> None:
    assert usable(at(0, 0, 0, **told)) == reason


def test_null_island_is_no_place() -> None:
    assert usable(GpsPoint(0, 0.001, -0.001, 3, 1.0, 0.0)) == "null_island"
    assert usable(GpsPoint(0, 95.0, 10.0, 3, 1.0, 0.0)) == "nowhere"
