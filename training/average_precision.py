"""Average precision as COCO defines it, computed by faster-coco-eval."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np

from training.scoring import Boxes, Cell

_IOUS = (0.3, *np.linspace(0.5, 0.95, 10))


@dataclass(frozen=True)
class AveragePrecision:
    """Average precision at an overlap of 0.3, of 0.5, and its mean over 0.5 to 0.95."""

    at_30: float
    at_50: float
    at_50_95: float


def average_precision(cells: Sequence[Cell]) -> AveragePrecision | None:
    """The average precision of one class over its cells; None when there is no labelled box."""
    if not any(len(cell.truth_xyxy_px) for cell in cells):
        return None
    found = _found(cells)
    if not found:
        return AveragePrecision(0.0, 0.0, 0.0)
    by_iou = _evaluate(cells, found)
    return AveragePrecision(float(by_iou[0]), float(by_iou[1]), float(by_iou[1:].mean()))


def _evaluate(cells: Sequence[Cell], found: list[dict[str, Any]]) -> Any:
    from faster_coco_eval import COCO, COCOeval_faster

    with redirect_stdout(StringIO()):
        truth = COCO(_truth(cells))
        scorer = COCOeval_faster(truth, truth.loadRes(found), iouType="bbox")
        scorer.params.iouThrs = np.array(_IOUS)
        scorer.params.maxDets = [1, 100, 300]
        scorer.evaluate()
        scorer.accumulate()
    precision = scorer.eval["precision"]  # (overlaps, recalls, classes, areas, detections); first area is "all"
    return precision[:, :, 0, 0, -1].mean(axis=1)


def _truth(cells: Sequence[Cell]) -> dict[str, Any]:
    boxes = [(number, box) for number, cell in enumerate(cells, 1) for box in _xywh(cell.truth_xyxy_px)]
    annotations = [
        {"id": i, "image_id": number, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for i, (number, box) in enumerate(boxes, 1)
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
