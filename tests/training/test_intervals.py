"""Resampling whole scenes: fast sums that give what counting every drawn picture would."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from training.intervals import RESAMPLES, Group, Interval, interval, rank, resample_groups, share
from training.scoring import Cell

BOX = np.array([0.0, 0.0, 10.0, 10.0])
PLACES = [BOX + np.array([30.0 * i, 0, 30.0 * i, 0]) for i in range(6)]
place = st.integers(0, 5)
cell_values = st.tuples(
    st.sampled_from("abc"),
    st.sets(place, max_size=4),
    st.lists(st.tuples(place, st.floats(0.01, 0.99)), max_size=6),
)


def cell_of(group: str, truths: set[int], found: list[tuple[int, float]]) -> Cell:
    ordered = sorted(found, key=lambda one: -one[1])
    boxes = np.array([PLACES[p] for p, _ in ordered]).reshape(-1, 4)
    truth = np.array([PLACES[p] for p in sorted(truths)]).reshape(-1, 4)
    return Cell("pothole", "s", group, truth, boxes, np.array([score for _, score in ordered], dtype=np.float64))


def columns(cells: list[Cell]) -> dict[Group, int]:
    return resample_groups((cell.source, cell.group) for cell in cells).column


@settings(max_examples=60, deadline=None)
@given(st.lists(cell_values, min_size=1, max_size=8))
def test_average_precision_agrees_with_faster_coco_eval(
    values: list[tuple[str, set[int], list[tuple[int, float]]]],
) -> None:
    pytest.importorskip("faster_coco_eval", reason="needs the train extra: faster-coco-eval")
    from training.average_precision import average_precision

    cells = [cell_of(*value) for value in values]
    theirs = average_precision(cells)
    column = columns(cells)
    (ours,) = rank(cells, 0.5, column).average_precision(np.ones((1, len(column))))
    assert (theirs is None) == bool(np.isnan(ours))
    if theirs is not None:
        assert ours == pytest.approx(theirs.at_50, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(cell_values, min_size=1, max_size=8), st.tuples(*[st.integers(0, 3)] * 3))
def test_a_weight_is_as_good_as_so_many_copies(
    values: list[tuple[str, set[int], list[tuple[int, float]]]], times: tuple[int, int, int]
) -> None:
    scores = [score for _, _, found in values for _, score in found]
    assume(len(set(scores)) == len(scores))  # between equal scores the order is nobody's
    cells = [cell_of(*value) for value in values]
    column = columns(cells)
    weights = np.array([[float(times["abc".index(group)]) for _, group in column]])
    copies = [cell for cell in cells for _ in range(times["abc".index(cell.group)])]
    (weighted,) = rank(cells, 0.5, column).average_precision(weights)
    (copied,) = rank(copies, 0.5, column).average_precision(np.ones((1, len(column))))
    assert weighted == pytest.approx(copied, abs=1e-9, nan_ok=True)


def test_each_source_keeps_its_number_of_scenes() -> None:
    drawn = resample_groups([("a", "1"), ("a", "2"), ("a", "2"), ("b", "1")])
    of_a = [drawn.column["a", "1"], drawn.column["a", "2"]]
    assert drawn.weights.shape == (RESAMPLES, 3)
    assert set(drawn.weights[:, of_a].sum(axis=1)) == {2}
    assert set(drawn.weights[:, drawn.column["b", "1"]]) == {1}
    assert len(np.unique(drawn.weights, axis=0)) == 3


def test_equal_scenes_are_drawn_equally_whatever_their_order() -> None:
    one, two = resample_groups([("a", "1"), ("a", "2")]), resample_groups([("a", "2"), ("a", "1")])
    assert one.column == two.column
    assert np.array_equal(one.weights, two.weights)


def test_an_interval_holds_the_middle_of_the_resamples() -> None:
    assert interval(np.linspace(0, 40, 1001)) == Interval(1.0, 39.0)


def test_a_figure_that_is_rarely_defined_has_no_interval() -> None:
    assert interval(np.array([0.5, np.nan, np.nan])) is None


def test_a_share_of_nothing_is_undefined() -> None:
    shares = share(np.array([1.0, 0.0]), np.array([2.0, 0.0]), np.array([[1.0, 5.0], [0.0, 3.0]]))
    assert shares[0] == 0.5
    assert np.isnan(shares[1])
