"""Counts hits, false alarms and misses, looking only where the labels say something."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datasets.records import LabelledImage
from inference.calibration import Platt
from inference.detections import Detections
from inference.overlap import iou_matrix

Boxes = NDArray[np.float64]
MATCH_IOU = 0.5
WATER_IOU = 0.3
"""Water has no edge that two people would draw alike."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One class in one picture whose source labels it; found boxes are sorted by score, highest first.

    In a trial scores are the network's own: calibration changes no order and is applied to the Outcome.
    """

    class_key: str
    source: str
    group: str
    truth_xyxy_px: Boxes
    found_xyxy_px: Boxes
    score: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one class over many cells: each found box's score and whether it hit, and the truths."""

    score: NDArray[np.float64]
    hit: NDArray[np.bool_]
    truths: int
    loudest_when_free: NDArray[np.float64]
    """The highest score (0 without a detection) in each picture that shows no object of the class."""


@dataclass(frozen=True)
class Rates:
    """Precision, recall, F1, share of object-free pictures with a false alarm; None where undefined."""

    precision: float | None
    recall: float | None
    f1: float | None
    false_alarm_frames: float | None


def match_iou(class_key: str) -> float:
    """The overlap from which a found box counts as the labelled one."""
    return WATER_IOU if class_key == "standing_water" else MATCH_IOU


def cells_of(image: LabelledImage, found: Detections) -> Iterable[Cell]:
    """One cell for each class the picture's source labels; other detections are neither right nor wrong."""
    sides = np.array([found.width, found.height] * 2, dtype=np.float64)
    for key in sorted(image.labelled_classes):
        truth = [box.xyxy_fraction for box in image.boxes if box.class_key == key]
        own = (
            found.class_index == found.class_keys.index(key) if key in found.class_keys else np.zeros(len(found), bool)
        )
        yield Cell(
            key,
            image.source,
            image.group,
            np.array(truth, dtype=np.float64).reshape(-1, 4) * sides,
            found.xyxy_px[own].astype(np.float64),
            found.score[own].astype(np.float64),
        )


def judge(cells: Sequence[Cell], iou: float) -> Outcome:
    """Match every cell at the given overlap and pool the results."""
    hits = [match_found(cell, iou) for cell in cells]
    free = [cell.score.max(initial=0.0) for cell in cells if not len(cell.truth_xyxy_px)]
    return Outcome(
        score=np.concatenate([cell.score for cell in cells]) if cells else np.zeros(0),
        hit=np.concatenate(hits) if hits else np.zeros(0, bool),
        truths=sum(len(cell.truth_xyxy_px) for cell in cells),
        loudest_when_free=np.array(free, dtype=np.float64),
    )


def shown(outcome: Outcome, curve: Platt | None) -> Outcome:
    """The outcome with the scores people see."""
    if curve is None:
        return outcome
    return replace(outcome, score=curve.shown(outcome.score), loudest_when_free=curve.shown(outcome.loudest_when_free))


def match_found(cell: Cell, iou: float) -> NDArray[np.bool_]:
    """Whether each found box hits: from the highest score, each takes the free truth it overlaps most."""
    overlap = iou_matrix(cell.found_xyxy_px, cell.truth_xyxy_px)
    hit = np.zeros(len(overlap), dtype=bool)
    for row in range(len(overlap)):
        if overlap.shape[1] and overlap[row].max() >= iou:
            hit[row] = True
            overlap[:, overlap[row].argmax()] = -1.0
    return hit


def rates_at(outcome: Outcome, threshold: float) -> Rates:
    """The rates when only detections of at least this score count."""
    kept = outcome.score >= threshold
    hits, found = int(outcome.hit[kept].sum()), int(kept.sum())
    free = outcome.loudest_when_free
    return Rates(
        precision=hits / found if found else None,
        recall=hits / outcome.truths if outcome.truths else None,
        f1=2 * hits / (found + outcome.truths) if outcome.truths else None,
        false_alarm_frames=float((free >= threshold).mean()) if len(free) else None,
    )


def best_threshold(outcome: Outcome, lowest: float) -> float:
    """The threshold with the highest F1, at least `lowest`; of equal ones the highest."""
    order = np.argsort(-outcome.score, kind="stable")
    score, hits = outcome.score[order], np.cumsum(outcome.hit[order])
    f1 = 2 * hits / (np.arange(1, len(score) + 1) + outcome.truths)
    last_of_its_score = np.append(score[1:] < score[:-1], True) if len(score) else np.zeros(0, bool)
    allowed = (score >= lowest) & last_of_its_score
    return float(score[allowed][f1[allowed].argmax()]) if allowed.any() else lowest
