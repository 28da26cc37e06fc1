"""Measures what a faster variant of a network costs, because faster and worse is not faster."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from datasets.records import Split
from datasets.taxonomy import KEYS
from inference.backends import ONNXRUNTIME
from inference.model import Gate, GateScore, ModelCard
from inference.registry import released_folder
from training.compare import Comparison, as_markdown, compare_trials, load_trial
from training.errors import EvaluationError
from training.release import release_backend
from training.report import shown_outcome
from training.scoring import Cell
from training.thresholds import rewrite_card
from training.trial import Labels, Trial

MOST_AP_50_LOST = 0.005
MOST_FALSE_ALARM_FRAMES_GAINED = 0.005


def gate_variant(variant: Path, fp32: str, shared: Path, workers: int) -> str:
    """Score both on val, write the gate into the variant's file; returns the comparison and the outcome.

    fp32 is a released name, an .onnx file, or what `rasid evaluate --out` wrote for it.
    """
    first, second = load_trial(fp32, shared, workers), load_trial(str(variant), shared, workers)
    comparison = compare_trials(first, second)
    gate = measure_gate(first, second, comparison)
    rewrite_card(variant, gate=gate)
    return f"{as_markdown(comparison)}\n\n{describe_gate(gate)}"


def gate_backend(name: str, backend: str, against: str, shared: Path, workers: int, folder: Path | None) -> str:
    """Score a released model on val as another backend counts, and write the gate into the registry.

    against is the model as ONNX Runtime counts: a released name or what `rasid evaluate --out` wrote for it. A failed
    gate is written too: `rasid bench` then shows the backend and never chooses it.
    """
    first = load_trial(against, shared, workers, backend=ONNXRUNTIME)
    second = load_trial(name, shared, workers, backend=backend)
    if first.network_sha256 != second.network_sha256:
        raise EvaluationError(f"expected the evaluation of {name} itself in {against}, got that of another network")
    comparison = compare_trials(first, second)
    gate = _gate(first, second, comparison)
    release_backend(name, backend, gate, folder or released_folder())
    return f"{as_markdown(comparison)}\n\n{describe_gate(gate)}"


def measure_gate(fp32: Trial, variant: Trial, comparison: Comparison) -> Gate:
    """The gate of two trials on the same pictures of val; raises EvaluationError for any others."""
    if fp32.split is not Split.VAL:
        raise EvaluationError(f"expected trials of val, got {fp32.split}; run rasid evaluate")
    if fp32.model.sha256 != variant.model.variant_of:
        raise EvaluationError(
            f"expected the evaluation of {variant.model.variant_of}, which the variant was made from, "
            f"got that of {fp32.model.sha256}; evaluate that file"
        )
    return _gate(fp32, variant, comparison)


def _gate(fp32: Trial, variant: Trial, comparison: Comparison) -> Gate:
    return Gate(
        fp32=_score(fp32, comparison.headline.first),
        variant=_score(variant, comparison.headline.second),
        most_ap_50_lost=MOST_AP_50_LOST,
        most_false_alarm_frames_gained=MOST_FALSE_ALARM_FRAMES_GAINED,
        pictures=len(variant.pictures),
        thresholds=variant.model.thresholds,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def false_alarm_frames(cells: Sequence[Cell], card: ModelCard) -> float:
    """The share of pictures free of a class that report it, over all classes at the card's thresholds."""
    alarms = free = 0
    for key in KEYS:
        loudest = shown_outcome(key, [c for c in cells if c.class_key == key], card.calibration).loudest_when_free
        alarms += int((loudest >= card.thresholds[key]).sum())
        free += len(loudest)
    if not free:
        raise EvaluationError("expected pictures of val that are free of some class, got none")
    return alarms / free


def describe_gate(gate: Gate) -> str:
    """One line a figure, and whether the variant may be released."""
    fp32, variant = gate.fp32, gate.variant
    return "\n".join(
        [
            f"mean AP50 of the eight: {fp32.ap_50:.4f}, the variant {variant.ap_50:.4f}, "
            f"{variant.ap_50 - fp32.ap_50:+.4f}, allowed -{gate.most_ap_50_lost}",
            f"false-alarm frames: {fp32.false_alarm_frames:.4f}, the variant {variant.false_alarm_frames:.4f}, "
            f"{variant.false_alarm_frames - fp32.false_alarm_frames:+.4f}, allowed "
            f"+{gate.most_false_alarm_frames_gained}",
            f"gate {'passed' if gate.passed else 'failed: the variant cannot be released'}, {gate.pictures} pictures",
        ]
    )


def _score(trial: Trial, ap_50: float | None) -> GateScore:
    if ap_50 is None:
        raise EvaluationError("expected labelled boxes of all eight on val, got a part without any")
    alarms = false_alarm_frames(trial.cells(Labels.CORRECTED), trial.model)
    return GateScore(sha256=trial.network_sha256, ap_50=ap_50, false_alarm_frames=alarms)
