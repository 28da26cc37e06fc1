"""Boxes as a form brings them, kept when they are refused, so that nobody draws twice."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.core.errors import Unprocessable
from service.defects.boxes import BoxPx

BETWEEN = re.compile(r"[\s,،]+")
MOST_DRAWN = 50  # boxes of one form; a street frame with more has not been seen


@dataclass(frozen=True)
class Draft:
    """What a refused form held, to be shown over the same sighting again."""

    looked_at: int | None = None
    place: str = ""  # of the moved box, as typed
    drawn: Sequence[tuple[str, str]] = ()  # class and box of what was missed


def read_box(text: str) -> BoxPx:
    """From "left, top, right, bottom"; whether it can stand on a frame is asked later."""
    try:
        x0, y0, x1, y1 = map(float, BETWEEN.split(text.strip()))
    except ValueError as error:
        raise _unreadable(text) from error
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise _unreadable(text)
    return x0, y0, x1, y1


def read_drawn(class_keys: Sequence[str], boxes: Sequence[str]) -> list[tuple[str, BoxPx]]:
    """Class and box of each drawn object."""
    if len(class_keys) != len(boxes) or not 0 < len(boxes) <= MOST_DRAWN:
        raise Unprocessable(
            "objects.count",
            f"expected 1 to {MOST_DRAWN} boxes with a class each, got {len(boxes)} boxes and {len(class_keys)} classes",
        )
    return [(class_key, read_box(box)) for class_key, box in zip(class_keys, boxes, strict=True)]


def _unreadable(text: str) -> Unprocessable:
    return Unprocessable(
        "review.box", f"expected four numbers, left, top, right and bottom in pixels, got {text[:80]!r}"
    )
