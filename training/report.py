"""Everything `rasid evaluate` says of a trial: scores by class, source and size, calibration, headline, negatives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.taxonomy import KEYS
from inference.calibration import Calibration, Platt
from inference.model import ModelCard
from training.average_precision import AveragePrecision, Size, average_precision_by_size
from training.calibration import HeldOutError, calibration_error, counted, held_out_error
from training.headline import HeadlineScore, score_headline
from training.intervals import Interval, Resampling, interval, rank, resample_groups, share
from training.scoring import MATCH_IOU, Cell, Outcome, Rates, judge, match_iou, rates_at, shown
from training.thresholds import ALL_SOURCES, VEHICLE_SOURCES, decisive_cells, is_vehicle
from training.trial import Labels, Trial

NEGATIVES: tuple[tuple[str, str], ...] = (
    ("neg_camvid", "pothole"),
    ("neg_udacity", "pothole"),
    ("neg_india_dash", "pothole"),
    ("neg_india_dash", "garbage"),
)
"""Sources without any defect and the classes looked for there: what is reported is a false alarm."""


@dataclass(frozen=True)
class Intervals:
    """95 % intervals of a score; None where a figure is undefined in most resamples."""

    ap_50: Interval | None
    precision: Interval | None
    recall: Interval | None
    false_alarm_frames: Interval | None


@dataclass(frozen=True)
class Score:
    """One class in one source, or in several together, at the threshold the model carries."""

    class_key: str
    source: str
    pictures: int
    groups: int
    boxes: int
    by_size: dict[Size, AveragePrecision]
    threshold: float
    rates: Rates
    calibration_error_raw: float | None
    calibration_error: float | None
    intervals: Intervals

    @property
    def average_precision(self) -> AveragePrecision | None:
        return self.by_size.get(Size.ALL)


@dataclass(frozen=True)
class Negatives:
    """How often a class is reported where there is none, and the recall on vehicle sources at the same threshold."""

    source: str
    class_key: str
    pictures: int
    threshold: float
    false_alarm_frames: float
    false_alarm_frames_interval: Interval | None
    vehicle_recall: float | None


@dataclass(frozen=True)
class LabelScores:
    """All figures under one set of labels."""

    headline: HeadlineScore
    scores: tuple[Score, ...]
    negatives: tuple[Negatives, ...]


@dataclass(frozen=True)
class Report:
    """What a trial says of its model. held_out: calibration on scenes it was not fitted on, on val alone."""

    model: ModelCard
    split: str
    detected_at: str
    labels: dict[Labels, LabelScores]
    held_out: dict[str, HeldOutError]
    earlier_test_scorings: int


def make_report(trial: Trial, earlier_test_scorings: int = 0) -> Report:
    """Score a trial under both sets of labels with the thresholds and the calibration of its card."""
    resampling = resample_groups((picture.source, picture.group) for picture in trial.pictures)
    on_val = trial.split == "val"
    return Report(
        model=trial.model,
        split=trial.split,
        detected_at=trial.detected_at,
        labels={labels: score_labels(trial.cells(labels), trial.model, resampling) for labels in Labels},
        held_out=_held_out(trial.cells(Labels.CORRECTED)) if on_val else {},
        earlier_test_scorings=earlier_test_scorings,
    )


def score_labels(cells: Sequence[Cell], card: ModelCard, resampling: Resampling) -> LabelScores:
    scores = tuple(
        _score(key, source, own, card.thresholds[key], card.calibration.get(key), resampling)
        for key in KEYS
        for source, own in _by_source(key, cells)
    )
    negatives = tuple(_negatives(score, scores) for score in scores if (score.source, score.class_key) in NEGATIVES)
    return LabelScores(score_headline(cells, resampling), scores, negatives)


def shown_outcome(class_key: str, cells: Sequence[Cell], calibration: Calibration) -> Outcome:
    return shown(judge(cells, match_iou(class_key)), calibration.get(class_key))


def _by_source(class_key: str, cells: Sequence[Cell]) -> list[tuple[str, list[Cell]]]:
    """The class's cells of all sources, of those on vehicles where that differs, and of each source."""
    own = [cell for cell in cells if cell.class_key == class_key]
    sources = sorted({cell.source for cell in own})
    from_vehicles = [cell for cell in own if is_vehicle(cell.source)]
    together = [(ALL_SOURCES, own)] if own else []
    if 0 < len(from_vehicles) < len(own):
        together.append((VEHICLE_SOURCES, from_vehicles))
    return together + [(source, [cell for cell in own if cell.source == source]) for source in sources]


def _score(
    class_key: str,
    source: str,
    cells: Sequence[Cell],
    threshold: float,
    curve: Platt | None,
    resampling: Resampling,
) -> Score:
    raw = judge(cells, match_iou(class_key))
    seen = shown(raw, curve)
    some = counted(raw)
    return Score(
        class_key=class_key,
        source=source,
        pictures=len(cells),
        groups=len({(cell.source, cell.group) for cell in cells}),
        boxes=raw.truths,
        by_size=average_precision_by_size(cells),
        threshold=threshold,
        rates=rates_at(seen, threshold),
        calibration_error_raw=calibration_error(raw.score[some], raw.hit[some]),
        calibration_error=calibration_error(seen.score[some], seen.hit[some]),
        intervals=_intervals(class_key, cells, threshold, curve, resampling),
    )


def _intervals(
    class_key: str, cells: Sequence[Cell], threshold: float, curve: Platt | None, resampling: Resampling
) -> Intervals:
    counts = np.zeros((5, len(resampling.column)))
    for cell in cells:
        column = resampling.column[cell.source, cell.group]
        counts[:, column] += _counts(shown(judge([cell], match_iou(class_key)), curve), threshold)
    hits, found, truths, alarmed, free = counts
    weights = resampling.weights
    return Intervals(
        ap_50=interval(rank(cells, MATCH_IOU, resampling.column).average_precision(weights)),
        precision=interval(share(hits, found, weights)),
        recall=interval(share(hits, truths, weights)),
        false_alarm_frames=interval(share(alarmed, free, weights)),
    )


def _counts(outcome: Outcome, threshold: float) -> tuple[int, ...]:
    """Hits, detections, labelled boxes, pictures with a false alarm and free pictures of one cell."""
    kept, free = outcome.score >= threshold, outcome.loudest_when_free
    return int(outcome.hit[kept].sum()), int(kept.sum()), outcome.truths, int((free >= threshold).sum()), len(free)


def _negatives(score: Score, scores: Sequence[Score]) -> Negatives:
    (recall,) = [
        other.rates.recall
        for wanted in (VEHICLE_SOURCES, ALL_SOURCES)
        for other in scores
        if (other.class_key, other.source) == (score.class_key, wanted)
    ][:1]
    return Negatives(
        source=score.source,
        class_key=score.class_key,
        pictures=score.pictures,
        threshold=score.threshold,
        false_alarm_frames=score.rates.false_alarm_frames or 0.0,
        false_alarm_frames_interval=score.intervals.false_alarm_frames,
        vehicle_recall=recall,
    )


def _held_out(cells: Sequence[Cell]) -> dict[str, HeldOutError]:
    errors = {key: held_out_error(key, decisive_cells(key, cells)[1]) for key in KEYS}
    return {key: error for key, error in errors.items() if error is not None}
