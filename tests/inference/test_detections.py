"""The value every part speaks."""

import numpy as np
import pytest

from inference.detections import Detection, Detections

KEYS = ("pothole", "garbage")


def two_boxes(orientation: int = 1) -> Detections:
    boxes = np.array([[10, 20, 30, 40], [0, 0, 5, 6]], np.float32)
    return Detections(boxes, np.array([0.75, 0.5], np.float32), np.array([1, 0]), KEYS, 100, 50, orientation)


def test_iterating_gives_named_detections_highest_score_first() -> None:
    assert list(two_boxes()) == [
        Detection("garbage", 0.75, (10, 20, 30, 40)),
        Detection("pothole", 0.5, (0, 0, 5, 6)),
    ]


def test_to_stored_of_a_quarter_turn_swaps_the_sides_and_moves_the_boxes() -> None:
    stored = two_boxes(orientation=6).to_stored()
    assert (stored.width, stored.height) == (50, 100)
    assert stored.xyxy_px.tolist() == [[20, 70, 40, 90], [0, 95, 6, 100]]
    assert stored.score.tolist() == [0.75, 0.5]
    assert np.array_equal(stored.to_stored().xyxy_px, stored.xyxy_px)


def test_to_stored_of_an_upright_file_changes_nothing() -> None:
    assert np.array_equal(two_boxes().to_stored().xyxy_px, two_boxes().xyxy_px)


def test_arrays_that_disagree_are_refused_with_their_shapes() -> None:
    with pytest.raises(ValueError, match=r"expected shapes .* got \(\(1, 4\), \(2,\), \(2,\)\)"):
        Detections(np.zeros((1, 4), np.float32), np.zeros(2, np.float32), np.zeros(2, np.int64), KEYS, 9, 9)


def test_unsorted_scores_are_refused() -> None:
    boxes, scores = np.zeros((2, 4), np.float32), np.array([0.1, 0.2], np.float32)
    with pytest.raises(ValueError, match="sorted"):
        Detections(boxes, scores, np.zeros(2, np.int64), KEYS, 9, 9)
