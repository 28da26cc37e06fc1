from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from service.core.geodesy import moved
from service.crews.planning import Job, Terms, Why, Window, plan_shift
from service.crews.rates import ASPHALT_KG_PER_M2, MATERIALS, WORK_TIMES, WorkTime, needs, work_min
from service.crews.travel import Measured
from tests.factories import DAMMAM, NOW

LATER = NOW + timedelta(days=9)
TERMS = Terms(start=DAMMAM[::-1], end=DAMMAM[::-1], speed_kmh=36.0, detour_factor=1.0)


def job(order_id: int, east_m: float, *, due_at: datetime = LATER, quantity: float | None = 0.1, **told: float) -> Job:
    lat, lon = moved(*DAMMAM, 90, east_m)
    return Job(order_id, "pothole", quantity, lat, lon, due_at, priority=told.get("priority", 50.0))


def shift(minutes: int = 480) -> Window:
    return Window(NOW, NOW + timedelta(minutes=minutes))


def test_stops_follow_one_another_by_driving_and_working() -> None:
    planned = plan_shift([job(2, 720), job(1, 360)], TERMS, shift(), [])
    assert {stop.job.order_id for stop in planned.stops} == {1, 2}
    first, second = planned.stops
    assert first.arrives_at - NOW == timedelta(seconds=first.drive_s)
    assert first.leaves_at - first.arrives_at == timedelta(minutes=6)
    assert second.arrives_at - first.leaves_at == timedelta(seconds=second.drive_s)
    assert planned.drive_m == pytest.approx(1440, rel=0.001)
    assert planned.back_at - NOW == timedelta(seconds=144, minutes=12)
    assert planned.measured is Measured.GREAT_CIRCLE and planned.skipped == ()


def test_the_order_of_the_jobs_given_does_not_matter() -> None:
    jobs = [job(number, 300 * (number * 7 % 11)) for number in range(1, 10)]
    assert plan_shift(jobs, TERMS, shift(), []) == plan_shift(jobs[::-1], TERMS, shift(), [])


def test_the_break_begins_after_the_stop_during_which_its_time_comes() -> None:
    terms = Terms(**{**TERMS.__dict__, "break_after_min": 10, "break_min": 30})
    planned = plan_shift([job(number, 10 * number) for number in (1, 2, 3)], terms, shift(), [])
    leaving = [stop.leaves_at for stop in planned.stops]
    assert planned.break_at == leaving[1]
    assert planned.stops[2].arrives_at - leaving[1] >= timedelta(minutes=30)


def test_the_break_is_not_owed_again_after_it_was_taken_and_shortens_the_shift_otherwise() -> None:
    terms = Terms(**{**TERMS.__dict__, "break_after_min": 5, "break_min": 30})
    jobs = [job(number, 0.0) for number in range(1, 9)]
    assert len(plan_shift(jobs, terms, shift(48), []).stops) == 3
    taken = Window(NOW, NOW + timedelta(minutes=48), worked_min=60, break_taken=True)
    assert len(plan_shift(jobs, terms, taken, []).stops) == 8


def test_what_is_left_out_has_its_reason() -> None:
    crowd = plan_shift([job(number, 0.0) for number in range(1, 20)], TERMS, shift(60), [])
    assert len(crowd.stops) == 10 and {one.why for one in crowd.skipped} == {Why.SHIFT_FULL}
    few = plan_shift([job(1, 0), job(2, 0)], Terms(**{**TERMS.__dict__, "capacity": 1}), shift(), [])
    assert [one.why for one in few.skipped] == [Why.CAPACITY]
    far = plan_shift([job(1, 0), job(2, 40_000)], TERMS, shift(60), [])
    assert [(one.job.order_id, one.why) for one in far.skipped] == [(2, Why.TOO_LONG)]
    heavy = plan_shift([job(1, 0, quantity=9.0)], Terms(**{**TERMS.__dict__, "carries_kg": 500}), shift(), [])
    assert [one.why for one in heavy.skipped] == [Why.LOAD]


def test_what_is_due_before_the_end_of_the_shift_goes_before_what_is_not() -> None:
    jobs = [job(number, 0.0, priority=100.0) for number in range(1, 12)] + [job(99, 3000, due_at=NOW, priority=0.0)]
    planned = plan_shift(jobs, TERMS, shift(40), [])
    assert planned.stops[0].job.order_id == 99 and planned.stops[0].must


def test_a_plan_without_jobs_is_empty() -> None:
    planned = plan_shift([], TERMS, shift(), [])
    assert planned.stops == () and planned.back is None and planned.back_at == NOW


@given(st.floats(0, 1.0))
def test_a_pothole_machine_needs_five_to_ten_minutes_a_hole(area_m2: float) -> None:
    assert 5 <= WORK_TIMES["pothole"].minutes(area_m2) <= 10
    assert 5 <= WORK_TIMES["pothole"].minutes(None) <= 10


@given(st.sampled_from(KEYS), st.floats(0, 500), st.floats(0, 500))
def test_more_work_never_takes_less_time(class_key: str, one: float, other: float) -> None:
    less, more = sorted([one, other])
    assert work_min(class_key, less, {}) <= work_min(class_key, more, {}) + 1e-9


def test_a_crews_own_times_come_before_the_usual_ones() -> None:
    own = {"pothole": WorkTime(1, 0, 1, 1, 1)}
    assert work_min("pothole", 0.5, own) == 1 and work_min("garbage", 0.5, own) == WORK_TIMES["garbage"].minutes(0.5)


def test_every_class_has_its_time_and_materials_say_what_they_assume() -> None:
    assert set(WORK_TIMES) == set(KEYS) and set(MATERIALS) <= set(KEYS)
    assert all(one.because for materials in MATERIALS.values() for one in materials)


def test_asphalt_is_area_times_depth_times_density_and_unknown_areas_are_told() -> None:
    asphalt, emulsion = needs([("pothole", 0.4), ("pothole", 0.6), ("pothole", None)])
    assert asphalt.amount == pytest.approx(0.05 * 2350 * 1.1) == pytest.approx(ASPHALT_KG_PER_M2)
    assert (asphalt.orders, asphalt.unknown_orders) == (3, 1)
    assert "5 cm" in asphalt.material.because and emulsion.amount == pytest.approx(0.5)
