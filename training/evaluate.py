"""`rasid evaluate`: scores a model file as the service runs it, only where pictures are labelled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from datasets.records import Split
from datasets.taxonomy import KEYS
from inference.calibration import Platt
from inference.detector import Detector
from inference.model import ModelCard
from training.calibration import choose_curve
from training.detecting import LabelledTwice, hold_trial, network_sha256, path_or_name, read_labels, relabel
from training.errors import EvaluationError
from training.ledger import admit_to_test
from training.report import Report, make_report
from training.report_text import as_json, as_markdown, headline_line
from training.thresholds import (
    FalseAlarmLimit,
    choose_operating_points,
    decisive_cells,
    moved_thresholds,
    rewrite_card,
)
from training.trial import TRIAL_FILE, Labels, Trial, read_trial, write_trial
from training.views import View

REPORT_JSON = "report.json"
REPORT_MARKDOWN = "report.md"


@dataclass(frozen=True)
class Evaluation:
    """What `rasid evaluate` is asked to do."""

    model: str
    shared: Path
    split: Split = Split.VAL
    out: Path | None = None
    json: bool = False
    calibrate: bool = False
    choose_thresholds: bool = False
    limit: FalseAlarmLimit = field(default_factory=FalseAlarmLimit)
    workers: int = 1
    reuse: bool = False
    again: bool = False
    view: View | None = None
    ledger: Path | None = None

    @property
    def folder(self) -> Path | None:
        """Where trial, report and plots of the split go."""
        return self.out / self.split.value if self.out else None


def evaluate_model(asked: Evaluation) -> str:
    """Score a model on val or test; returns the report, or where it was written."""
    _refuse_nonsense(asked)
    twice = read_labels(asked.shared, asked.split)
    card = Detector.open(path_or_name(asked.model)).model
    refuse_missing_packages()
    earlier = 0
    if asked.split is Split.TEST:
        earlier = admit_to_test(card, network_sha256(asked.model), asked.again, asked.ledger)
    trial = relabel(_found(asked, twice), twice, card)
    if asked.folder:  # before anything can go wrong with what is made of it
        asked.folder.mkdir(parents=True, exist_ok=True)
        write_trial(trial, asked.folder / TRIAL_FILE)
    changes = tuned_fields(trial, asked)
    if changes:
        trial = trial.model_copy(update={"model": rewrite_card(Path(asked.model), **changes)})
    return _report(trial, make_report(trial, earlier), asked)


def tuned_fields(trial: Trial, asked: Evaluation) -> dict[str, Any]:
    """The fields of the card that are to be written anew, chosen under the corrected labels."""
    cells = trial.cells(Labels.CORRECTED)
    changes: dict[str, Any] = {}
    calibration: Mapping[str, Platt] = trial.model.calibration
    if asked.calibrate:
        curves = {key: choose_curve(key, decisive_cells(key, cells)[1]) for key in KEYS}
        calibration = {key: curve for key, curve in curves.items() if curve is not None}
        changes = {
            "calibration": calibration,
            "thresholds": moved_thresholds(trial.model, calibration),
            "operating_points": {},
        }
    if asked.choose_thresholds:
        points = choose_operating_points(cells, calibration, asked.limit)
        changes |= {"thresholds": {key: p.threshold for key, p in points.items()}, "operating_points": points}
    return changes


def refuse_missing_packages() -> None:
    """Say before minutes of detecting that the report could not be made."""
    missing = [name for name in ("faster_coco_eval", "matplotlib", "onnx") if find_spec(name) is None]
    if missing:
        raise EvaluationError(f"expected the train extra, {', '.join(missing)} missing: pip install 'rasid[train]'")


def _refuse_nonsense(asked: Evaluation) -> None:
    tunes = asked.calibrate or asked.choose_thresholds
    if asked.split is Split.TRAIN:
        raise EvaluationError("expected val or test, got train: a model knows its training pictures by heart")
    if asked.view is not None and (tunes or asked.split is not Split.VAL):
        raise EvaluationError("expected --view on val and without tuning: it compares inputs, the service has one")
    if tunes and asked.split is not Split.VAL:
        raise EvaluationError("expected --split val with --calibrate or --choose-thresholds: test is never tuned on")
    if tunes and not asked.model.endswith(".onnx"):
        raise EvaluationError(f"expected the path of an .onnx file to write to, got {asked.model}")
    if asked.split is Split.TEST and asked.out is None:
        raise EvaluationError("expected --out with --split test, got none: test is scored once, so keep the report")
    if asked.reuse and asked.out is None:
        raise EvaluationError("expected --out with --reuse, got none: the detections are read from there")


def _found(asked: Evaluation, twice: LabelledTwice) -> Trial:
    """Detections made now, or with --reuse those kept in the folder, if the same network made them."""
    if not asked.reuse or asked.folder is None:
        return hold_trial(asked.model, asked.split, twice, asked.workers, view=asked.view)
    kept = read_trial(asked.folder / TRIAL_FILE)
    if kept.network_sha256 != network_sha256(asked.model) or kept.view is not asked.view:
        raise EvaluationError(f"expected detections of {asked.model} in {asked.folder}, got those of another network")
    return kept


def _report(trial: Trial, report: Report, asked: Evaluation) -> str:
    folder = asked.folder
    if folder is None:
        return as_json(report) if asked.json else as_markdown(report)
    from training.plots import write_plots

    write_trial(trial, folder / TRIAL_FILE)
    (folder / REPORT_JSON).write_text(as_json(report), encoding="utf-8")
    (folder / REPORT_MARKDOWN).write_text(as_markdown(report), encoding="utf-8")
    write_plots(trial, folder)
    return as_json(report) if asked.json else f"{_summary(trial.model, report)}\nReport, trial and plots: {folder}"


def _summary(card: ModelCard, report: Report) -> str:
    lines = [f"{card.name} {card.version}, {report.split}, sha256 {card.sha256}"]
    lines += [f"labels {labels}: {headline_line(scores.headline)}" for labels, scores in report.labels.items()]
    return "\n".join(lines)
