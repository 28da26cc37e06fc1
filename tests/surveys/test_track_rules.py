"""What a drive as a whole shows to be unusable: found where it is, and nothing found on a normal drive."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.simulator import drive, synthetic_track
from service.surveys.reading import picture_hash
from service.surveys.track_rules import DUPLICATE_BITS, SetAside, Shot, reachable, set_aside
from tests.surveys.test_reading import bits_apart

METRE_LAT = 1 / 111_195  # degrees


def northward(count: int, step_s: float = 0.7, speed_mps: float = 10.0) -> list[Shot]:
    """A drive north at constant speed, one shot each `step_s`."""
    start = 1_772_604_000.25
    return [
        Shot(number, start + number * step_s, 26.4 + number * step_s * speed_mps * METRE_LAT, 50.1)
        for number in range(count)
    ]


def moved(shot: Shot, north_m: float) -> Shot:
    return replace(shot, lat=shot.lat + north_m * METRE_LAT)


def told(found: list[SetAside]) -> list[tuple[int, str]]:
    return [(one.index, one.code) for one in found]


def noisy_drive(seed: int, town: str, error_m: float) -> list[Shot]:
    """A drive of the simulator with a receiver's error: white noise on top of one that wanders over 20 s."""
    noise = np.random.default_rng(seed)
    points = synthetic_track(300, seed=seed, town=town)
    wander = np.zeros(2)
    shots = []
    for number, point in enumerate(points):
        wander = 0.96 * wander + noise.normal(0, 0.28 * error_m, 2)
        north_m, east_m = wander + noise.normal(0, error_m / 3, 2)
        lat, lon = point.lat + north_m * METRE_LAT, point.lon + east_m * METRE_LAT / np.cos(np.radians(point.lat))
        at_s = point.captured_at.timestamp()
        shots.append(Shot(number, at_s, float(lat), float(lon), at_s + 10_800, at_s, point.speed_mps))
    return shots


@pytest.mark.parametrize("town", ["dammam", "khobar"])
@pytest.mark.parametrize("error_m", [0.0, 3.0, 6.0])
def test_no_frame_of_a_simulated_drive_is_set_aside(town: str, error_m: float) -> None:
    for seed in range(4):
        assert told(set_aside(noisy_drive(seed, town, error_m), 10_800.0)) == []


def test_whole_second_stamps_at_motorway_speed_are_no_jump() -> None:
    shots = [replace(shot, at_s=float(int(shot.at_s))) for shot in northward(40, step_s=0.5, speed_mps=38.0)]
    assert set_aside(shots) == []


@settings(deadline=None)
@given(st.integers(4, 30), st.data())
def test_one_wrong_place_is_found_and_only_that(count: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, count - 1))
    shots = northward(count)
    shots[wrong] = moved(shots[wrong], data.draw(st.sampled_from([-1, 1])) * data.draw(st.floats(1_000, 1e6)))
    assert told(set_aside(shots)) == [(wrong, "track.teleport")]


@pytest.mark.parametrize("run", [2, 3, 4])
def test_a_few_wrong_places_in_a_row_are_found(run: int) -> None:
    shots = northward(20)
    for wrong in range(8, 8 + run):
        shots[wrong] = moved(shots[wrong], 5_000)
    assert told(set_aside(shots)) == [(wrong, "track.teleport") for wrong in range(8, 8 + run)]


def test_a_cold_start_is_wrong_and_not_the_drive_after_it() -> None:
    shots = northward(10)
    shots[0], shots[1] = moved(shots[0], 30_000), moved(shots[1], 30_000)
    assert told(set_aside(shots)) == [(0, "track.teleport"), (1, "track.teleport")]


def test_of_two_frames_alone_neither_is_judged() -> None:
    first, second = northward(2)
    assert set_aside([first, moved(second, 9_000)]) == []


def test_a_break_between_two_halves_sets_nothing_aside() -> None:
    shots = northward(20)
    assert set_aside(shots[:10] + [moved(shot, 40_000) for shot in shots[10:]]) == []


def test_a_place_far_off_after_an_hour_is_a_drive() -> None:
    shots = northward(10)
    assert set_aside(shots[:5] + [moved(replace(shot, at_s=shot.at_s + 3600), 60_000) for shot in shots[5:]]) == []


def test_what_is_settled_is_a_witness_and_never_set_aside() -> None:
    shots = northward(9)
    shots[4] = replace(moved(shots[4], 5_000), settled=True)
    assert set_aside(shots) == []
    shots[6] = moved(shots[6], 5_000)
    assert told(set_aside(shots)) == [(6, "track.teleport")]


