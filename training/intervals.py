"""How far a figure would move with other streets: 95 % intervals by resampling whole scenes, for one model or two.

Pictures of one scene resemble each other, so scenes (groups) are drawn with replacement, as many in each source as
there are. Each class is counted once, group by group; a resample then is a row of weights in two matrix products.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.scoring import Cell, match_found

Floats = NDArray[np.float64]
Group = tuple[str, str]
"""Source and group."""
RESAMPLES = 1000
FEW_GROUPS = 10
"""With fewer groups an interval is a hint: it understates what other streets would do."""
_PERCENTILES = (2.5, 97.5)
_RECALLS = np.linspace(0.0, 1.0, 101)  # COCO's


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of the resamples."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Resampling:
    """How often each group was drawn: weights (resamples, groups), the same for every class and model."""

    column: dict[Group, int]
    weights: Floats

    @property
    def once(self) -> Floats:
        """The weights that take every group as it is."""
        return np.ones((1, len(self.column)))


def resample_groups(groups: Iterable[Group], resamples: int = RESAMPLES, seed: int = 0) -> Resampling:
    """Draw each source's groups with replacement; equal groups give equal draws, so two models can be paired."""
    ordered = sorted(set(groups))
    random = np.random.default_rng(seed)
    weights = np.zeros((resamples, len(ordered)))
    for source in sorted({source for source, _ in ordered}):
        own = [i for i, group in enumerate(ordered) if group[0] == source]
        weights[:, own] = random.multinomial(len(own), np.full(len(own), 1 / len(own)), size=resamples)
    return Resampling({group: i for i, group in enumerate(ordered)}, weights)


@dataclass(frozen=True, eq=False)
class Ranking:
    """One class over many cells, enough for its average precision under any weights of the groups.

    hits and alarms (hits, groups): right and wrong detections from the highest score down to each hit.
    truths (groups,): labelled boxes.
    """

    hits: Floats
    alarms: Floats
    truths: Floats

    def average_precision(self, weights: Floats) -> Floats:
        """COCO's 101-point average precision for each row of weights (rows, groups); nan without labelled boxes.

        Precision is highest where a hit has just been counted, so its envelope needs the hits alone.
        """
        right, wrong, truths = weights @ self.hits.T, weights @ self.alarms.T, weights @ self.truths
        precision = np.divide(right, right + wrong, out=np.zeros_like(right), where=right + wrong > 0)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        padded = np.pad(envelope, ((0, 0), (0, 1)))  # recalls that are never reached have no precision
        recall = np.divide(right, truths[:, None], out=np.zeros_like(right), where=truths[:, None] > 0)
        values = [row[np.searchsorted(reached, _RECALLS)].mean() for row, reached in zip(padded, recall, strict=True)]
        return np.asarray(np.where(truths > 0, values, np.nan), dtype=np.float64)


def rank(cells: Sequence[Cell], iou: float, column: dict[Group, int]) -> Ranking:
    """Match every cell once and pool the detections by score."""
    groups = np.array([column[cell.source, cell.group] for cell in cells], dtype=np.intp)
    truths = np.bincount(groups, [len(cell.truth_xyxy_px) for cell in cells], minlength=len(column))
    score = np.concatenate([cell.score for cell in cells]) if cells else np.zeros(0)
    hit = np.concatenate([match_found(cell, iou) for cell in cells]) if cells else np.zeros(0, bool)
    order = np.argsort(-score, kind="stable")
    hit, group = hit[order], np.repeat(groups, [len(cell.score) for cell in cells])[order]
    count = int(hit.sum())
    hits, alarms = np.zeros((2, count, len(column)))
    hits[np.arange(count), group[hit]] = 1
    before = (np.cumsum(hit) - hit)[~hit]  # the hit that follows each alarm
    np.add.at(alarms, (before[before < count], group[~hit][before < count]), 1)
    return Ranking(np.cumsum(hits, axis=0), np.cumsum(alarms, axis=0), truths.astype(np.float64))


def share(part: Floats, whole: Floats, weights: Floats) -> Floats:
    """Weighted part over weighted whole of counts (groups,), for each row of weights; nan where there is no whole."""
    total = weights @ whole
    shares: Floats = np.divide(weights @ part, total, out=np.full(len(weights), np.nan), where=total > 0)
    return shares


def interval(values: Floats) -> Interval | None:
    """The interval of the resamples in which the figure is defined; None when it rarely is."""
    defined = values[np.isfinite(values)]
    if len(defined) < len(values) / 2:
        return None
    low, high = np.percentile(defined, _PERCENTILES)
    return Interval(float(low), float(high))
