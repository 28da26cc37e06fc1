"""Average precision of one class, as COCO defines it."""

import numpy as np
import pytest

from training.scoring import Cell

pytest.importorskip("faster_coco_eval", reason="needs the train extra: faster-coco-eval")
from training.average_precision import average_precision

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
