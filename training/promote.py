"""`rasid promote`: a model enters the released ones when its measurements say that it should."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.records import Split
from inference.registry import load_model, read_registry, released_folder
from training.card import fill_card
from training.compare import Comparison, Verdict, compare_trials, load_trial
from training.errors import ReleaseError
from training.evaluate import REPORT_JSON
from training.release import release_model
from training.trial import TRIAL_FILE, Labels, Trial, read_trial

MOST_POTHOLE_ALARMS = 0.03
"""Share of val's pictures from sources without any defect in which a pothole may be reported."""


@dataclass(frozen=True)
class Promotion:
    """What `rasid promote` is asked to do.

    `card` may have places for figures (training/card.py); `against` is the default model's evaluation, made anew
    when missing.
    """

    model: Path
    card: Path
    evaluation: Path
    shared: Path
    against: Path | None = None
    folder: Path | None = None
    make_default: bool = False
    despite: str = ""
    workers: int = 1


def promote_model(asked: Promotion) -> str:
    """Release a model that was scored on val and test and is better than the default; else refuse with the reasons.

    Missing reports are never forgiven; `despite` lets the other objections pass and is kept in the registry.
    """
    sha256 = load_model(asked.model).sha256
    reports = {split: _read_report(asked.evaluation, split, sha256) for split in (Split.VAL, Split.TEST)}
    trial = read_trial(asked.evaluation / Split.VAL.value / TRIAL_FILE)
    if trial.model.sha256 != sha256:
        raise ReleaseError(f"expected the val trial of {sha256}, got that of {trial.model.sha256}; evaluate again")
    objections = quality_objections(trial, _default_trial(asked), reports[Split.VAL])
    if objections and not asked.despite:
        raise ReleaseError("expected a better model:\n- " + "\n- ".join(objections) + "\nor --despite REASON")
    exception = f"{asked.despite} (despite: {'; '.join(objections)})" if objections else ""
    card = asked.evaluation / f"{asked.model.stem}.md"
    card.write_text(fill_card(asked.card.read_text("utf-8"), reports), encoding="utf-8")
    released = release_model(asked.model, card, asked.folder, asked.make_default, exception)
    return "\n".join([released, *_alarm_lines(reports), *(f"despite: {one}" for one in objections)])


def quality_objections(candidate: Trial, default: Trial | None, val_report: dict[str, Any]) -> list[str]:
    """Why the candidate should not be released; empty when nothing speaks against it."""
    comparison = compare_trials(default, candidate) if default else None
    return [*(_worse(comparison) if comparison else []), *_loud(val_report)]


def _worse(comparison: Comparison) -> list[str]:
    first, second = comparison.headline.first, comparison.headline.second
    objections = []
    if first is None or second is None:
        objections.append("the mean over the eight is undefined on val: a part has no labelled box")
    elif second <= first:
        objections.append(f"mean AP50 over the eight on val: {second:.4f}, the default has {first:.4f}")
    objections += [
        f"{part.class_key} in {part.source} is worse: {part.second:.3f}, the default has {part.first:.3f}"
        for part in comparison.parts
        if part.verdict is Verdict.WORSE
    ]
    return objections


def _loud(val_report: dict[str, Any]) -> list[str]:
    rows = [row for row in _negatives(val_report) if row["class_key"] == "pothole"]
    pictures = sum(row["pictures"] for row in rows)
    alarms = sum(row["pictures"] * row["false_alarm_frames"] for row in rows)
    if not pictures:
        return ["potholes reported where there are none: unknown, val has no pictures without any defect"]
    if alarms <= MOST_POTHOLE_ALARMS * pictures + 1e-9:
        return []
    return [f"potholes reported in {alarms:.0f} of {pictures} val pictures without any defect, more than 3 %"]


def _alarm_lines(reports: dict[Split, dict[str, Any]]) -> list[str]:
    """Test is told and decides nothing: a model chosen by it would be tuned on it."""
    return [
        f"{split}: {row['class_key']} reported in {row['false_alarm_frames']:.3f} of {row['pictures']} pictures of "
        f"{row['source']}, at a recall of {_figure(row['vehicle_recall'])} on vehicle sources"
        for split, report in reports.items()
        for row in _negatives(report)
    ]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _negatives(report: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = report["labels"][Labels.CORRECTED.value]["negatives"]
    return rows


def _read_report(folder: Path, split: Split, sha256: str) -> dict[str, Any]:
    path = folder / split.value / REPORT_JSON
    if not path.exists():
        raise ReleaseError(f"expected {path}, got no such file; run rasid evaluate --split {split} --out {folder}")
    report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    scored = report["model"]["sha256"]
    if scored != sha256:
        raise ReleaseError(f"expected the {split} report of {sha256} in {path}, got that of {scored}; evaluate again")
    return report


def _default_trial(asked: Promotion) -> Trial | None:
    """The default model's trial on val; None when nothing is released yet."""
    folder = asked.folder or released_folder()
    if not (folder / "registry.yaml").exists():
        return None
    registry = read_registry(folder)
    entry = registry.models[registry.default]
    trial = load_trial(str(asked.against or folder / entry.file), asked.shared, asked.workers)
    if trial.model.sha256 != entry.sha256:
        raise ReleaseError(f"expected --against the default {entry.sha256}, got {trial.model.sha256}")
    return trial
