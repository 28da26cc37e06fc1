"""Released models are found by name and proven by checksum."""

import hashlib
from pathlib import Path

import pytest
import yaml

from inference.errors import ModelRefused
from inference.registry import load_model, read_registry

SCORE = {"sha256": "", "ap_50": 0.4, "false_alarm_frames": 0.05}
GATE = {
    "fp32": SCORE,
    "variant": SCORE,
    "most_ap_50_lost": 0.005,
    "most_false_alarm_frames_gained": 0.005,
    "pictures": 10,
    "thresholds": {},
    "measured_at": "",
}


@pytest.fixture
def released(tmp_path: Path, model_path: Path) -> Path:
    data = model_path.read_bytes()
    (tmp_path / "blobs-1.onnx").write_bytes(data)
    entry = {
        "file": "blobs-1.onnx",
        "version": 1,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
    }
    quick = {key: entry[key] for key in ("file", "sha256", "size_bytes")} | {"gate": GATE}
    models = {"blobs": entry | {"variants": {"int8": quick}}, "lost": entry | {"file": "lost.onnx"}}
    text = yaml.safe_dump({"default": "blobs", "models": models})
    (tmp_path / "registry.yaml").write_text(text)
    return tmp_path


def refused(name: str | Path, folder: Path) -> ModelRefused:
    with pytest.raises(ModelRefused) as caught:
        load_model(name, folder)
    return caught.value


@pytest.mark.parametrize("name", ["default", "blobs"])
def test_a_released_model_loads_by_name_and_as_the_default(name: str, released: Path, model_path: Path) -> None:
    found = load_model(name, released)
    assert found.data == model_path.read_bytes()
    assert found.sha256 == read_registry(released).models["blobs"].sha256


def test_a_path_loads_without_the_registry(model_path: Path, tmp_path: Path) -> None:
    assert load_model(str(model_path), tmp_path).path == model_path


@pytest.mark.parametrize("name", ["default:int8", "blobs:int8"])
def test_a_variant_loads_by_the_name_of_its_model(name: str, released: Path) -> None:
    entry = read_registry(released).models["blobs"].variants["int8"]
    assert load_model(name, released).sha256 == entry.sha256
    assert entry.gate.passed


def test_an_unknown_variant_is_refused_with_the_known_ones(released: Path) -> None:
    error = refused("blobs:fp4", released)
    assert error.code == "model.unknown_variant"
    assert error.detail == "expected one of blobs, blobs:int8, as far as released, got 'blobs:fp4'"
    assert "expected one of lost, as" in refused("lost:int8", released).detail


def test_a_variant_of_an_unknown_model_is_refused_as_that(released: Path) -> None:
    assert refused("yolo99:int8", released).code == "model.unknown"


def test_a_variant_without_its_gate_makes_no_registry(released: Path) -> None:
    text = (released / "registry.yaml").read_text()
    (released / "registry.yaml").write_text(text.replace("gate:", "note:"))
    assert refused("default:int8", released).code == "model.registry"


def test_an_unknown_name_is_refused_with_the_known_ones(released: Path) -> None:
    error = refused("yolo99", released)
    assert error.code == "model.unknown"
    assert error.detail == "expected one of default, blobs, lost or the path of an .onnx file, got 'yolo99'"


def test_a_changed_file_is_refused_by_its_checksum(released: Path) -> None:
    with (released / "blobs-1.onnx").open("ab") as file:
        file.write(b"\0")
    assert refused("default", released).code == "model.checksum"


def test_a_missing_file_is_refused_with_its_path(released: Path) -> None:
    error = refused("lost", released)
    assert error.code == "model.missing"
    assert "lost.onnx" in error.detail


def test_a_folder_without_registry_says_that_nothing_is_released(tmp_path: Path) -> None:
    error = refused("default", tmp_path)
    assert error.code == "model.registry"
    assert "no model is released" in error.detail


@pytest.mark.parametrize("text", ["default: a", "models: [", "", "default: a\nmodels: {a: {file: a.onnx}}"])
def test_a_registry_that_does_not_parse_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(text)
    assert refused("default", tmp_path).code == "model.registry"
