"""Fits and judges calibration: does a score of 0.7 mean right seven times in ten?

The calibration error (D-ECE) is that of F. Kueppers et al., Multivariate Confidence Calibration for Object Detection
(2020), by confidence alone: detections fall into ten bins of equal width by the score people see; the difference
between mean score and share of hits is averaged over the bins, weighted by their detections. Counted are detections
whose network score is at least 0.05, before calibration and after it the same ones.

Platt's curve is the one released: on val's unseen scenes it took the mean error of six classes from 0.062 to 0.042
(rasid-n 0.1), isotonic regression to 0.050; for another network from 0.067 to 0.054 and 0.066.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.calibration import Platt
from training.scoring import Cell, Outcome, judge, match_iou

Floats = NDArray[np.float64]
Hits = NDArray[np.bool_]
Curve = Callable[[Floats], Floats]
BINS = 10
COUNTED_FROM = 0.05
ENOUGH_HITS = 20
"""With fewer hits two numbers cannot be fitted: the class keeps the network's scores."""
FOLDS = 5
_LEAST_SLOPE = 0.05
_STEPS = 50


@dataclass(frozen=True)
class HeldOutError:
    """D-ECE of one class on scenes the curve was not fitted on."""

    detections: int
    raw: float
    platt: float
    isotonic: float


def calibration_error(shown: Floats, hit: Hits) -> float | None:
    """D-ECE of these detections; None when there are none."""
    if not len(shown):
        return None
    place = np.minimum((shown * BINS).astype(np.intp), BINS - 1)
    gaps = np.bincount(place, shown - hit, minlength=BINS)
    return float(np.abs(gaps).sum() / len(shown))


def counted(outcome: Outcome) -> Hits:
    """Which detections of an outcome with network scores enter the calibration error."""
    return outcome.score >= COUNTED_FROM


def fit_platt(score: Floats, hit: Hits) -> Platt:
    """The curve of the highest likelihood, by Newton's method; the slope is kept above zero.

    Targets are Platt's, a little inside 0 and 1, so that a perfectly split class has a finite curve too.
    """
    right, wrong = int(hit.sum()), int((~hit).sum())
    target = np.where(hit, (right + 1) / (right + 2), 1 / (wrong + 2))
    bounded = np.clip(score, 1e-6, 1 - 1e-6)
    logit = np.log(bounded / (1 - bounded))
    slope, intercept = _newton(np.stack([logit, np.ones_like(logit)], axis=1), np.zeros(len(logit)), target)
    if slope < _LEAST_SLOPE:
        slope = _LEAST_SLOPE
        (intercept,) = _newton(np.ones((len(logit), 1)), slope * logit, target)
    return Platt(slope=float(slope), intercept=float(intercept))


def fit_isotonic(score: Floats, hit: Hits) -> Curve:
    """The rising curve of the least squared error, with straight lines between pools and a tiny slope for order."""
    order = np.argsort(score, kind="stable")
    pools: list[tuple[float, float, float]] = []  # sum of hits, count, sum of scores
    for one_score, one_hit in zip(score[order].tolist(), hit[order].tolist(), strict=True):
        pools.append((float(one_hit), 1.0, one_score))
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] >= pools[-1][0] * pools[-2][1]:
            last, previous = pools.pop(), pools.pop()
            pools.append((last[0] + previous[0], last[1] + previous[1], last[2] + previous[2]))
    x = np.array([pool[2] / pool[1] for pool in pools])
    y = np.array([pool[0] / pool[1] for pool in pools])
    return lambda new: np.asarray(np.interp(new, x, y) * (1 - 1e-6) + new * 1e-6, dtype=np.float64)


def choose_curve(class_key: str, cells: Sequence[Cell]) -> Platt | None:
    """The class's curve from its cells; None when too few detections hit, or when it errs more on unseen scenes."""
    error = held_out_error(class_key, cells)
    if error is None or error.platt >= error.raw:
        return None
    outcome = judge(cells, match_iou(class_key))
    return fit_platt(outcome.score, outcome.hit)


def held_out_error(class_key: str, cells: Sequence[Cell]) -> HeldOutError | None:
    """Fit on four fifths of the scenes and judge on the last, in turn; None when too few detections hit."""
    if not _enough(judge(cells, match_iou(class_key))):
        return None
    parts = [_held_out(class_key, *fold) for fold in _folds(cells)]
    raw, platt, isotonic, hit = (np.concatenate([part[i] for part in parts]) for i in range(4))
    errors = [calibration_error(shown, hit > 0) or 0.0 for shown in (raw, platt, isotonic)]
    return HeldOutError(len(raw), *errors)


def _enough(outcome: Outcome) -> bool:
    return bool(outcome.hit.sum() >= ENOUGH_HITS and (~outcome.hit).any())


def _folds(cells: Sequence[Cell]) -> list[tuple[list[Cell], list[Cell]]]:
    groups = sorted({(cell.source, cell.group) for cell in cells})
    shuffled = np.random.default_rng(0).permutation(len(groups))
    fold = {group: int(shuffled[i]) % FOLDS for i, group in enumerate(groups)}
    return [
        (
            [cell for cell in cells if fold[cell.source, cell.group] != number],
            [cell for cell in cells if fold[cell.source, cell.group] == number],
        )
        for number in range(FOLDS)
    ]


def _held_out(class_key: str, fitting: Sequence[Cell], held_out: Sequence[Cell]) -> tuple[Floats, ...]:
    """Scores of the held-out detections: the network's, by Platt, by isotonic regression, and their hits."""
    known, new = (judge(cells, match_iou(class_key)) for cells in (fitting, held_out))
    score, hit = new.score[counted(new)], new.hit[counted(new)].astype(np.float64)
    if not known.hit.any():
        return score, score, score, hit
    platt, isotonic = fit_platt(known.score, known.hit), fit_isotonic(known.score, known.hit)
    return score, platt.shown(score), isotonic(score), hit


def _newton(features: Floats, offset: Floats, target: Floats) -> Floats:
    """Logistic regression by Newton's method; steps that lower the likelihood are halved."""
    weights = np.zeros(features.shape[1])
    loss = _log_loss(features @ weights + offset, target)
    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-(features @ weights + offset)))
        gradient = features.T @ (probability - target)
        curvature = (features.T * (probability * (1 - probability))) @ features + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        while (lower := _log_loss(features @ (weights - step) + offset, target)) > loss and np.abs(step).max() > 1e-9:
            step = step / 2
        weights, loss = weights - step, min(lower, loss)
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _log_loss(logit: Floats, target: Floats) -> float:
    return float((np.logaddexp(0.0, logit) - target * logit).sum())
