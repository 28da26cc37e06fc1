"""Average precision of one class, as COCO defines it."""

import numpy as np
import pytest

from training.scoring import Cell

pytest.importorskip("faster_coco_eval", reason="needs the train extra: faster-coco-eval")
from training.average_precision import Size, average_precision, average_precision_by_size

TRUTH = np.array([[0.0, 0.0, 10.0, 10.0]])


def cell(found: np.ndarray, score: list[float], truth: np.ndarray = TRUTH) -> Cell:
    return Cell("pothole", "s", "g", truth, found.reshape(-1, 4), np.array(score))


def test_finding_everything_exactly_scores_one() -> None:
    ap = average_precision([cell(TRUTH, [0.9])])
    assert ap is not None
    assert (ap.at_30, ap.at_50, ap.at_50_95) == pytest.approx((1, 1, 1))


def test_finding_nothing_scores_zero() -> None:
    ap = average_precision([cell(np.zeros((0, 4)), [])])
    assert ap is not None
    assert ap.at_50 == 0


def test_a_loose_box_counts_at_a_small_overlap_only() -> None:
    ap = average_precision([cell(np.array([0.0, 0.0, 10.0, 4.0]), [0.9])])
    assert ap is not None
    assert (ap.at_30, ap.at_50) == pytest.approx((1, 0))


def test_a_louder_false_alarm_halves_the_precision() -> None:
    both = np.array([[50.0, 50.0, 60.0, 60.0], [0.0, 0.0, 10.0, 10.0]])
    ap = average_precision([cell(both, [0.9, 0.8])])
    assert ap is not None
    assert ap.at_50 == pytest.approx(0.5)


def test_a_class_without_labelled_boxes_has_no_average_precision() -> None:
    assert average_precision([cell(TRUTH, [0.9], truth=np.zeros((0, 4)))]) is None


def square(side: float, left: float = 0.0) -> np.ndarray:
    return np.array([[left, 0.0, left + side, side]])


def test_boxes_are_scored_by_their_size_and_belong_to_one() -> None:
    truth = np.concatenate([square(31.9), square(32, 100), square(95.9, 200), square(96, 400)])
    by_size = average_precision_by_size([cell(truth[1:], [0.9, 0.8, 0.7], truth=truth)])
    assert {size: ap.boxes for size, ap in by_size.items()} == {
        Size.ALL: 4, Size.SMALL: 1, Size.MEDIUM: 2, Size.LARGE: 1
    }  # fmt: skip
    assert [by_size[size].at_50 for size in (Size.SMALL, Size.MEDIUM, Size.LARGE)] == pytest.approx([0, 1, 1])


def test_a_size_without_labelled_boxes_has_no_average_precision() -> None:
    assert set(average_precision_by_size([cell(square(10), [0.9], truth=square(10))])) == {Size.ALL, Size.SMALL}
