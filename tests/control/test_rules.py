"""The rules of periods, ranking and progress, on values alone."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.control.definitions import Better, Shape
from service.control.periods import PeriodKind, Span, before, hijri, span_of
from service.control.progress import Seen, Status, forecast, progress
from service.control.ranking import DEFAULT_RULE, Missing, Rule, rank

DAYS = st.dates(date(1990, 1, 1), date(2060, 1, 1))
KINDS = st.sampled_from([kind for kind in PeriodKind if kind is not PeriodKind.RANGE])
PERCENT = st.none() | st.floats(0, 100)


@given(KINDS, DAYS)
def test_periods_of_a_kind_follow_one_another_without_gap(kind: PeriodKind, day: date) -> None:
    span = span_of(kind, day)
    assert span.first <= day <= span.last
    assert span_of(kind, span.first) == span_of(kind, span.last) == span
    assert before(kind, span, date(2090, 1, 1)).last == span.first - timedelta(days=1)
    running = before(kind, span, day)
    if day < span.last:
        assert running.days <= (day - span.first).days + 1


@given(DAYS, st.integers(0, 800))
def test_the_whole_months_of_a_span_are_the_longest_that_lie_in_it(first: date, more: int) -> None:
    span = Span(first, first + timedelta(more))
    days = {first + timedelta(number) for number in range(more + 1)}
    starts = [day for day in sorted(days) if day.day == 1]
    whole = [
        day for day in starts if all(day + timedelta(n) in days for n in range(monthrange(day.year, day.month)[1]))
    ]
    months = span.whole_months
    if not whole:
        assert months is None
    else:
        end = whole[-1] + timedelta(monthrange(whole[-1].year, whole[-1].month)[1] - 1)
        assert months == Span(whole[0], end)


def test_weeks_begin_on_sunday_and_hijri_months_are_those_of_umm_al_qura() -> None:
    assert span_of(PeriodKind.WEEK, date(2026, 11, 22)) == Span(date(2026, 11, 22), date(2026, 11, 28))
    ramadan = span_of(PeriodKind.HIJRI_MONTH, date(2026, 3, 1))
    assert ramadan == Span(date(2026, 2, 18), date(2026, 3, 19))
    assert (hijri(ramadan.first), hijri(ramadan.last)) == ("1447-09-01", "1447-09-30")
    assert span_of(PeriodKind.MONTH, date(2028, 2, 10)).last == date(2028, 2, 29)


def figures(**shares: float | None) -> dict[str, float | None]:
    return {"received": 100, **shares}


def test_a_score_is_the_weighted_mean_and_says_what_made_it() -> None:
    rule = Rule({"percent_treated": 3, "percent_in_time": 1}, 20, Missing.LEAVE_OUT, 1, ("received",))
    (one,) = rank(rule, {7: figures(percent_treated=80, percent_in_time=40)})
    assert (one.rank, one.score) == (1, 70)
    assert [(share.indicator, share.points) for share in one.shares] == [
        ("percent_treated", 60),
        ("percent_in_time", 10),
    ]


def test_a_figure_without_a_value_is_left_out_or_counts_nothing_as_the_rule_says() -> None:
    values = {7: figures(percent_treated=80, percent_in_time=None)}
    weights = {"percent_treated": 1.0, "percent_in_time": 1.0}
    assert rank(Rule(weights, 0, Missing.LEAVE_OUT, 1, ()), values)[0].score == 80
    assert rank(Rule(weights, 0, Missing.ZERO, 1, ()), values)[0].score == 40


def test_equal_scores_share_a_rank_and_too_few_orders_have_none() -> None:
    rule = Rule({"percent_treated": 1}, 20, Missing.LEAVE_OUT, 0, ("received",))
    found = rank(rule, {
        1: figures(percent_treated=70.2), 2: {"received": 200, "percent_treated": 69.9}, 3: figures(percent_treated=90),
        4: figures(percent_treated=10), 5: {"received": 19, "percent_treated": 100}, 6: figures(percent_treated=None),
    })  # fmt: skip
    assert [(one.municipality_id, one.rank) for one in found] == [(3, 1), (2, 2), (1, 2), (4, 4), (5, None), (6, None)]
    assert "19" in (found[4].reason or "") and found[5].reason


@given(st.dictionaries(st.integers(1, 30), st.tuples(PERCENT, PERCENT, PERCENT, st.integers(0, 60)), max_size=12))
def test_ranking_keeps_everyone_in_order_of_scores_made_of_their_points(
    values: dict[int, tuple[float | None, float | None, float | None, int]],
) -> None:
    keys = "percent_treated", "percent_in_time", "percent_coverage"
    asked = {key: dict(zip((*keys, "received"), row, strict=True)) for key, row in values.items()}
    found = rank(DEFAULT_RULE, asked)
    assert {one.municipality_id for one in found} == set(values)
    ranked = [one for one in found if one.rank is not None]
    assert [one.score for one in ranked] == sorted((one.score or 0 for one in ranked), reverse=True)
    for place, one in enumerate(ranked):
        assert one.rank == 1 + sum((other.score or 0) > (one.score or 0) for other in ranked)
        assert one.rank <= place + 1
        assert one.score == pytest.approx(sum(share.points or 0 for share in one.shares), abs=0.051)
        assert -1e-9 <= (one.score or 0) <= 100 + 1e-9


def test_a_count_goes_on_at_its_recent_pace_and_a_share_at_its_recent_share() -> None:
    assert forecast(Shape.COUNT, Seen(100), Seen(56), 28, 14) == 128
    assert forecast(Shape.SHARE, Seen(50, 100), Seen(90, 100), 28, 28) == 70
    assert forecast(Shape.LEVEL, Seen(60), Seen(40), 28, 14) == 70
    assert forecast(Shape.SHARE, Seen(50, 100), Seen(None, 0), 28, 28) == 50
    assert forecast(Shape.COUNT, Seen(None), Seen(1), 28, 14) is None


@given(
    st.floats(0, 100), st.floats(0, 1e4), st.floats(0, 100), st.floats(0, 1e4), st.integers(1, 28), st.integers(0, 400)
)
@example(0.0, 0.0, 1.5, 5e-324, 1, 1)
def test_the_forecast_of_a_share_lies_between_what_was_and_what_is(
    share: float, of: float, recent: float, recent_of: float, days: int, left: int
) -> None:
    found = forecast(Shape.SHARE, Seen(share, of), Seen(recent, recent_of), days, left)
    assert found is not None
    assert min(share, recent) - 1e-6 <= found <= max(share, recent) + 1e-6


@pytest.mark.parametrize(
    ("value", "expected", "better", "ended", "shape", "status"),
    [
        (None, None, Better.HIGHER, False, Shape.SHARE, Status.NO_DATA),
        (85.0, 82.0, Better.HIGHER, False, Shape.SHARE, Status.ON_TRACK),
        (85.0, 77.0, Better.HIGHER, False, Shape.SHARE, Status.AT_RISK),
        (85.0, 60.0, Better.HIGHER, False, Shape.SHARE, Status.OFF_TRACK),
        (85.0, None, Better.HIGHER, True, Shape.SHARE, Status.ACHIEVED),
        (79.9, None, Better.HIGHER, True, Shape.SHARE, Status.MISSED),
        (81.0, 90.0, Better.HIGHER, False, Shape.COUNT, Status.ACHIEVED),
        (90.0, 81.0, Better.LOWER, False, Shape.LEVEL, Status.AT_RISK),
        (90.0, None, Better.LOWER, True, Shape.LEVEL, Status.MISSED),
        (80.0, None, Better.LOWER, True, Shape.LEVEL, Status.ACHIEVED),
    ],
)
def test_status_says_whether_80_will_be_reached(
    value: float | None, expected: float | None, better: Better, ended: bool, shape: Shape, status: Status
) -> None:
    found = progress(value, expected, 80.0, better, 5.0, begun=True, ended=ended, shape=shape)
    assert found.status is status


def test_before_a_phase_begins_nothing_is_said() -> None:
    found = progress(None, None, 80.0, Better.HIGHER, 5.0, begun=False, ended=False, shape=Shape.SHARE)
    assert (found.status, found.value, found.forecast) == (Status.NOT_BEGUN, None, None)
