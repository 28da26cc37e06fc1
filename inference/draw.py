"""Draws what was found, because a person judges a detector fastest by looking."""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.taxonomy import BY_KEY
from inference.detections import Detection, Detections

Bgr = tuple[int, int, int]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_OTHER: Bgr = (200, 200, 200)
_BLACK: Bgr = (0, 0, 0)
_WHITE: Bgr = (255, 255, 255)


def draw_detections(image: NDArray[np.uint8], found: Detections) -> NDArray[np.uint8]:
    """Return a copy of an upright BGR image with a box and a "key 0.83" label for each detection."""
    canvas = image.copy()
    line_px = max(2, round(min(image.shape[:2]) / 300))
    for detection in reversed(list(found)):  # the surest is drawn last, on top
        _draw_box(canvas, detection, line_px)
    for detection in reversed(list(found)):
        _draw_label(canvas, detection, line_px)
    return canvas


def _draw_box(canvas: NDArray[np.uint8], detection: Detection, line_px: int) -> None:
    x0, y0, x1, y1 = (round(side) for side in detection.xyxy_px)
    cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), _colour_of(detection.class_key), line_px)


def _draw_label(canvas: NDArray[np.uint8], detection: Detection, line_px: int) -> None:
    """Write on a filled strip above the box, moved inside the image where it would leave it."""
    text = f"{detection.class_key} {detection.score:.2f}"
    size = line_px * 0.25
    thickness = max(1, line_px // 2)
    (width, height), baseline = cv2.getTextSize(text, _FONT, size, thickness)
    strip_px = height + baseline + 2 * line_px
    left = max(0, min(round(detection.xyxy_px[0]), canvas.shape[1] - width))
    top = max(0, round(detection.xyxy_px[1]) - strip_px)
    colour = _colour_of(detection.class_key)
    cv2.rectangle(canvas, (left, top), (left + width, top + strip_px), colour, cv2.FILLED)
    origin = (left, top + strip_px - baseline - line_px)
    cv2.putText(canvas, text, origin, _FONT, size, _readable_on(colour), thickness, cv2.LINE_AA)


def _colour_of(class_key: str) -> Bgr:
    known = BY_KEY.get(class_key)
    if known is None:
        return _OTHER
    red, green, blue = bytes.fromhex(known.color.removeprefix("#"))
    return blue, green, red


def _readable_on(colour: Bgr) -> Bgr:
    blue, green, red = colour
    return _BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else _WHITE
