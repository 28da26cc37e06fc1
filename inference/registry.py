"""Finds a released model by name and proves that its file is the released one."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from inference.errors import ModelRefused


class ModelEntry(BaseModel):
    """One released model in models/registry.yaml; file and card are relative to that folder."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)

    file: str
    version: str
    sha256: str
    size_bytes: int
    card: str = ""
    released_at: str = ""
    exception: str = ""  # why it was released although its measurements spoke against it


class Registry(BaseModel):
    """The released models and the name of the one used unless another is asked for."""

    model_config = ConfigDict(frozen=True)

    default: str
    models: dict[str, ModelEntry]


@dataclass(frozen=True, eq=False)
class ModelFile:
    """The bytes of an ONNX file and their sha256 in hex."""

    path: Path
    data: bytes
    sha256: str


def released_folder() -> Path:
    """The folder of registry.yaml and the released .onnx files, wherever the package is installed."""
    return Path(str(files("models")))


def read_registry(folder: Path) -> Registry:
    """Read folder/registry.yaml; raises ModelRefused when there is none or it does not parse."""
    path = folder / "registry.yaml"
    try:
        return Registry.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except FileNotFoundError as error:
        got = "no such file, so no model is released here; give the path of an .onnx file"
        raise ModelRefused("model.registry", f"{path}", got) from error
    except (ValidationError, yaml.YAMLError) as error:
        expected = f"default and models (file, version, sha256, size_bytes) in {path}"
        raise ModelRefused("model.registry", expected, str(error)) from error


def load_model(model: str | Path, folder: Path | None = None) -> ModelFile:
    """Read a model by registry name ("default" is the default entry) or by the path of an .onnx file."""
    if isinstance(model, Path) or model.endswith(".onnx"):
        return _read_model_file(Path(model))
    return _load_released(model, folder or released_folder())


def _load_released(name: str, folder: Path) -> ModelFile:
    registry = read_registry(folder)
    entry = registry.models.get(registry.default if name == "default" else name)
    if entry is None:
        known = ", ".join(["default", *registry.models])
        raise ModelRefused("model.unknown", f"one of {known} or the path of an .onnx file", repr(name))
    found = _read_model_file(folder / entry.file)
    if found.sha256 != entry.sha256.lower():
        expected = f"{found.path} with sha256 {entry.sha256} as released"
        raise ModelRefused("model.checksum", expected, f"{found.sha256}; fetch the file again")
    return found


def _read_model_file(path: Path) -> ModelFile:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelRefused("model.missing", f"a model file at {path}", error.strerror or str(error)) from error
    return ModelFile(path, data, hashlib.sha256(data).hexdigest())