@settings(deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_arrival_changes_no_verdict_on_places(ids: list[int]) -> None:
    shots = [replace(shot, id=number) for shot, number in zip(northward(12), ids, strict=True)]
    shots[7] = moved(shots[7], 3_000)
    assert told(set_aside(shots)) == [(7, "track.teleport")]


def standing(seconds: float, step_s: float = 0.5) -> list[Shot]:
    """Drives, stands for a time with a receiver that wanders 3 m, and drives on."""
    way = northward(20)
    stood = [
        replace(way[9], id=100 + n, at_s=way[9].at_s + n * step_s, lat=way[9].lat + (n % 4) * METRE_LAT)
        for n in range(1, int(seconds / step_s) + 1)
    ]
    return way[:10] + stood + [replace(shot, at_s=shot.at_s + seconds) for shot in way[10:]]


def test_of_a_standing_vehicle_the_first_two_frames_stay() -> None:
    shots = standing(60)
    found = set_aside(shots)
    assert {one.code for one in found} == {"track.stationary"}
    assert 115 <= len(found) <= 121
    left = [shot for index, shot in enumerate(shots) if index not in {one.index for one in found}]
    assert len(left) == len(shots) - len(found) and set_aside(left) == []


def test_a_stop_of_some_seconds_and_a_second_visit_another_day_set_nothing_aside() -> None:
    assert set_aside(standing(8)) == []
    shots = northward(6)
    later = [replace(shot, id=shot.id + 50, at_s=shot.at_s + 86_400 * day) for day in (1, 2) for shot in shots]
    assert set_aside(shots + later) == []


def test_a_fix_that_stays_while_the_speed_says_driving_is_stale_after_five_seconds() -> None:
    shots = [replace(shot, speed_mps=10.0) for shot in northward(40, step_s=0.5)]
    for index in range(10, 24):
        shots[index] = replace(shots[index], lat=shots[10].lat)
    assert told(set_aside(shots)) == [(index, "position.stale_fix") for index in range(21, 24)]


def test_a_gps_time_that_stays_while_the_cameras_goes_on_is_stale_whatever_the_cameras_zone() -> None:
    shots = [replace(shot, camera_s=shot.at_s + 10_807, gps_s=shot.at_s) for shot in northward(30, step_s=1.0)]
    for index in range(10, 18):
        shots[index] = replace(shots[index], lat=shots[10].lat, gps_s=shots[10].gps_s)
    late = [(index, "position.stale_fix") for index in (16, 17)]
    assert told(set_aside(shots)) == late
    assert told(set_aside(shots, clock_offset_s=10_807.0)) == late


def test_an_old_gps_time_is_stale_once_the_clock_is_known() -> None:
    shots = [replace(shot, camera_s=shot.at_s + 10_800, gps_s=shot.at_s) for shot in northward(12)]
    shots[5] = replace(shots[5], gps_s=shots[5].at_s - 6)
    assert set_aside(shots) == []
    assert told(set_aside(shots, clock_offset_s=10_800.0)) == [(5, "position.stale_fix")]


@pytest.mark.parametrize(("bits", "apart_m", "later_s", "same"), [
    (0, 0, 0, True), (6, 0.5, 0.9, True), (7, 0, 0, False), (0, 2, 0, False), (0, 0, 1.5, False),
])  # fmt: skip
def test_a_duplicate_is_the_same_picture_at_the_same_place_and_moment(
    bits: int, apart_m: float, later_s: float, same: bool
) -> None:
    first = replace(northward(1)[0], id=7, picture_hash=-1)
    second = replace(moved(first, apart_m), id=3, at_s=first.at_s + later_s, picture_hash=-(2**bits))
    assert told(set_aside([first, second])) == ([(0, "frame.duplicate")] if same else [])


def test_of_duplicates_the_settled_one_stays_else_the_one_that_came_first() -> None:
    one = replace(northward(1)[0], picture_hash=5)
    three = [replace(one, id=number) for number in (9, 4, 6)]
    assert told(set_aside(three)) == [(0, "frame.duplicate"), (2, "frame.duplicate")]
    three[2] = replace(three[2], settled=True)
    assert told(set_aside(three)) == [(0, "frame.duplicate"), (1, "frame.duplicate")]


def test_frames_of_a_drive_metres_apart_differ_in_more_bits_than_duplicates() -> None:
    hashes = [picture_hash(frame.pixels) for frame in drive(seed=11, frames=8)]
    assert min(bits_apart(one, other) for one, other in pairwise(hashes)) > DUPLICATE_BITS


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Shot, id=st.integers(1, 5), at_s=st.floats(0, 100), lat=st.floats(26, 26.01), lon=st.floats(50, 50.01),
            camera_s=st.none() | st.floats(0, 100), gps_s=st.none() | st.floats(0, 100),
            speed_mps=st.none() | st.floats(0, 40), picture_hash=st.none() | st.integers(-8, 8), settled=st.booleans(),
        ),
        max_size=14,
    )
)  # fmt: skip
def test_each_shot_has_at_most_one_reason_and_settled_ones_none(shots: list[Shot]) -> None:
    shots = sorted(shots, key=lambda shot: (shot.at_s, shot.id))
    found = set_aside(shots, 0.0)
    assert max(Counter(one.index for one in found).values(), default=1) == 1
    assert not any(shots[one.index].settled for one in found)
    assert all(reachable(shot, shot) for shot in shots)
