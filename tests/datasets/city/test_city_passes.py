"""A pass drives every street both ways, and its receiver errs as it says and as real ones do."""

from collections import Counter

import numpy as np
import pytest

from datasets.simulator.city import plan_passes
from datasets.simulator.city.driving import drive_route
from datasets.simulator.city.receiver import drifting, receive
from datasets.simulator.city.routes import legs_of
from datasets.simulator.city.track import record_track
from tests.datasets.city.cities import city, passes


def test_one_pass_covers_every_street_in_each_direction_it_has() -> None:
    for one in passes():
        assert set(one.route) == legs_of(city().streets)


def test_a_route_goes_on_where_it_came_to() -> None:
    here = None
    for leg in passes()[0].route:
        street = city().streets[leg.street]
        start, end = (street.start_node, street.end_node)[:: 1 if leg.forward else -1]
        assert here in (None, start)
        here = end


def test_a_route_repeats_less_than_half_of_itself() -> None:
    assert len(passes()[0].route) < 1.5 * len(legs_of(city().streets))


def test_the_vehicle_keeps_to_the_right_of_a_two_way_street_and_moves_by_the_metre() -> None:
    one = passes()[0]
    drive, _ = drive_route(city().streets, one, np.random.default_rng(1))
    steps_m = np.hypot(*np.diff(drive.place_m, axis=0).T)
    assert steps_m.max() < 1.6  # in a U-turn the wandering adds to the metre
    street = next(s for s in city().streets if not s.oneway and s.length_m > 100)
    heading = np.radians(street.heading_deg(street.length_m / 2))
    step = drive.place_m - street.place(street.length_m / 2, 0.0)
    near = np.abs(step @ [np.sin(heading), np.cos(heading)]) < 1
    right_m = step @ [np.cos(heading), -np.sin(heading)]
    same_way = np.cos(np.radians(drive.heading_deg) - heading) > 0
    passing = near & (np.abs(right_m) < 4)
    assert (right_m[passing & same_way] > 0).all()
    assert (right_m[passing & ~same_way] < 0).all()
    assert (passing & same_way).any()
    assert (passing & ~same_way).any()


def test_passes_have_their_own_days_and_take_the_vehicles_in_turn() -> None:
    planned = plan_passes(city(), passes=6, days=90, vehicles=3)
    days = [(one.starts_at - city().starts_at).days for one in planned]
    assert days == sorted(days)
    assert len(set(days)) == 6
    assert max(days) < 90
    assert Counter(one.vehicle.id for one in planned) == {"car-1": 2, "car-2": 2, "car-3": 2}


def test_frames_are_as_far_apart_as_asked_except_across_gaps() -> None:
    for spacing_m in ((2.0, 10.0), (5.0, 5.0)):
        track = record_track(city().streets, plan_passes(city(), passes=1, spacing_m=spacing_m)[0])
        moving = np.hypot(*np.diff(track.true_m, axis=0).T)
        moving = moving[moving > 0.01]
        assert np.percentile(moving, 1) > 0.9 * spacing_m[0] - 0.5
        assert np.percentile(moving, 98) < 1.1 * spacing_m[1]


def test_drift_has_unit_deviation_and_the_stated_correlation_at_any_steps() -> None:
    rng = np.random.default_rng(2)
    time_s = np.cumsum(rng.uniform(0.2, 1.8, 400_000))
    value = drifting(time_s, 80.0, rng)
    assert value.std() == pytest.approx(1.0, abs=0.05)
    even = np.interp(np.arange(0, time_s[-1], 10.0), time_s, value)
    for lag in (4, 8, 16):
        assert np.corrcoef(even[:-lag], even[lag:])[0, 1] == pytest.approx(np.exp(-lag * 10 / 80), abs=0.06)


def test_the_receivers_error_has_the_deviation_asked_for_and_its_claim_is_right_to_a_third_or_so() -> None:
    time_s = np.arange(0, 5400.0)
    fixes = [receive(time_s, 2.5, np.random.default_rng(seed)) for seed in range(30)]
    calm = [one.error_m[one.dop < 1.7] for one in fixes]
    assert np.concatenate(calm).std() == pytest.approx(2.5 * np.hypot(1, 0.15), rel=0.06)
    claims = np.array([np.median(one.stated_sd_m) for one in fixes]) / 2.5
    assert 0.15 < claims.std() < 0.35
    assert claims.mean() == pytest.approx(1.0, abs=0.12)


def test_jumps_are_far_and_the_claim_rises_too_little() -> None:
    time_s = np.arange(0, 40_000.0)
    fixes = receive(time_s, 2.5, np.random.default_rng(4))
    jump = fixes.dop > 1.7
    assert 0.005 < jump.mean() < 0.08
    rms_m = np.sqrt((fixes.error_m[jump] ** 2).sum(axis=1).mean() / 2)
    assert rms_m > 1.4 * np.sqrt((fixes.error_m[~jump] ** 2).sum(axis=1).mean() / 2)
    assert np.median(fixes.stated_sd_m[jump]) < rms_m


def test_two_passes_start_with_errors_of_their_own() -> None:
    starts = [record_track(city().streets, one) for one in plan_passes(city(), passes=12)]
    errors_m = np.array([(track.told_m - track.true_m)[0] for track in starts])
    assert errors_m.std() == pytest.approx(2.5, rel=0.5)
    assert abs(np.corrcoef(errors_m[:-1, 0], errors_m[1:, 0])[0, 1]) < 0.7


def test_headings_follow_the_street_and_are_missing_where_the_vehicle_stands() -> None:
    track = record_track(city().streets, passes()[0])
    known = ~np.isnan(track.heading_deg)
    error_deg = np.abs((track.heading_deg - track.true_heading_deg + 180) % 360 - 180)[known]
    assert np.median(error_deg) < 4
    assert known.mean() > 0.9
    assert not known[track.speed_mps == 0].any()
    assert (track.speed_mps == 0).any()


def test_a_clock_ahead_moves_told_places_forward_along_the_street() -> None:
    one = plan_passes(city(), passes=1, gps_sd_m=0.0, clock_offset_sd_s=0.4)[0]
    track = record_track(city().streets, one)
    heading = np.radians(track.true_heading_deg)
    ahead_m = ((track.told_m - track.true_m) * np.column_stack([np.sin(heading), np.cos(heading)])).sum(axis=1)
    straight = track.speed_mps > 6
    expected = one.vehicle.clock_offset_s * track.speed_mps[straight]
    assert np.median(np.abs(ahead_m[straight] - expected)) < 0.15
    assert abs(one.vehicle.clock_offset_s) > 0.01


def test_calibration_errors_have_the_deviation_asked_for_and_uncalibrated_vehicles_tell_nothing() -> None:
    planned = plan_passes(city(), passes=200, vehicles=200, camera_error_deg=1.5, uncalibrated=20)
    told = [(one.vehicle.camera, one.vehicle.told) for one in planned]
    errors = np.array([(t.pitch_deg - c.pitch_deg, t.yaw_deg - c.yaw_deg) for c, t in told if t is not None])
    assert len(errors) == 180
    assert errors.std(axis=0) == pytest.approx([1.5, 1.5], rel=0.2)
    exact = plan_passes(city(), passes=3)
    assert all(one.vehicle.told.pitch_deg == one.vehicle.camera.pitch_deg for one in exact if one.vehicle.told)


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="spacing_m low <= high"):
        plan_passes(city(), spacing_m=(5.0, 2.0))
