"""A trained model fills in what a source left unlabelled, where it is sure enough; the rest stays unknown.

The way of self-training with two cut-offs: what scores above the first counts as present, a picture whose
loudest detection stays below the second counts as free of the class, and between the two nothing is claimed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from datasets.reading import read_pixels
from datasets.records import LabelledBox, LabelledImage
from datasets.taxonomy import KEYS
from inference.detections import Detections
from inference.detector import Detector
from training.scoring import Cell, cells_of, judge, match_iou

LOWEST_SCORE = 0.02
ENOUGH_PICTURES = 15
"""Pictures of val that show a class before its cut-offs mean anything."""
MOST_MISSED = 0.05
"""Share of the val pictures that do show a class and may lie below the cut-off for its absence."""
BETA = 0.5
"""F0.5 weighs precision twice as much as recall: a wrong box teaches more harm than a missing one."""


@dataclass(frozen=True)
class CutOffs:
    """Scores from which a class counts as present, and below which a picture counts as free of it."""

    present: float
    absent: float


def choose_cut_offs(cells: Sequence[Cell]) -> dict[str, CutOffs]:
    """Cut-offs of every class that enough val pictures show: the best F0.5, and at most 5 % missed."""
    by_class = {key: [cell for cell in cells if cell.class_key == key] for key in KEYS}
    return {key: found for key, own in by_class.items() if (found := _cut_offs(key, own)) is not None}


def _cut_offs(class_key: str, cells: Sequence[Cell]) -> CutOffs | None:
    loudest = [cell.score.max(initial=0.0) for cell in cells if len(cell.truth_xyxy_px)]
    outcome = judge(cells, match_iou(class_key))
    if len(loudest) < ENOUGH_PICTURES or not outcome.hit.any():
        return None
    order = np.argsort(-outcome.score, kind="stable")
    score, hits = outcome.score[order], np.cumsum(outcome.hit[order])
    found = np.arange(1, len(score) + 1)
    f_beta = (1 + BETA**2) * hits / (found + BETA**2 * outcome.truths)
    present = float(score[f_beta.argmax()])
    return CutOffs(present, min(present, float(np.quantile(loudest, MOST_MISSED))))


def fill_unlabelled(image: LabelledImage, found: Detections, cut_offs: Mapping[str, CutOffs]) -> LabelledImage:
    """The picture with the classes about which the model leaves no doubt; its own labels stay as they are."""
    boxes, labelled = list(image.boxes), set(image.labelled_classes)
    for key in cut_offs.keys() - image.labelled_classes:
        own = [one for one in found if one.class_key == key]
        sure = [one for one in own if one.score >= cut_offs[key].present]
        doubtful = [one for one in own if cut_offs[key].absent <= one.score < cut_offs[key].present]
        if doubtful:
            continue
        labelled.add(key)
        sides = (found.width, found.height) * 2
        boxes += [LabelledBox(key, _fraction(one.xyxy_px, sides)) for one in sure]
    return replace(image, boxes=tuple(boxes), labelled_classes=frozenset(labelled))


def _fraction(xyxy_px: Sequence[float], sides: Sequence[int]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) / side for value, side in zip(xyxy_px, sides, strict=True))
    return x0, y0, x1, y1


def pseudo_label(
    images: Sequence[LabelledImage], val_images: Iterable[LabelledImage], teacher: Path, listing: Path
) -> list[LabelledImage]:
    """Fill in all pictures by the teacher, an .onnx file; `listing` keeps the outcome, so a resume repeats nothing."""
    if not listing.exists():
        detector = Detector.open(teacher, min_score=LOWEST_SCORE, threads=2)
        val_cells = [cell for image in val_images for cell in cells_of(image, _detect(detector, image))]
        cut_offs = choose_cut_offs(val_cells)
        filled = [fill_unlabelled(image, _detect(detector, image), cut_offs) for image in images]
        _write_listing(listing, cut_offs, images, filled)
    added = json.loads(listing.read_text("utf-8"))["pictures"]
    return [_with_added(image, added[image.name]) for image in images]


def _detect(detector: Detector, image: LabelledImage) -> Detections:
    (found,) = detector.detect([read_pixels(image)])
    return found


def _write_listing(
    path: Path,
    cut_offs: Mapping[str, CutOffs],
    images: Sequence[LabelledImage],
    filled: Sequence[LabelledImage],
) -> None:
    pictures = {
        after.name: {
            "labelled": sorted(after.labelled_classes - before.labelled_classes),
            "boxes": [[box.class_key, box.xyxy_fraction] for box in after.boxes[len(before.boxes) :]],
        }
        for before, after in zip(images, filled, strict=True)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"cut_offs": {key: asdict(value) for key, value in cut_offs.items()}, "pictures": pictures}
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _with_added(image: LabelledImage, added: Mapping[str, list[list[object]]]) -> LabelledImage:
    boxes = tuple(LabelledBox(str(key), tuple(xyxy)) for key, xyxy in added["boxes"])  # type: ignore[arg-type]
    labelled = image.labelled_classes | {str(key) for key in added["labelled"]}
    return replace(image, boxes=image.boxes + boxes, labelled_classes=labelled)
