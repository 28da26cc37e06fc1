"""The boxes of a whole pass as columns of numbers, and what a detector does to them at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from datasets.simulator.arrays import Floats, Mask
from datasets.simulator.city.city import City
from datasets.simulator.city.optics import Poses
from datasets.simulator.city.rates import NORMAL
from datasets.simulator.city.things import Indices
from datasets.simulator.city.vehicles import TrueCamera

MERGED_IOU = 0.4  # the released model suppresses a box that covers another of its class so far
LEAST_SIDE_PX = 2.0
NORMAL_GRID = np.linspace(-4, 4, 161)
NORMAL_CDF = np.array([NORMAL.cdf(float(x)) for x in NORMAL_GRID])


@dataclass(frozen=True, eq=False)
class Scene:
    """One pass to be looked at: the poses of its frames and the camera they were taken with."""

    city: City
    starts_at: datetime
    poses: Poses
    camera: TrueCamera


@dataclass(frozen=True, eq=False)
class Boxes:
    """By row: frame, class (index into KEYS), true thing or -1, score and xyxy_px."""

    frame: Indices
    class_index: Indices
    thing: Indices
    score: Floats
    xyxy_px: Floats

    def take(self, rows: Indices | Mask) -> "Boxes":
        return Boxes(self.frame[rows], self.class_index[rows], self.thing[rows], self.score[rows], self.xyxy_px[rows])


def together(parts: Sequence[Boxes]) -> Boxes:
    """All boxes by frame, highest score first; of two of a class that cover each other the lower one goes."""
    names = ("frame", "class_index", "thing", "score", "xyxy_px")
    boxes = Boxes(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    return _merged(boxes.take(np.lexsort((-boxes.score, boxes.frame))))


def shaken(
    xyxy_px: Floats, bias: Floats, sd: Floats, alike: Floats, once: Floats, correlation: float, camera: TrueCamera
) -> Floats:
    """Boxes with every edge moved by a share of its side; alike and once (n, 4) are normal."""
    share = max(0.0, correlation)
    error = bias + sd * (np.sqrt(share) * alike + np.sqrt(1 - share) * once)
    moved = xyxy_px + error * np.tile(xyxy_px[:, 2:] - xyxy_px[:, :2], 2)
    return np.asarray(np.clip(moved, 0, np.array([camera.width, camera.height] * 2, float)))


def large_enough(xyxy_px: Floats) -> Mask:
    return np.asarray((xyxy_px[:, 2:] - xyxy_px[:, :2] >= LEAST_SIDE_PX).all(axis=1))


def scores(threshold: float, quantiles: Sequence[float], rank: Floats) -> Floats:
    """At ranks of 0..1 between the quantiles, which are shares of the way from the threshold to 1."""
    above = np.interp(rank, np.linspace(0, 1, len(quantiles)), quantiles)
    return np.asarray(threshold + (1 - threshold) * above)


def rank_of(normal: Floats) -> Floats:
    """The share of a normal variable that lies below."""
    return np.asarray(np.interp(normal, NORMAL_GRID, NORMAL_CDF))


def _merged(boxes: Boxes) -> Boxes:
    kept = np.ones(len(boxes.frame), bool)
    most = int(np.bincount(boxes.frame).max(initial=1))
    for step in range(1, most):
        first, second = np.arange(len(kept) - step), np.arange(step, len(kept))
        same = (boxes.frame[first] == boxes.frame[second]) & (boxes.class_index[first] == boxes.class_index[second])
        first, second = first[same & kept[first]], second[same & kept[first]]
        kept[second[_overlap(boxes.xyxy_px[first], boxes.xyxy_px[second]) > MERGED_IOU]] = False
    return boxes.take(kept)


def _overlap(some_px: Floats, others_px: Floats) -> Floats:
    """IoU, row by row."""
    low, high = np.maximum(some_px[:, :2], others_px[:, :2]), np.minimum(some_px[:, 2:], others_px[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = [(box[:, 2:] - box[:, :2]).prod(axis=1) for box in (some_px, others_px)]
    return np.asarray(shared / (areas[0] + areas[1] - shared))
