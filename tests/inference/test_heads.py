"""Reading raw outputs: thresholds, order, suppression and the limit of 300."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.heads import MAX_BOXES, NMS_IOU, Candidates, Head, read_head

Row = tuple[float, ...]


def end2end_rows(rows: Sequence[Row]) -> NDArray[np.float32]:
    return np.array([*rows, *[(0,) * 6] * (300 - len(rows))], np.float32)


def dense_columns(boxes: Sequence[Row], scores: Sequence[Row]) -> NDArray[np.float32]:
    return np.concatenate([np.array(boxes, np.float32), np.array(scores, np.float32)], axis=1).T


def thresholds(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.clip(sides, 0, None)))
    return shared / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - shared)


def test_end2end_keeps_each_class_by_its_own_threshold_highest_first() -> None:
    rows = end2end_rows([(1, 2, 3, 4, 0.4, 0), (5, 6, 7, 8, 0.6, 1), (9, 9, 12, 12, 0.45, 1)])
    found = read_head(Head.END2END, rows, thresholds(0.4, 0.5))
    assert found.class_index.tolist() == [1, 0]
    assert found.xyxy_input_px.tolist() == [[5, 6, 7, 8], [1, 2, 3, 4]]


def test_end2end_drops_rows_that_are_not_finite_or_of_no_class() -> None:
    rows = end2end_rows([(1, 2, np.nan, 4, 0.9, 0), (1, 2, 3, 4, np.inf, 0), (1, 2, 3, 4, 0.9, 7)])
    assert len(read_head(Head.END2END, rows, thresholds(0.1, 0.1)).score) == 0


def test_dense_boxes_are_turned_from_centre_and_size_to_corners() -> None:
    found = read_head(Head.DENSE, dense_columns([(10, 20, 4, 6)], [(0.9, 0.0)]), thresholds(0.5, 0.5))
    assert found.xyxy_input_px.tolist() == [[8, 17, 12, 23]]


def test_dense_suppresses_the_weaker_of_two_boxes_on_one_object_of_one_class_only() -> None:
    boxes = [(50, 50, 20, 20), (51, 50, 20, 20), (51, 50, 20, 20), (150, 50, 20, 20)]
    columns = dense_columns(boxes, [(0.7, 0), (0.8, 0), (0, 0.6), (0.5, 0)])
    found = read_head(Head.DENSE, columns, thresholds(0.3, 0.3))
    assert [(int(c), round(float(s), 2)) for c, s in zip(found.class_index, found.score, strict=True)] == [
        (0, 0.8), (1, 0.6), (0, 0.5)
    ]  # fmt: skip


def test_dense_keeps_at_most_300_boxes_and_they_are_the_best() -> None:
    boxes = [(20.0 * i, 10, 8, 8) for i in range(500)]
    scores = [(i / 1000,) for i in range(500)]
    found = read_head(Head.DENSE, dense_columns(boxes, scores), thresholds(0.001))
    assert len(found.score) == MAX_BOXES
    assert np.allclose(found.score, np.arange(499, 199, -1) / 1000)


def noise(seed: int, count: int) -> NDArray[np.float32]:
    """Dense columns of `count` overlapping boxes with scores of two classes."""
    random = np.random.default_rng(seed)
    places, sides = random.uniform(20, 60, (2, count)), random.uniform(10, 30, (2, count))
    return np.concatenate([places, sides, random.uniform(0, 1, (2, count))]).astype(np.float32)


SEEDS, COUNTS = st.integers(0, 2**32 - 1), st.integers(0, 60)


@settings(deadline=None)
@given(SEEDS, COUNTS)
def test_dense_suppression_leaves_no_overlap_and_drops_nothing_without_a_stronger_neighbour(
    seed: int, count: int
) -> None:
    columns = noise(seed, count)
    found = read_head(Head.DENSE, columns, thresholds(0.2, 0.2))
    kept = _before_voting(columns, found)
    for i, (box, _, class_index) in enumerate(kept):
        assert all(overlap(box, b) <= NMS_IOU + 1e-5 for b, _, c in kept[:i] if c == class_index)
    for dropped in _dropped(columns, found):
        assert any(c == dropped[2] and s >= dropped[1] and overlap(b, dropped[0]) > NMS_IOU - 1e-5 for b, s, c in kept)


def test_a_kept_box_lies_where_its_loud_neighbours_say_by_their_scores() -> None:
    boxes = [(50, 50, 20, 20), (54, 50, 20, 20), (52, 50, 20, 20), (60, 50, 20, 20)]
    scores = [(0.8,), (0.4,), (0.1,), (0.7,)]  # the third is too faint to vote, the last overlaps by a third only
    found = read_head(Head.DENSE, dense_columns(boxes, scores), thresholds(0.75))
    assert np.allclose(found.xyxy_input_px, [[40 + 4 / 3, 40, 60 + 4 / 3, 60]], atol=1e-3)


@settings(deadline=None)
@given(SEEDS, COUNTS, st.floats(0.05, 0.9))
def test_a_dense_box_is_the_same_under_every_threshold(seed: int, count: int, threshold: float) -> None:
    columns = noise(seed, count)
    everything = read_head(Head.DENSE, columns, thresholds(0.01, 0.01))
    fewer = read_head(Head.DENSE, columns, thresholds(threshold, threshold))
    assert fewer.score.tolist() == everything.score[everything.score >= np.float32(threshold)].tolist()
    assert np.allclose(fewer.xyxy_input_px, everything.xyxy_input_px[: len(fewer.score)], atol=1e-3)


Scored = tuple[NDArray[np.float32], float, int]


def _before_voting(columns: NDArray[np.float32], found: Candidates) -> list[Scored]:
    by_score = {(score, c): (box, score, c) for box, score, c in _everything(columns)}
    return [by_score[float(s), int(c)] for s, c in zip(found.score, found.class_index, strict=True)]


def _dropped(columns: NDArray[np.float32], found: Candidates) -> list[Scored]:
    kept = set(zip(found.score.tolist(), found.class_index.tolist(), strict=True))
    return [row for row in _everything(columns) if row[1] >= np.float32(0.2) and (row[1], row[2]) not in kept]


def _everything(columns: NDArray[np.float32]) -> list[Scored]:
    corners = np.concatenate([columns[:2] - columns[2:4] / 2, columns[:2] + columns[2:4] / 2]).T
    return [(corners[i], float(columns[4 + c, i]), c) for i in range(columns.shape[1]) for c in range(2)]
