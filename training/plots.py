"""Draws a trial: precision against recall, score against share of hits, F1 against threshold, for every class."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.taxonomy import BY_KEY, KEYS
from training.calibration import BINS, counted
from training.intervals import Floats
from training.scoring import Cell, Outcome, judge, match_iou, shown
from training.thresholds import decisive_cells
from training.trial import Labels, Trial

PLOTS = ("precision_recall.png", "calibration.png", "f1.png")
_COLUMNS = 4
_THRESHOLDS = np.linspace(0.01, 0.99, 99)


def write_plots(trial: Trial, folder: Path) -> None:
    """Write PLOTS for the classes with labelled boxes, on the pictures their thresholds rest on."""
    cells = trial.cells(Labels.CORRECTED)
    chosen = {key: decisive_cells(key, cells) for key in KEYS}
    boxes = {key: sum(len(cell.truth_xyxy_px) for cell in own) for key, (_, own) in chosen.items()}
    keys = [key for key in KEYS if boxes[key]]
    titles = {key: f"{key}, {boxes[key]} boxes\n{chosen[key][0]}" for key in keys}
    raw = {key: _outcome(key, chosen[key][1]) for key in keys}
    seen = {key: shown(raw[key], trial.model.calibration.get(key)) for key in keys}
    thresholds = trial.model.thresholds
    name = f"{trial.model.name} {trial.model.version}, {trial.split}"
    drawings: tuple[Callable[[Any, str], None], ...] = (
        lambda axes, key: _draw_precision_recall(axes, key, seen[key], thresholds[key]),
        lambda axes, key: _draw_calibration(axes, key, raw[key], seen[key]),
        lambda axes, key: _draw_f1(axes, key, seen[key], thresholds[key]),
    )
    for file, draw in zip(PLOTS, drawings, strict=True):
        _write(folder / file, name, keys, titles, draw)


def precision_recall(outcome: Outcome) -> tuple[Floats, Floats]:
    """Precision and recall down to each detection, from the highest score on."""
    hits = np.cumsum(outcome.hit[np.argsort(-outcome.score, kind="stable")])
    return hits / np.arange(1, len(hits) + 1), hits / max(outcome.truths, 1)


def reliability(score: Floats, hit: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean score, share of hits and number of detections of each bin that has any."""
    place = np.minimum((score * BINS).astype(np.intp), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    used = count > 0
    sums = (np.bincount(place, values, minlength=BINS)[used] for values in (score, hit))
    mean, share = (total / count[used] for total in sums)
    return mean, share, count[used].astype(np.float64)


def f1_curve(outcome: Outcome, thresholds: Floats) -> Floats:
    """F1 at each threshold."""
    kept = outcome.score[None, :] >= thresholds[:, None]
    hits = (kept & outcome.hit).sum(axis=1)
    return np.asarray(2 * hits / np.maximum(kept.sum(axis=1) + outcome.truths, 1), dtype=np.float64)


def _outcome(class_key: str, cells: Sequence[Cell]) -> Outcome:
    return judge(cells, match_iou(class_key))


def _write(path: Path, name: str, keys: list[str], titles: dict[str, str], draw: Callable[[Any, str], None]) -> None:
    from matplotlib.figure import Figure

    rows = max(1, -(-len(keys) // _COLUMNS))
    figure = Figure(figsize=(3.2 * _COLUMNS, 3.2 * rows), layout="constrained")
    figure.suptitle(name)
    for place, key in enumerate(keys, 1):
        axes = figure.add_subplot(rows, _COLUMNS, place)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.set_title(titles[key], fontsize=8)
        axes.grid(alpha=0.3)
        draw(axes, key)
    figure.savefig(path, dpi=90)


def _draw_precision_recall(axes: Any, key: str, seen: Outcome, threshold: float) -> None:
    precision, recall = precision_recall(seen)
    axes.plot(recall, precision, color=BY_KEY[key].color)
    kept = int((seen.score >= threshold).sum())
    if kept:
        axes.plot(recall[kept - 1], precision[kept - 1], "o", color="black", markersize=4)
    axes.set(xlabel="recall", ylabel="precision")


def _draw_calibration(axes: Any, key: str, raw: Outcome, seen: Outcome) -> None:
    some = counted(raw)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for outcome, line, label in ((raw, "--", "network"), (seen, "-", "shown")):
        mean, share, count = reliability(outcome.score[some], outcome.hit[some].astype(np.float64))
        axes.plot(mean, share, line, color=BY_KEY[key].color, label=label)
        axes.scatter(mean, share, s=4 + 6 * np.log1p(count), color=BY_KEY[key].color)
    axes.legend(fontsize=7)
    axes.set(xlabel="score", ylabel="share of hits")


def _draw_f1(axes: Any, key: str, seen: Outcome, threshold: float) -> None:
    axes.plot(_THRESHOLDS, f1_curve(seen, _THRESHOLDS), color=BY_KEY[key].color)
    axes.axvline(threshold, color="black", linewidth=0.8)
    axes.set(xlabel="threshold", ylabel="F1")
