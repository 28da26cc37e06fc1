"""Released models are found by name and proven by checksum."""

import hashlib
from pathlib import Path

import pytest
import yaml

from inference.errors import ModelRefused
from inference.registry import load_model, read_registry


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
    text = yaml.safe_dump({"default": "blobs", "models": {"blobs": entry, "lost": entry | {"file": "lost.onnx"}}})
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
