"""Other ways to show a picture to a network than whole and at its own size, to be compared at what they cost."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inference.detections import Detections
from inference.detector import Detector
from inference.heads import MAX_BOXES, NMS_IOU
from inference.letterbox import Letterbox
from inference.overlap import iou_matrix
from training.errors import EvaluationError


class View(StrEnum):
    """The names of `rasid evaluate --view`."""

    WHOLE_640 = "whole-640"
    WHOLE_960 = "whole-960"
    WHOLE_1280 = "whole-1280"
    TILES_1280 = "tiles-1280"
    BAND_1280 = "band-1280"


@dataclass(frozen=True)
class Look:
    """One run of the network: a part of the picture (x0, y0, x1, y1, fractions) scaled to this long side."""

    part: tuple[float, float, float, float]
    long_side_px: int


_WHOLE = (0.0, 0.0, 1.0, 1.0)
LOOKS: dict[View, tuple[Look, ...]] = {
    View.WHOLE_640: (Look(_WHOLE, 640),),
    View.WHOLE_960: (Look(_WHOLE, 960),),
    View.WHOLE_1280: (Look(_WHOLE, 1280),),
    # Two tiles of a picture 1280 wide that share a fifth of it.
    View.TILES_1280: (Look((0.0, 0.0, 0.6, 1.0), 768), Look((0.4, 0.0, 1.0, 1.0), 768)),
    # All of it small, and the strip around and below the horizon, where far holes are, large.
    View.BAND_1280: (Look(_WHOLE, 640), Look((0.0, 0.35, 1.0, 0.75), 1280)),
}


class ViewDetector:
    """Detects by several looks at a picture and keeps one box of those that different looks agree on."""

    def __init__(self, detector: Detector, view: View) -> None:
        if not detector.model.fits_aspect:
            raise EvaluationError(f"expected a network of any input size for --view {view}, got one of a fixed size")
        self.looks = [(look, _at_long_side(detector, look.long_side_px)) for look in LOOKS[view]]

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """As Detector.detect."""
        return [_joined([_look(detector, look, image) for look, detector in self.looks]) for image in images]


def input_pixels(view: View, width: int, height: int, stride: int = 32) -> int:
    """Pixels of all network inputs for a picture of this size: what the view costs."""
    letterboxes = [
        Letterbox.around(*_size(_place(look, width, height)), look.long_side_px, stride) for look in LOOKS[view]
    ]
    return sum(box.input_width * box.input_height for box in letterboxes)


def _at_long_side(detector: Detector, long_side_px: int) -> Detector:
    other = copy(detector)
    sides = {"input_width": long_side_px, "input_height": long_side_px}
    other.model = detector.model.model_copy(update=sides)
    return other


def _place(look: Look, width: int, height: int) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = look.part
    return round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height)


def _size(place: tuple[int, int, int, int]) -> tuple[int, int]:
    x0, y0, x1, y1 = place
    return max(x1 - x0, 1), max(y1 - y0, 1)


def _look(detector: Detector, look: Look, image: NDArray[np.uint8]) -> Detections:
    height, width = image.shape[:2]
    x0, y0, x1, y1 = _place(look, width, height)
    (found,) = detector.detect([np.ascontiguousarray(image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)])])
    moved = found.xyxy_px + np.array([x0, y0, x0, y0], dtype=np.float32)
    return Detections(moved, found.score, found.class_index, found.class_keys, width, height)


def _joined(looks: Sequence[Detections]) -> Detections:
    """The boxes of all looks, suppressed once more by class; a single look stays as it is."""
    if len(looks) == 1:
        return looks[0]
    first = looks[0]
    score = np.concatenate([found.score for found in looks])
    order = np.argsort(-score, kind="stable")
    boxes = np.concatenate([found.xyxy_px for found in looks])[order]
    index = np.concatenate([found.class_index for found in looks])[order]
    overlaps = (iou_matrix(boxes.astype(np.float64), boxes.astype(np.float64)) > NMS_IOU) & (index[:, None] == index)
    kept: list[int] = []
    for row in range(len(boxes)):
        if not overlaps[row, kept].any():
            kept.append(row)
    chosen = np.array(kept[:MAX_BOXES], dtype=np.intp)
    return Detections(boxes[chosen], score[order][chosen], index[chosen], first.class_keys, first.width, first.height)
