"""`rasid evaluate`: scores a model file as the service runs it, only where pictures are labelled."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from datasets.reading import read_pixels, read_sources
from datasets.records import LabelledImage, Split, Viewpoint
from datasets.sources import BY_NAME
from datasets.taxonomy import KEYS
from inference.detector import Detector
from training.average_precision import AveragePrecision, average_precision
from training.errors import EvaluationError
from training.scoring import Cell, Rates, best_threshold, cells_of, judge, match_iou, rates_at
from training.thresholds import write_thresholds

LOWEST_SCORE = 0.01
"""Detections below it change no average precision by more than 0.001 and fill the memory."""
LOWEST_THRESHOLD = 0.1
DEFAULT_THRESHOLD = 0.3
ENOUGH_BOXES = 20
"""A class with fewer labelled boxes in val gets the default threshold: any other would be chance."""
ALL = "all sources"


@dataclass(frozen=True)
class Score:
    """One class in one source (or in all), at the threshold the model carries."""

    class_key: str
    source: str
    pictures: int
    boxes: int
    average_precision: AveragePrecision | None
    threshold: float
    rates: Rates


def evaluate_model(
    model: str, split: Split, shared: Path, out: Path | None, choose_thresholds: bool, threads: int
) -> str:
    """Score a model on val or test; returns the table, or where it was written."""
    if split is Split.TRAIN:
        raise EvaluationError("expected val or test, got train: a model knows its training pictures by heart")
    if choose_thresholds and split is not Split.VAL:
        raise EvaluationError("expected --split val with --choose-thresholds, got test: test is never tuned on")
    images = [image for image in read_sources(shared / "data") if image.split is split]
    detector = Detector.open(_path_or_name(model), min_score=LOWEST_SCORE, threads=threads)
    cells = list(detect_cells(detector, images))
    thresholds = dict(detector.model.thresholds)
    if choose_thresholds:
        thresholds = chosen_thresholds(cells)
        write_thresholds(Path(model), thresholds)
    return _report(f"{detector.model.name} {detector.model.version}, {split}", score_cells(cells, thresholds), out)


def detect_cells(detector: Detector, images: Sequence[LabelledImage]) -> Iterator[Cell]:
    """Run the detector on each picture, cropped as its source needs, and yield its labelled cells."""
    for image in images:
        (found,) = detector.detect([read_pixels(image)])
        yield from cells_of(image, found)


def chosen_thresholds(cells: Sequence[Cell]) -> dict[str, float]:
    """Per class the threshold of the best F1, on vehicle-mounted sources when these have enough boxes."""
    return {key: _chosen_threshold(key, [cell for cell in cells if cell.class_key == key]) for key in KEYS}


def _chosen_threshold(class_key: str, cells: Sequence[Cell]) -> float:
    from_vehicles = [cell for cell in cells if BY_NAME[cell.source].viewpoint is Viewpoint.VEHICLE]
    for candidates in (from_vehicles, cells):
        outcome = judge(candidates, match_iou(class_key))
        if outcome.truths >= ENOUGH_BOXES:
            return round(best_threshold(outcome, LOWEST_THRESHOLD), 3)
    return DEFAULT_THRESHOLD


def score_cells(cells: Sequence[Cell], thresholds: dict[str, float]) -> list[Score]:
    """The scores of every class in all sources together, then in each source that labels it."""
    scores = []
    for key in KEYS:
        own = [cell for cell in cells if cell.class_key == key]
        sources = sorted({cell.source for cell in own})
        scores += [_score(key, ALL, own, thresholds[key])] if own else []
        scores += [_score(key, s, [cell for cell in own if cell.source == s], thresholds[key]) for s in sources]
    return scores


def _score(class_key: str, source: str, cells: Sequence[Cell], threshold: float) -> Score:
    outcome = judge(cells, match_iou(class_key))
    return Score(
        class_key=class_key,
        source=source,
        pictures=len(cells),
        boxes=outcome.truths,
        average_precision=average_precision(cells),
        threshold=threshold,
        rates=rates_at(outcome, threshold),
    )


def as_markdown(title: str, scores: Sequence[Score]) -> str:
    """The scores as a table; '-' stands where a figure is undefined."""
    head = "class|source|pictures|boxes|AP30|AP50|AP50-95|threshold|precision|recall|F1|false-alarm frames"
    lines = [f"## {title}", "", f"|{head}|", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join(lines + [_row(score) for score in scores]) + "\n"


def _row(score: Score) -> str:
    ap, rates = score.average_precision, score.rates
    figures: list[float | None] = [ap.at_30, ap.at_50, ap.at_50_95] if ap else [None] * 3
    figures += [score.threshold, rates.precision, rates.recall, rates.f1, rates.false_alarm_frames]
    shown = ["-" if figure is None else f"{figure:.3f}" for figure in figures]
    return "|" + "|".join([score.class_key, score.source, str(score.pictures), str(score.boxes), *shown]) + "|"


def _report(title: str, scores: Sequence[Score], out: Path | None) -> str:
    table = as_markdown(title, scores)
    if out is None:
        return table
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_name(out.name + ".md").write_text(table, encoding="utf-8")
    content = {"title": title, "scores": [asdict(score) for score in scores]}
    out.with_name(out.name + ".json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return f"{out}.md and {out}.json: {len(scores)} rows"


def _path_or_name(model: str) -> str | Path:
    return Path(model) if model.endswith(".onnx") else model
