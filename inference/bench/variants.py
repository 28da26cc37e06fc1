"""The files of one model that may be run: the released one and its quantised variants, each with its accuracy gate."""

from dataclasses import dataclass

from inference.backends import ONNXRUNTIME, open_backend
from inference.model import ModelCard, read_model_card
from inference.registry import load_model, read_registry, released_folder


@dataclass(frozen=True)
class Variant:
    """A file to open as `model`; name is "" for the model itself. Without a recorded gate a variant has not passed."""

    name: str
    model: str
    sha256: str
    gate_passed: bool
    backends: frozenset[str] = frozenset()  # those that count more coarsely and passed a gate with this file


def variants_of(model: str) -> list[Variant]:
    """The model itself, then its registered variants; a path or a variant called by name stands alone."""
    if model.endswith(".onnx") or ":" in model:
        return [_variant(model)]
    registry = read_registry(released_folder())
    entry = registry.models.get(registry.default if model == "default" else model)
    registered = entry.variants if entry else ()
    return [_variant(model), *(_variant(f"{model}:{name}") for name in registered)]


def gate_passed(card: ModelCard) -> bool:
    """A network as it was trained has no gate to pass; any other carries the record of having passed."""
    return not card.variant or (card.gate is not None and card.gate.passed)


def _variant(model: str) -> Variant:
    file = load_model(model)
    card = read_model_card(open_backend(ONNXRUNTIME, file.data, threads=1).metadata, file.sha256)
    return Variant(card.variant, model, file.sha256, gate_passed(card), _gated_backends(file.sha256))


def _gated_backends(sha256: str) -> frozenset[str]:
    entries = (entry for entry in read_registry(released_folder()).models.values() if entry.sha256 == sha256)
    return frozenset(backend for entry in entries for backend, gate in entry.backends.items() if gate.passed)
