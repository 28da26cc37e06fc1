"""`rasid promote --variant`: a faster file joins a released model when its gate says that it sees as well."""

from pathlib import Path

from inference.model import Gate, ModelCard
from inference.registry import Registry, read_registry, released_folder
from training.detecting import network_sha256
from training.errors import ReleaseError
from training.gate import describe_gate
from training.release import read_card, release_variant


def promote_variant(model: Path, folder: Path | None) -> str:
    """Release a variant that passed its gate against the released model it was made from; else refuse it."""
    target = folder or released_folder()
    registry = read_registry(target)
    card = read_card(model)
    if not card.variant:
        raise ReleaseError(f"expected a variant in {model}, got the network as trained; promote it without --variant")
    name = _made_from(card, registry)
    gate = _own_gate(model, card, target / registry.models[name].file)
    if not gate.passed:
        raise ReleaseError(f"expected a variant within its limits:\n{describe_gate(gate)}")
    return f"{release_variant(model, card, name, target)}\n{describe_gate(gate)}"


def _made_from(card: ModelCard, registry: Registry) -> str:
    names = [name for name, entry in registry.models.items() if entry.sha256 == card.variant_of]
    if not names:
        known = ", ".join(registry.models)
        raise ReleaseError(
            f"expected a variant of one of {known}, got one of a file with sha256 {card.variant_of}; "
            "promote that file first, then make the variant from its name"
        )
    return names[0]


def _own_gate(model: Path, card: ModelCard, fp32: Path) -> Gate:
    """The gate, if these two networks at these thresholds are what it was measured on."""
    if card.gate is None:
        raise ReleaseError(f"expected a gate in {model}, got none; write it with rasid export --variant --gate")
    measured = (card.gate.variant.sha256, card.gate.fp32.sha256)
    if measured != (network_sha256(str(model)), network_sha256(str(fp32))) or card.gate.thresholds != card.thresholds:
        raise ReleaseError(
            f"expected a gate of this network, of {fp32} and of these thresholds, got one of others; make it anew"
        )
    return card.gate
