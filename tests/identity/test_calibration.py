"""How the camera hangs, from what it saw: right where nothing errs, and as sure as it says where everything does."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.simulator.city import ObservedFrame, Rates, Vehicle, build_city, observe, plan_passes
from service.identity.appearances import Sight, middle_row
from service.identity.calibration import MIN_THINGS, Mounting, measure_mounting
from service.identity.camera import Camera, meet_ground
from service.identity.headings import headings_of
from tests.identity.approaches import HEIGHT_M, PITCH_DEG, QUIET, YAW_DEG, Noise, drive, things_of

INSIDE_95 = 1.96


def measure(things: Sequence[Sequence[Sight]], prior_deg: float = 1.5) -> Mounting | None:
    return measure_mounting(things, HEIGHT_M, PITCH_DEG, YAW_DEG, prior_deg, prior_deg)


def errors(things: int, drives: int, noise: Noise) -> Iterator[tuple[float, float, float, float]]:
    """Errors left of pitch and yaw in degrees, and the same by their stated standard deviations."""
    for seed in range(drives):
        rng = np.random.default_rng([things, seed])
        pitch, yaw = rng.normal(0, 1.5, 2)
        found = measure(things_of(drive(rng, things, (pitch, yaw), noise)))
        assert found is not None
        off_pitch, off_yaw = found.pitch_offset_deg - pitch, found.yaw_offset_deg - yaw
        yield off_pitch, off_yaw, off_pitch / found.pitch_sd_deg, off_yaw / found.yaw_sd_deg


@settings(deadline=None, max_examples=10)
@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 10**6))
def test_without_noise_the_mounting_comes_out_right(pitch: float, yaw: float, seed: int) -> None:
    found = measure(things_of(drive(np.random.default_rng(seed), 24, (pitch, yaw), QUIET)), prior_deg=5)
    assert found is not None
    assert found.pitch_offset_deg == pytest.approx(pitch, abs=0.1)
    assert found.yaw_offset_deg == pytest.approx(yaw, abs=0.1)


@pytest.mark.parametrize("noise", [Noise(), Noise(white_m=0.3, heading_deg=1.5)], ids=["track", "receiver"])
def test_thirty_things_show_pitch_to_0_3_and_yaw_to_0_4_degrees_and_say_how_surely(noise: Noise) -> None:
    left = np.array(list(errors(30, 25, noise)))
    pitch_rms, yaw_rms = np.sqrt((left[:, :2] ** 2).mean(axis=0))
    assert pitch_rms <= 0.3
    assert yaw_rms <= 0.4
    assert (np.abs(left[:, 2:]) < INSIDE_95).mean() >= 0.9
    assert 0.5 < left[:, 2:].std() < 1.3  # the truth is neither outside nor always in the middle


def test_few_things_say_that_they_are_few() -> None:
    left = np.array(list(errors(10, 25, Noise())))
    assert (np.abs(left[:, 2:]) < INSIDE_95).mean() >= 0.9


def test_more_things_make_it_surer() -> None:
    things = things_of(drive(np.random.default_rng(1), 60, (1.0, -1.0)))
    few, many = measure(things[:10]), measure(things)
    assert few is not None and many is not None
    assert many.pitch_sd_deg < few.pitch_sd_deg < 1.5
    assert many.yaw_sd_deg < few.yaw_sd_deg < 1.5


def test_things_that_two_defects_were_taken_for_do_not_spoil_it() -> None:
    rng = np.random.default_rng(4)
    things = things_of(drive(rng, 40, (1.2, -0.8)))
    mixed = [[*one[:-1], replace(one[-1], x=one[-1].x + 0.2, y=one[-1].y - 0.05)] for one in things[::10]]
    spoilt = [mixed[i // 10] if i % 10 == 0 else one for i, one in enumerate(things)]
    found = measure(spoilt)
    assert found is not None
    assert abs(found.pitch_offset_deg - 1.2) < 0.4
    assert abs(found.yaw_offset_deg + 0.8) < 0.9


def test_the_order_of_things_makes_no_difference() -> None:
    things = things_of(drive(np.random.default_rng(2), 12, (1.0, 1.0)))
    one, other = measure(things), measure(things[::-1])
    assert one is not None and other is not None
    assert one.pitch_offset_deg == pytest.approx(other.pitch_offset_deg, abs=0.01)
    assert one.yaw_offset_deg == pytest.approx(other.yaw_offset_deg, abs=0.01)


def test_too_few_things_say_nothing() -> None:
    things = things_of(drive(np.random.default_rng(3), 12, (1.0, 1.0), QUIET))
    assert measure(things[: MIN_THINGS - 1]) is None
    assert measure([]) is None
    assert measure([[]] * 20) is None


def test_things_seen_once_or_while_standing_say_nothing() -> None:
    things = things_of(drive(np.random.default_rng(3), 20, (1.0, 1.0)))
    assert measure([one[:1] for one in things]) is None
    assert measure([[one[0], replace(one[0], x=one[0].x + 0.01)] for one in things]) is None


def test_a_thing_passed_again_later_is_another_approach() -> None:
    """The receiver errs otherwise by then: a thing must not be held together over the pause."""
    things = [one for one in things_of(drive(np.random.default_rng(6), 30, (0.0, 0.0), QUIET)) if len(one) > 1]
    later = [
        [replace(sight, fix=(sight.fix[0] + 20, sight.fix[1], sight.fix[2] + 60), course=None) for sight in one]
        for one in things
    ]
    found = measure([[*one, *again] for one, again in zip(things, later, strict=True)])
    assert found is not None
    assert found.things == 2 * len(things)
    assert abs(found.pitch_offset_deg) < 0.1


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.floats(-1, 1), st.floats(0.01, 3))
def test_what_fits_nothing_never_breaks_it_and_promises_nothing(seed: int, shift: float, spread: float) -> None:
    """Boxes anywhere in the picture and above the horizon, on a drive that goes anywhere."""
    rng = np.random.default_rng(seed)
    things = [
        [
            Sight((float(east), float(north), float(i)), float(rng.uniform(0, 360)), float(x), float(y + shift))
            for i, (east, north, x, y) in enumerate(rng.normal(0, [10, 10, spread, spread], (5, 4)))
        ]
        for _ in range(12)
    ]
    found = measure(things)
    assert found is None or (
        abs(found.pitch_offset_deg) <= 6 and 0 < found.pitch_sd_deg < 1.6 and found.yaw_sd_deg < 1.6
    )


@given(st.floats(2, 12), st.floats(3, 30), st.floats(0, 4))
def test_the_middle_row_of_something_flat_is_halfway_on_the_ground(pitch: float, near_m: float, long_m: float) -> None:
    camera = Camera(1.8, pitch, 70)

    def row(ahead_m: float) -> float:
        p = np.radians(pitch)
        return float((1.8 * np.cos(p) - ahead_m * np.sin(p)) / (ahead_m * np.cos(p) + 1.8 * np.sin(p)))

    middle = meet_ground(0.0, middle_row(row(near_m), row(near_m + long_m), np.radians(pitch)), camera)
    assert middle is not None
    assert middle.ahead_m == pytest.approx(near_m + long_m / 2, rel=1e-6)


def test_something_whose_upper_edge_is_at_the_horizon_is_seen_by_its_lower_one() -> None:
    assert middle_row(0.1, -0.2, np.radians(8)) == 0.1


@pytest.mark.parametrize("seed", [11, 12])
def test_in_the_simulated_city_the_mounting_is_found_from_potholes_and_cracks(seed: int) -> None:
    city = build_city(seed, streets_km=10, defects_per_km=14)
    (one_pass,) = plan_passes(city, passes=1, seed=seed, gps_sd_m=2.5, camera_error_deg=2.0)
    frames = list(observe(city, one_pass, Rates.measured(), seed))
    vehicle = one_pass.vehicle
    assert vehicle.told is not None
    things = city_things(frames, vehicle)
    found = measure_mounting(things, vehicle.told.height_m, vehicle.told.pitch_deg, vehicle.told.yaw_deg, 2.0, 2.0)
    assert found is not None and found.things >= 20
    pitch_off = vehicle.told.pitch_deg + found.pitch_offset_deg - vehicle.camera.pitch_deg
    yaw_off = vehicle.told.yaw_deg + found.yaw_offset_deg - vehicle.camera.yaw_deg
    assert abs(pitch_off) < min(0.4, 3 * found.pitch_sd_deg)
    assert abs(yaw_off) < min(1.2, 3 * found.yaw_sd_deg)


def city_things(frames: Sequence[ObservedFrame], vehicle: Vehicle) -> list[list[Sight]]:
    """By true defect; the calibration parts those that were passed twice."""
    assert vehicle.told is not None
    told = vehicle.told
    camera = Camera(told.height_m, told.pitch_deg, told.hfov_deg, told.yaw_deg, told.distortion)
    east_m = 111_320 * np.cos(np.radians(frames[0].lat))
    fixes = [(one.lon * east_m, one.lat * 110_790, one.captured_at.timestamp()) for one in frames]
    headings = headings_of([fix[:2] for fix in fixes], [one.heading_deg for one in frames], range(len(frames)))
    things: dict[str, list[Sight]] = {}
    for number, frame in enumerate(frames):
        for box in frame.boxes:
            x0, y0, x1, y1 = box.xyxy_px
            whole = x0 > 3 and x1 < frame.width - 3 and y1 < frame.height - 3
            if (
                box.true_id is None
                or box.class_key not in ("pothole", "road_crack")
                or number not in headings
                or not whole
            ):
                continue
            x, near = camera.ray((x0 + x1) / 2, y1, frame.width, frame.height)
            far = camera.ray((x0 + x1) / 2, y0, frame.width, frame.height)[1]
            heading = headings[number]
            course = (fixes[heading.between[0]], fixes[heading.between[1]]) if heading.between else None
            row = middle_row(near, far, np.radians(told.pitch_deg))
            things.setdefault(box.true_id, []).append(Sight(fixes[number], heading.deg, x, row, 0.3, course))
    return list(things.values())
