"""A camera's clock against GPS time: measured, split into zone and drift, relied upon only without doubt."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.surveys.clocks import ClockReading, doubt, measure_clock

HOUR = 3600.0
ZONES = st.integers(-48, 56).map(lambda quarters: quarters * 900)


@settings(deadline=None)
@given(ZONES, st.floats(-400, 400), st.lists(st.floats(-1, 1), min_size=10, max_size=60))
def test_a_steady_clock_is_measured_to_a_second_and_split_into_zone_and_drift(
    zone_s: int, drift_s: float, errors: list[float]
) -> None:
    reading = measure_clock([zone_s + drift_s + error for error in errors])
    assert reading is not None and doubt(reading) is None
    assert reading.offset_s == pytest.approx(zone_s + drift_s, abs=1.0)
    assert reading.zone_s == zone_s
    assert reading.drift_s == pytest.approx(drift_s, abs=1.0)


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.randoms())
def test_the_order_of_frames_changes_nothing(offsets: list[float], chance: object) -> None:
    shuffled = list(offsets)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert measure_clock(shuffled) == measure_clock(offsets)


def test_without_a_frame_that_has_both_times_there_is_no_reading() -> None:
    assert measure_clock([]) is None
    assert "no frame" in (doubt(None) or "")


def test_one_old_fix_in_a_hundred_does_not_move_the_clock() -> None:
    reading = measure_clock([3 * HOUR] * 99 + [3 * HOUR + 40])
    assert reading is not None and reading.offset_s == 3 * HOUR and doubt(reading) is None


@pytest.mark.parametrize(
    ("offsets", "word"),
    [
        ([3 * HOUR] * 9, "at least 10"),
        ([3 * HOUR] * 10 + [2 * HOUR] * 10, "spread"),
        ([3 * HOUR] * 90 + [2 * HOUR] * 10, "disagree"),
        ([float(s) for s in range(0, 40, 2)], "spread"),
        ([-20 * 365 * 24 * HOUR] * 20, "never set"),
    ],
)
def test_what_is_in_doubt_says_why(offsets: list[float], word: str) -> None:
    assert word in (doubt(measure_clock(offsets)) or "")


@settings(deadline=None)
@given(st.floats(-1e5, 1e5))
def test_zone_and_drift_are_the_whole_offset(offset_s: float) -> None:
    reading = ClockReading(offset_s, 0.0, 10, 0.0)
    assert reading.zone_s % 900 == 0
    assert abs(reading.drift_s) <= 450
    assert reading.zone_s + reading.drift_s == pytest.approx(offset_s)
