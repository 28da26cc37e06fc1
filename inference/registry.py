"""Finds a released model by name and proves that its file is the released one."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.errors import ModelRefused
from inference.model import Gate


class VariantEntry(BaseModel):
    """A faster file of a released model, and the measurement that admitted it."""

    model_config = ConfigDict(frozen=True)

    file: str
    sha256: str
    size_bytes: int
    gate: Gate


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
    variants: dict[str, VariantEntry] = Field(default_factory=dict)  # int8, ...; opened as NAME:int8
    backends: dict[str, Gate] = Field(default_factory=dict)  # what the model costs where one counts more coarsely


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
    """Read a model by registry name, or by the path of an .onnx file.

    "default" is the default entry; "NAME:int8" and "default:int8" are the int8 variant of an entry.
    """
    if isinstance(model, Path) or model.endswith(".onnx"):
        return _read_model_file(Path(model))
    return _load_released(model, folder or released_folder())


def _load_released(asked: str, folder: Path) -> ModelFile:
    registry = read_registry(folder)
    name, colon, variant = asked.partition(":")
    entry = registry.models.get(registry.default if name == "default" else name)
    if entry is None:
        known = ", ".join(["default", *registry.models])
        raise ModelRefused("model.unknown", f"one of {known} or the path of an .onnx file", repr(asked))
    if not colon:
        return _read_proven(folder / entry.file, entry.sha256)
    if variant not in entry.variants:
        known = ", ".join([name, *(f"{name}:{one}" for one in entry.variants)])
        raise ModelRefused("model.unknown_variant", f"one of {known}, as far as released", repr(asked))
    return _read_proven(folder / entry.variants[variant].file, entry.variants[variant].sha256)


def _read_proven(path: Path, sha256: str) -> ModelFile:
    found = _read_model_file(path)
    if found.sha256 != sha256.lower():
        expected = f"{path} with sha256 {sha256} as released"
        raise ModelRefused("model.checksum", expected, f"{found.sha256}; fetch the file again")
    return found


def _read_model_file(path: Path) -> ModelFile:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelRefused("model.missing", f"a model file at {path}", error.strerror or str(error)) from error
    return ModelFile(path, data, hashlib.sha256(data).hexdigest())
