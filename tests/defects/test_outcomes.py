import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.defects.outcomes import Outcome, Tally, outcome_of, wilson_interval
from service.defects.states import DefectState


@pytest.mark.parametrize(
    ("state", "defect_class", "expected"),
    [
        (DefectState.CONFIRMED, "pothole", Outcome.ACCEPTED),
        (DefectState.RESOLVED, "pothole", Outcome.ACCEPTED),
        (DefectState.CONFIRMED, "garbage", Outcome.RECLASSIFIED),
        (DefectState.REJECTED, "pothole", Outcome.REJECTED),
        (DefectState.REJECTED, "garbage", Outcome.REJECTED),
        (DefectState.CANDIDATE, "garbage", Outcome.UNDECIDED),
        (DefectState.MERGED, "pothole", Outcome.UNDECIDED),
    ],
)
def test_a_models_box_is_what_its_defect_turned_out_to_be(
    state: DefectState, defect_class: str, expected: Outcome
) -> None:
    assert outcome_of(state, defect_class, "pothole", by_person=False) is expected


def test_a_drawn_box_is_an_addition_once_its_defect_stands() -> None:
    assert outcome_of(DefectState.CONFIRMED, "pothole", "pothole", by_person=True) is Outcome.ADDED


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_is_that_of_the_published_tables(hits: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(hits, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_interval_lies_within_0_and_1_around_the_share_and_narrows_with_more(counts: tuple[int, int]) -> None:
    hits, total = counts
    low, high = wilson_interval(hits, total)
    assert 0.0 <= low <= hits / total + 1e-12 and hits / total <= high + 1e-12 <= 1.0 + 1e-12
    wider = wilson_interval(hits * 10, total * 10)
    assert wider[1] - wider[0] < high - low


def test_nothing_judged_says_nothing() -> None:
    assert Tally().precision is None and wilson_interval(0, 0) == (0.0, 1.0)
