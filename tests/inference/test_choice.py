"""Which engine is used: as asked, else as measured on this machine for this file, else the one that is always there."""

import shutil
from pathlib import Path

import pytest
import yaml

from inference import choice as rooms
from inference.backends import OPENVINO
from inference.choice import Choice, choose, read_choice, store_choice, this_machine
from inference.detector import Detector
from inference.errors import ModelRefused
from inference.model import Gate, GateScore
from inference.registry import load_model


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RASID_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("RASID_BACKEND", raising=False)
    monkeypatch.setattr(rooms, "installed_backends", lambda: ("onnxruntime", "openvino"))
    return tmp_path / "config"


def chosen(path: Path, **changes: str) -> Choice:
    values = {"backend": OPENVINO, "variant": "", "model_sha256": load_model(path).sha256} | changes
    return Choice(**({"machine": this_machine(), "chosen_at": "2026-01-01T00:00:00+00:00"} | values))


def backend_of(model: str | Path, asked: str | None = None, follow_choice: bool = True) -> str:
    return choose(model, asked, follow_choice=follow_choice)[1]


def test_without_a_choice_it_is_onnx_runtime(model_path: Path) -> None:
    assert read_choice() is None
    assert backend_of(model_path) == "onnxruntime"


def test_a_stored_choice_is_read_back_and_followed(model_path: Path, config: Path) -> None:
    stored = chosen(model_path)
    assert store_choice(stored) == config / "backend.json"
    assert read_choice() == stored
    assert backend_of(model_path) == OPENVINO
    store_choice(chosen(model_path, backend="onnxruntime"))
    assert backend_of(model_path) == "onnxruntime"


@pytest.mark.parametrize("other", [{"machine": "another, 64 cores"}, {"model_sha256": "0" * 64}, {"backend": "cuda"}])
def test_a_choice_for_another_machine_model_or_installation_is_passed_over(
    other: dict[str, str], model_path: Path
) -> None:
    store_choice(chosen(model_path, **other))
    assert backend_of(model_path) == "onnxruntime"


def test_what_is_asked_for_goes_before_the_environment_and_that_before_the_choice(
    model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_choice(chosen(model_path))
    monkeypatch.setenv("RASID_BACKEND", "cuda")
    assert backend_of(model_path) == "cuda"
    assert backend_of(model_path, "onnxruntime") == "onnxruntime"


def test_a_measurement_of_raw_scores_leaves_the_choice_aside(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_choice(chosen(model_path))
    assert backend_of(model_path, follow_choice=False) == "onnxruntime"
    assert Detector.open(model_path, min_score=0.1, raw_scores=True).backend_name == "onnxruntime"


def test_a_file_that_is_no_choice_is_refused_with_its_path(model_path: Path, config: Path) -> None:
    config.mkdir()
    (config / "backend.json").write_text("{}")
    with pytest.raises(ModelRefused, match=r"backend\.json.*choose again or delete the file") as refused:
        choose(model_path, None, follow_choice=True)
    assert refused.value.code == "backend.choice"


def test_a_chosen_variant_is_opened_in_place_of_its_model(
    tmp_path: Path, model_paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = released(tmp_path, model_paths)
    monkeypatch.setattr("inference.registry.released_folder", lambda: folder)
    store_choice(chosen(folder / "blobs-int8.onnx", variant="int8"))
    variant, plain = load_model(folder / "blobs-int8.onnx").sha256, load_model(folder / "blobs.onnx").sha256
    assert choose("default", None, follow_choice=True)[0].sha256 == variant
    assert choose("blobs", None, follow_choice=True)[1] == OPENVINO
    assert choose("default", None, follow_choice=False)[0].sha256 == plain
    assert choose("default", "onnxruntime", follow_choice=True)[0].sha256 == plain
    assert choose(folder / "blobs.onnx", None, follow_choice=True)[0].sha256 == plain
    assert choose("other", None, follow_choice=True)[1] == "onnxruntime"


def released(folder: Path, model_paths: dict[str, Path]) -> Path:
    """A folder of released models; blobs has a variant, other has none."""
    shutil.copyfile(model_paths["end2end"], folder / "blobs.onnx")
    shutil.copyfile(model_paths["dense"], folder / "blobs-int8.onnx")

    def entry(name: str) -> dict[str, object]:
        file = load_model(folder / name)
        return {"file": name, "version": "1", "sha256": file.sha256, "size_bytes": len(file.data)}

    score = GateScore(sha256="", ap_50=0.5, false_alarm_frames=0.1)
    gate = Gate(
        fp32=score, variant=score, most_ap_50_lost=0.005, most_false_alarm_frames_gained=0.005, pictures=9,
        thresholds={}, measured_at="",
    )  # fmt: skip
    blobs = entry("blobs.onnx") | {"variants": {"int8": entry("blobs-int8.onnx") | {"gate": gate.model_dump()}}}
    content = {"default": "blobs", "models": {"blobs": blobs, "other": entry("blobs.onnx")}}
    (folder / "registry.yaml").write_text(yaml.safe_dump(content), "utf-8")
    return folder
