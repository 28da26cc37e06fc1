"""Average precision as COCO defines it, computed by faster-coco-eval, of all boxes and by their size."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from typing import Any

import numpy as np

from training.scoring import Boxes, Cell

_IOUS = (0.3, *np.linspace(0.5, 0.95, 10))


class Size(StrEnum):
    """A labelled box's area in pixels of the picture as stored, with COCO's limits."""

    ALL = "all"
    SMALL = "small"  # below 32 x 32
    MEDIUM = "medium"  # below 96 x 96
    LARGE = "large"


_SMALL_PX2, _MEDIUM_PX2, _ENDLESS_PX2 = 32.0**2, 96.0**2, 1e10
# COCO's upper ends belong to the size; a box of exactly 32 x 32 shall be medium alone.
AREAS_PX2: dict[Size, tuple[float, float]] = {
    Size.ALL: (0.0, _ENDLESS_PX2),
    Size.SMALL: (0.0, float(np.nextafter(_SMALL_PX2, 0))),
    Size.MEDIUM: (_SMALL_PX2, float(np.nextafter(_MEDIUM_PX2, 0))),
    Size.LARGE: (_MEDIUM_PX2, _ENDLESS_PX2),
}


@dataclass(frozen=True)
class AveragePrecision:
    """Average precision at an overlap of 0.3, of 0.5, and its mean over 0.5 to 0.95, for so many labelled boxes."""

    boxes: int
    at_30: float
    at_50: float
    at_50_95: float


def average_precision(cells: Sequence[Cell]) -> AveragePrecision | None:
    """The average precision of one class over its cells; None when there is no labelled box."""
    return average_precision_by_size(cells).get(Size.ALL)


def average_precision_by_size(cells: Sequence[Cell]) -> dict[Size, AveragePrecision]:
    """Of every size that has labelled boxes; found boxes of other sizes that hit nothing do not count there."""
    counts = {size: _count(cells, *limits) for size, limits in AREAS_PX2.items()}
    found = _found(cells)
    if not counts[Size.ALL] or not found:
        return {size: AveragePrecision(count, 0.0, 0.0, 0.0) for size, count in counts.items() if count}
    by_iou = _evaluate(cells, found)
    return {
        size: AveragePrecision(count, float(by_iou[0, i]), float(by_iou[1, i]), float(by_iou[1:, i].mean()))
        for i, (size, count) in enumerate(counts.items())
        if count
    }


def areas_px2(xyxy_px: Boxes) -> Boxes:
    areas: Boxes = np.prod(xyxy_px[:, 2:] - xyxy_px[:, :2], axis=1)
    return areas


def _count(cells: Sequence[Cell], low: float, high: float) -> int:
    areas = np.concatenate([areas_px2(cell.truth_xyxy_px) for cell in cells]) if cells else np.zeros(0)
    return int(((areas >= low) & (areas <= high)).sum())


def _evaluate(cells: Sequence[Cell], found: list[dict[str, Any]]) -> Any:
    """(overlaps, sizes)"""
    from faster_coco_eval import COCO, COCOeval_faster

    with redirect_stdout(StringIO()):
        truth = COCO(_truth(cells))
        scorer = COCOeval_faster(truth, truth.loadRes(found), iouType="bbox")
        scorer.params.iouThrs = np.array(_IOUS)
        scorer.params.maxDets = [1, 100, 300]
        scorer.params.areaRng = [list(limits) for limits in AREAS_PX2.values()]
        scorer.params.areaRngLbl = [str(size) for size in AREAS_PX2]
        scorer.evaluate()
        scorer.accumulate()
    precision = scorer.eval["precision"]  # (overlaps, recalls, classes, areas, detections)
    return precision[:, :, 0, :, -1].mean(axis=1)


def _truth(cells: Sequence[Cell]) -> dict[str, Any]:
    boxes = [
        (number, box, area)
        for number, cell in enumerate(cells, 1)
        for box, area in zip(_xywh(cell.truth_xyxy_px), areas_px2(cell.truth_xyxy_px).tolist(), strict=True)
    ]
    annotations = [
        {"id": i, "image_id": number, "category_id": 1, "bbox": box, "area": area, "iscrowd": 0}
        for i, (number, box, area) in enumerate(boxes, 1)
    ]
    images = [{"id": number, "width": 1, "height": 1, "file_name": str(number)} for number in range(1, len(cells) + 1)]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "one class"}]}


def _found(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    return [
        {"image_id": number, "category_id": 1, "bbox": box, "score": float(score)}
        for number, cell in enumerate(cells, 1)
        for box, score in zip(_xywh(cell.found_xyxy_px), cell.score, strict=True)
    ]


def _xywh(xyxy_px: Boxes) -> list[list[float]]:
    rows: list[list[float]] = np.concatenate([xyxy_px[:, :2], xyxy_px[:, 2:] - xyxy_px[:, :2]], axis=1).tolist()
    return rows
