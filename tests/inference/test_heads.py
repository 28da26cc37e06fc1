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


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_dense_suppression_leaves_no_overlap_and_drops_nothing_without_a_stronger_neighbour(
    seed: int, count: int
) -> None:
    random = np.random.default_rng(seed)
    columns = np.concatenate(
        [
            random.uniform(20, 60, (2, count)),
            random.uniform(10, 30, (2, count)),
            random.uniform(0, 1, (2, count)),
        ]
    ).astype(np.float32)
    found = read_head(Head.DENSE, columns, thresholds(0.2, 0.2))
    kept = list(zip(found.xyxy_input_px, found.score, found.class_index, strict=True))
    for i, (box, _, class_index) in enumerate(kept):
        assert all(overlap(box, b) <= NMS_IOU + 1e-5 for b, _, c in kept[:i] if c == class_index)
    for dropped in _dropped(columns, found):
        assert any(c == dropped[2] and s >= dropped[1] and overlap(b, dropped[0]) > NMS_IOU - 1e-5 for b, s, c in kept)


def _dropped(columns: NDArray[np.float32], found: Candidates) -> list[tuple[NDArray[np.float32], float, int]]:
    corners = np.concatenate([columns[:2] - columns[2:4] / 2, columns[:2] + columns[2:4] / 2]).T
    kept = set(zip(found.score.tolist(), found.class_index.tolist(), strict=True))
    everything = [(corners[i], float(columns[4 + c, i]), c) for i in range(columns.shape[1]) for c in range(2)]
    return [row for row in everything if row[1] >= np.float32(0.2) and (row[1], row[2]) not in kept]
