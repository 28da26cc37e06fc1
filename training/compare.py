"""`rasid compare`: is one model better than another, or are the pictures too few to say?"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from datasets.records import Split
from datasets.taxonomy import KEYS
from inference.model import ModelCard
from training.detecting import hold_trial, read_labels, relabel
from training.errors import EvaluationError
from training.headline import HEADLINE, defined, headline_samples, mean_samples
from training.intervals import Floats, Interval, interval, rank, resample_groups
from training.report_text import figure, span, table
from training.scoring import MATCH_IOU
from training.thresholds import ALL_SOURCES
from training.trial import TRIAL_FILE, Labels, Trial, read_trial

HEADLINE_ROW = "mean over the eight"


class Verdict(StrEnum):
    """What the interval of a difference allows to say."""

    BETTER = "better"
    WORSE = "worse"
    EQUAL = "equal"  # the interval covers 0
    UNKNOWN = "unknown"  # no interval


@dataclass(frozen=True)
class Difference:
    """AP50 of the second model minus that of the first, on the same resampled scenes."""

    class_key: str
    source: str
    first: float | None
    second: float | None
    difference: float | None
    interval: Interval | None
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """Headline first, then its eight parts, then every class in all sources."""

    first: ModelCard
    second: ModelCard
    headline: Difference
    parts: tuple[Difference, ...]
    classes: tuple[Difference, ...]


def compare_models(first: str, second: str, shared: Path, workers: int, json_file: Path | None) -> str:
    """Compare two models on val; each is a released name, an .onnx file, or what `rasid evaluate --out` wrote."""
    trials = [load_trial(one, shared, workers) for one in (first, second)]
    comparison = compare_trials(*trials)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(as_json(comparison), encoding="utf-8")
    return as_markdown(comparison)


def load_trial(model: str, shared: Path, workers: int, split: Split = Split.VAL, backend: str | None = None) -> Trial:
    """The kept trial of an evaluation folder or file; for a model one is held now, by this backend."""
    path = Path(model)
    if path.is_dir():
        inside = path / split.value / TRIAL_FILE
        return read_trial(inside if inside.exists() else path / TRIAL_FILE)
    if path.suffix == ".gz":
        return read_trial(path)
    twice = read_labels(shared, split)
    trial = hold_trial(model, split, twice, workers, backend=backend)
    return relabel(trial, twice, trial.model)


def compare_trials(first: Trial, second: Trial) -> Comparison:
    """Paired bootstrap over scenes: both models meet the same drawn scenes each time."""
    _refuse_unpaired(first, second)
    resampling = resample_groups((picture.source, picture.group) for picture in first.pictures)
    cells = [trial.cells(Labels.CORRECTED) for trial in (first, second)]
    one, two = (headline_samples(own, resampling) for own in cells)
    parts = [difference(part.class_key, part.source, one[part], two[part]) for part in HEADLINE]
    weights = np.concatenate([resampling.once, resampling.weights])
    classes = []
    for key in KEYS:
        samples = [
            rank([c for c in own if c.class_key == key], MATCH_IOU, resampling.column).average_precision(weights)
            for own in cells
        ]
        classes.append(difference(key, ALL_SOURCES, *samples))
    headline = difference(HEADLINE_ROW, "", mean_samples(one), mean_samples(two))
    return Comparison(first.model, second.model, headline, tuple(parts), tuple(classes))


def difference(class_key: str, source: str, first: Floats, second: Floats) -> Difference:
    """The difference of samples whose first is of the pictures as they are."""
    change = second - first
    between = interval(change[1:])
    point = defined(change[0])
    return Difference(
        class_key,
        source,
        defined(first[0]),
        defined(second[0]),
        point,
        between if point is not None else None,
        _verdict(between) if point is not None else Verdict.UNKNOWN,
    )


def as_markdown(comparison: Comparison) -> str:
    first, second = comparison.first, comparison.second
    rows = [
        (
            d.class_key, d.source, figure(d.first), figure(d.second),
            "-" if d.difference is None else f"{d.difference:+.3f} {span(d.interval)}", d.verdict.value,
        )
        for d in _rows(comparison)
    ]  # fmt: skip
    names = (f"{first.name} {first.version}", f"{second.name} {second.version}")
    title = "\n".join(f"{letter}: {name}" for letter, name in zip("AB", names, strict=True))
    return f"{title}\n\n" + table(("class", "source", "AP50 of A", "AP50 of B", "B - A", "B is"), rows)


def as_json(comparison: Comparison) -> str:
    cards = {name: getattr(comparison, name).model_dump(mode="json") for name in ("first", "second")}
    return json.dumps(cards | {"differences": [asdict(one) for one in _rows(comparison)]}, indent=1)


def _rows(comparison: Comparison) -> Iterator[Difference]:
    yield comparison.headline
    yield from comparison.parts
    yield from comparison.classes


def _verdict(between: Interval | None) -> Verdict:
    if between is None:
        return Verdict.UNKNOWN
    if between.low > 0:
        return Verdict.BETTER
    return Verdict.WORSE if between.high < 0 else Verdict.EQUAL


def _refuse_unpaired(first: Trial, second: Trial) -> None:
    if first.split != second.split:
        raise EvaluationError(f"expected two trials of one split, got {first.split} and {second.split}")
    pictures = [[(p.name, p.truth) for p in trial.pictures] for trial in (first, second)]
    if pictures[0] != pictures[1]:
        raise EvaluationError(
            "expected trials of the same pictures with the same labels, got different ones; "
            "the labels changed in between: run rasid evaluate --reuse for both"
        )
