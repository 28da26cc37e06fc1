"""Which engine runs a model on this machine: the one asked for, else the one measured to be best here."""

import os
import platform
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from inference.backends import ONNXRUNTIME, installed_backends
from inference.cores import available_cores
from inference.errors import ModelRefused
from inference.registry import ModelFile, load_model


class Choice(BaseModel):
    """What `rasid bench --choose` found best: a backend and a variant ("" is the model itself), for one machine.

    model_sha256 is that of the file that was measured: the variant's own, where there is one.
    """

    model_config = ConfigDict(frozen=True)

    backend: str
    variant: str
    model_sha256: str
    machine: str
    chosen_at: str


def choose(model: str | Path, backend: str | None, *, follow_choice: bool) -> tuple[ModelFile, str]:
    """The file to open and the name of the backend: as asked, as RASID_BACKEND says, as stored, or ONNX Runtime.

    A choice holds for the file that was measured and nothing else. Raises ModelRefused.
    """
    file = load_model(model)
    if asked := backend or os.environ.get("RASID_BACKEND"):
        return file, asked
    choice = read_choice() if follow_choice else None
    if choice is None or choice.backend not in installed_backends():
        return file, ONNXRUNTIME
    chosen = _variant(model, choice.variant) or file
    return (chosen, choice.backend) if chosen.sha256 == choice.model_sha256 else (file, ONNXRUNTIME)


def read_choice() -> Choice | None:
    """The stored choice, None where there is none for a machine like this one; raises ModelRefused when unreadable."""
    path = _path()
    try:
        choice = Choice.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        expected = f"a choice of `rasid bench --choose` in {path}"
        got = "no such JSON" if isinstance(error, ValidationError) else error.strerror or str(error)
        raise ModelRefused("backend.choice", expected, f"{got}; choose again or delete the file") from error
    return choice if choice.machine == this_machine() else None


def store_choice(choice: Choice) -> Path:
    """Keep the choice in RASID_CONFIG_DIR, else ~/.config/rasid; returns where."""
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(".new")
    written.write_text(choice.model_dump_json(indent=2) + "\n", "utf-8")
    return written.replace(path)


def this_machine() -> str:
    """The processor and its cores: what a measurement of speed holds for."""
    return f"{_processor()}, {available_cores()} cores"


def _variant(model: str | Path, variant: str) -> ModelFile | None:
    """The variant of a released model called by its plain name; a path or a variant's own name is left as it is."""
    if not variant or isinstance(model, Path) or ":" in model or model.endswith(".onnx"):
        return None
    try:
        return load_model(f"{model}:{variant}")
    except ModelRefused as refused:
        if refused.code == "model.unknown_variant":  # the choice was made for another model
            return None
        raise


def _path() -> Path:
    folder = os.environ.get("RASID_CONFIG_DIR")
    return (Path(folder) if folder else Path.home() / ".config" / "rasid") / "backend.json"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
