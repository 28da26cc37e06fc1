"""A variant is admitted by what it costs on val, in the labels' own pictures and against its own network."""

from pathlib import Path

import pytest

from datasets.records import Split
from inference.backends import ONNXRUNTIME, OPENVINO
from inference.model import Gate, GateScore, ModelCard
from inference.registry import read_registry
from tests.models import write_blob_model
from tests.training.trials import HERE, THERE, drawn_pictures, picture, trial
from training.compare import compare_trials
from training.errors import EvaluationError, ReleaseError
from training.gate import describe_gate, false_alarm_frames, gate_backend, gate_variant, measure_gate
from training.release import read_card, release_model
from training.trial import Labels, Picture, Trial


def variant_trial(pictures: list[Picture], of: str = "a", split: Split = Split.VAL) -> Trial:
    made = trial(pictures, "b", split)
    card = made.model.model_copy(update={"variant": "int8", "variant_of": of})
    return made.model_copy(update={"model": card, "network_sha256": "quantised"})


def gate_of(fp32: Trial, variant: Trial) -> Gate:
    return measure_gate(fp32, variant, compare_trials(fp32, variant))


def made_gate(ap_50: float, false_alarm_frames: float) -> Gate:
    return Gate(
        fp32=GateScore(sha256="n", ap_50=0.4, false_alarm_frames=0.05),
        variant=GateScore(sha256="q", ap_50=ap_50, false_alarm_frames=false_alarm_frames),
        most_ap_50_lost=0.005,
        most_false_alarm_frames_gained=0.005,
        pictures=10,
        thresholds={},
        measured_at="",
    )


@pytest.mark.parametrize(
    ("ap_50", "alarms", "passed"),
    [(0.395, 0.055, True), (0.45, 0.0, True), (0.3949, 0.05, False), (0.4, 0.0551, False)],
)
def test_a_gate_is_passed_within_both_limits(ap_50: float, alarms: float, passed: bool) -> None:
    gate = made_gate(ap_50, alarms)
    assert gate.passed is passed
    assert ("gate passed" in describe_gate(gate)) is passed


def test_a_gate_in_a_file_cannot_claim_to_have_passed() -> None:
    claimed = made_gate(0.2, 0.05).model_dump() | {"passed": True}
    assert not Gate.model_validate(claimed).passed


def test_a_gate_is_read_back_from_a_models_metadata() -> None:
    card = trial([]).model.model_copy(update={"gate": made_gate(0.4, 0.05)})
    assert ModelCard.model_validate(card.model_dump()).gate == card.gate


def test_the_same_detections_pass() -> None:
    pictures = drawn_pictures(0.7)
    gate = gate_of(trial(pictures), variant_trial(pictures))
    assert gate.passed
    assert gate.fp32.ap_50 == gate.variant.ap_50
    assert (gate.fp32.sha256, gate.variant.sha256, gate.pictures) == ("n", "quantised", len(pictures))


def test_a_variant_that_finds_less_fails() -> None:
    gate = gate_of(trial(drawn_pictures(0.95)), variant_trial(drawn_pictures(0.6)))
    assert gate.variant.ap_50 < gate.fp32.ap_50
    assert not gate.passed


def test_a_variant_that_reports_more_where_nothing_is_fails() -> None:
    gate = gate_of(trial(drawn_pictures(0.7)), variant_trial(drawn_pictures(0.7, pothole_alarms=3)))
    assert gate.variant.ap_50 == gate.fp32.ap_50
    assert gate.variant.false_alarm_frames - gate.fp32.false_alarm_frames == pytest.approx(3 / 20)
    assert not gate.passed


def test_false_alarm_frames_are_counted_in_pictures_free_of_the_class() -> None:
    pictures = [
        picture("1", "smartathon", {"garbage": [HERE]}, {"garbage": [(*THERE, 0.9)]}),
        picture("2", "smartathon", {"garbage": [], "pothole": []}, {"garbage": [(*HERE, 0.9), (*THERE, 0.8)]}),
        picture("3", "smartathon", {"pothole": []}, {"pothole": [(*HERE, 0.4)], "garbage": [(*HERE, 0.9)]}),
    ]
    one = trial(pictures)
    assert false_alarm_frames(one.cells(Labels.CORRECTED), one.model) == pytest.approx(1 / 3)


def test_the_evaluation_of_another_network_and_another_split_are_refused() -> None:
    pictures = drawn_pictures(0.7)
    with pytest.raises(EvaluationError, match="made from"):
        gate_of(trial(pictures), variant_trial(pictures, of="c"))
    with pytest.raises(EvaluationError, match="trials of val"):
        gate_of(trial(pictures, split=Split.TEST), variant_trial(pictures, split=Split.TEST))


def test_the_gate_is_written_into_the_variants_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = drawn_pictures(0.7)
    trials = {"fp32": trial(pictures), str(tmp_path / "v.onnx"): variant_trial(pictures)}
    monkeypatch.setattr("training.gate.load_trial", lambda model, shared, workers: trials[model])
    variant = write_blob_model(tmp_path / "v.onnx")
    assert "gate passed" in gate_variant(variant, "fp32", tmp_path, 1)
    gate = read_card(variant).gate
    assert gate is not None
    assert gate.passed


@pytest.mark.parametrize(("skill", "passed"), [(0.95, True), (0.5, False)])
def test_a_backend_that_counts_coarsely_is_gated_in_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skill: float, passed: bool
) -> None:
    (tmp_path / "card.md").write_text("# Card\n", encoding="utf-8")
    release_model(write_blob_model(tmp_path / "blobs.onnx"), tmp_path / "card.md", tmp_path, make_default=True)
    held = {ONNXRUNTIME: trial(drawn_pictures(0.95)), OPENVINO: trial(drawn_pictures(skill))}
    monkeypatch.setattr("training.gate.load_trial", lambda model, shared, workers, backend: held[backend])
    said = gate_backend("blobs", OPENVINO, "blobs", tmp_path, 1, tmp_path)
    assert ("gate passed" in said) is passed
    assert read_registry(tmp_path).models["blobs"].backends[OPENVINO].passed is passed


def test_only_a_released_model_can_have_a_gated_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "card.md").write_text("# Card\n", encoding="utf-8")
    release_model(write_blob_model(tmp_path / "blobs.onnx"), tmp_path / "card.md", tmp_path, make_default=True)
    monkeypatch.setattr("training.gate.load_trial", lambda *given, **named: trial(drawn_pictures(0.9)))
    with pytest.raises(ReleaseError, match="expected one of blobs, got other"):
        gate_backend("other", OPENVINO, "other", tmp_path, 1, tmp_path)
