"""`rasid release`: a scored model file enters models/ and its registry, where it is found by name."""

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import yaml

from inference.model import read_model_card
from inference.registry import ModelEntry, Registry, read_registry, released_folder
from inference.session import Session
from training.errors import ReleaseError


def release_model(model: Path, card: Path, folder: Path | None, make_default: bool, exception: str = "") -> str:
    """Register a model under its file's stem; safe to run twice, refuses another file under a taken name.

    exception says why it is released although its measurements speak against it.
    """
    target = folder or released_folder()
    data = model.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    described = read_model_card(Session(data, 1).metadata, sha256)
    registry = read_registry(target) if (target / "registry.yaml").exists() else Registry(default=model.stem, models={})
    taken = registry.models.get(model.stem)
    if taken is not None and taken.sha256 != sha256:
        raise ReleaseError(f"expected a new name, got {model.stem}, released as {taken.sha256}; raise the version")
    entry = ModelEntry(
        file=model.name,
        version=described.version,
        sha256=sha256,
        size_bytes=len(data),
        card=f"{model.stem}.md",
        released_at=datetime.now(UTC).isoformat(timespec="seconds"),
        exception=exception,
    )
    _copy(model, target / entry.file)
    _copy(card, target / entry.card)
    _write_registry(target, registry, model.stem, entry, make_default)
    return f"{model.stem} {entry.version}: {entry.size_bytes} bytes, sha256 {sha256}"


def _copy(source: Path, target: Path) -> None:
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)


def _write_registry(folder: Path, registry: Registry, name: str, entry: ModelEntry, make_default: bool) -> None:
    models = {**registry.models, name: entry}
    content = {
        "default": name if make_default else registry.default,
        "models": {key: one.model_dump(exclude_defaults=True) for key, one in models.items()},
    }
    (folder / "registry.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
