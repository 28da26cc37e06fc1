"""Boxes of one frame that show one thing twice: a heap named both garbage and sand, or boxed whole and in part."""

from collections.abc import Sequence

ALIKE_IOU = 0.2  # of boxes of one thing drawn twice 93 of 100 overlap more, of those of two things 4 in 1,000
PART_SHARE = 0.55  # of the smaller box that lies in the larger one

XyxyPx = tuple[float, float, float, float]


def leaders(boxes: Sequence[tuple[str, float, XyxyPx]]) -> list[int]:
    """For each box (class, score, xyxy_px) of a frame the index of the box that it is an echo of, or its own.

    A box of higher score leads, of equal ones the first; an echo of an echo belongs to the same leader.
    """
    order = sorted(range(len(boxes)), key=lambda index: (-boxes[index][1], index))
    leads: list[int] = []
    found = list(range(len(boxes)))
    for index in order:
        leader = next((one for one in leads if _is_echo(boxes[index], boxes[one])), None)
        if leader is None:
            leads.append(index)
        else:
            found[index] = leader
    return found


def _is_echo(box: tuple[str, float, XyxyPx], leader: tuple[str, float, XyxyPx]) -> bool:
    iou, part = _overlap(box[2], leader[2])
    return iou >= ALIKE_IOU or part >= PART_SHARE


def _overlap(a: XyxyPx, b: XyxyPx) -> tuple[float, float]:
    """Intersection over union, and over the smaller box."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0, 0.0
    shared = width * height
    area_a, area_b = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
    return shared / (area_a + area_b - shared), shared / max(min(area_a, area_b), 1e-9)
