"""Where a model file enters models/ and its registry, to be found by name: `rasid release`, `rasid promote`."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import yaml

from inference.backends import ONNXRUNTIME, open_backend
from inference.model import Gate, ModelCard, read_model_card
from inference.registry import ModelEntry, Registry, VariantEntry, load_model, read_registry, released_folder
from training.errors import ReleaseError


def release_model(model: Path, card: Path, folder: Path | None, make_default: bool, exception: str = "") -> str:
    """Register a model under its file's stem; safe to run twice, refuses another file under a taken name.

    exception says why it is released although its measurements speak against it.
    """
    target = folder or released_folder()
    described = read_card(model)
    sha256 = described.sha256
    registry = read_registry(target) if (target / "registry.yaml").exists() else Registry(default=model.stem, models={})
    taken = registry.models.get(model.stem)
    if taken is not None and taken.sha256 != sha256:
        raise ReleaseError(f"expected a new name, got {model.stem}, released as {taken.sha256}; raise the version")
    entry = ModelEntry(
        file=model.name,
        version=described.version,
        sha256=sha256,
        size_bytes=model.stat().st_size,
        card=f"{model.stem}.md",
        released_at=datetime.now(UTC).isoformat(timespec="seconds"),
        exception=exception,
        variants=taken.variants if taken else {},
        backends=taken.backends if taken else {},
    )
    _copy(model, target / entry.file)
    _copy(card, target / entry.card)
    _write_registry(target, registry, model.stem, entry, make_default)
    return f"{model.stem} {entry.version}: {entry.size_bytes} bytes, sha256 {sha256}"


def release_variant(model: Path, card: ModelCard, name: str, folder: Path) -> str:
    """Register a variant under the released model it was made from, where NAME:VARIANT finds it; safe to run twice.

    Raises ReleaseError for another file under a taken name and for a variant without a gate.
    """
    registry = read_registry(folder)
    released = registry.models[name]
    taken = released.variants.get(card.variant)
    if taken is not None and taken.sha256 != card.sha256:
        raise ReleaseError(
            f"expected the released {name}:{card.variant} of sha256 {taken.sha256}, got {card.sha256}; "
            "released files never change: raise the version"
        )
    if card.gate is None:
        raise ReleaseError(f"expected a gate in {model}, got none; write it with rasid export --variant")
    entry = VariantEntry(
        file=f"{name}.{card.variant}.onnx", sha256=card.sha256, size_bytes=model.stat().st_size, gate=card.gate
    )
    _copy(model, folder / entry.file)
    varied = released.model_copy(update={"variants": {**released.variants, card.variant: entry}})
    _write_registry(folder, registry, name, varied, make_default=False)
    return f"{name}:{card.variant}: {entry.size_bytes} bytes, sha256 {entry.sha256}"


def release_backend(name: str, backend: str, gate: Gate, folder: Path) -> None:
    """Keep in the registry what a released model costs when this backend runs it."""
    registry = read_registry(folder)
    if name not in registry.models:
        raise ReleaseError(f"expected one of {', '.join(registry.models)}, got {name}; release it first")
    entry = registry.models[name]
    gated = entry.model_copy(update={"backends": {**entry.backends, backend: gate}})
    _write_registry(folder, registry, name, gated, make_default=False)


def read_card(model: Path) -> ModelCard:
    """What a model file says of itself."""
    found = load_model(model)
    return read_model_card(open_backend(ONNXRUNTIME, found.data, 1).metadata, found.sha256)


def _copy(source: Path, target: Path) -> None:
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)


def _write_registry(folder: Path, registry: Registry, name: str, entry: ModelEntry, make_default: bool) -> None:
    models = {**registry.models, name: entry}
    content = {
        "default": name if make_default else registry.default,
        "models": {key: one.model_dump(mode="json", exclude_defaults=True) for key, one in models.items()},
    }
    (folder / "registry.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
