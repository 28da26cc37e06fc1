"""Measures what each part of a network loses in whole numbers, so that the few parts that lose most stay in float."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.backends import ONNXRUNTIME, open_backend
from inference.heads import Head

if TYPE_CHECKING:
    import onnx

_DEPTH = 2
_LEAST_SCORE = 0.05
"""What a network is nearly sure not to see changes no average precision."""
_CERTAIN = 1e-4

Example = tuple[NDArray[np.float32], NDArray[np.float32]]
"""An input and what the fp32 network makes of it."""


@dataclass(frozen=True)
class Block:
    """The nodes of one named part, and the root mean square by which its rounding moves the logits of scores."""

    name: str
    nodes: tuple[str, ...]
    change: float


def measure_blocks(
    nodes: Sequence[str],
    quantised: Callable[[Sequence[str]], "onnx.ModelProto"],
    examples: Sequence[Example],
    head: Head,
) -> list[Block]:
    """Each part in whole numbers alone, the one that changes most first."""
    parts: dict[str, list[str]] = {}
    for node in nodes:
        parts.setdefault(part_of(node), []).append(node)
    blocks = [Block(name, tuple(own), change(quantised(own), examples, head)) for name, own in parts.items()]
    return sorted(blocks, key=lambda block: -block.change)


def left_in_float(blocks: Sequence[Block], most_change: float) -> list[Block]:
    """The fewest blocks without which the others together change no more: independent errors add in squares."""
    rest = sum(block.change**2 for block in blocks)
    left = []
    for block in blocks:
        if rest <= most_change**2:
            break
        left.append(block)
        rest -= block.change**2
    return left


def change(model: "onnx.ModelProto", examples: Sequence[Example], head: Head) -> float:
    """The root mean square change of the logits where either network scores at least 0.05; 0 where none does."""
    backend = open_backend(ONNXRUNTIME, model.SerializeToString(), 1)
    moved = []
    for fed, expected in examples:
        before, after = scores(expected, head), scores(backend.run(fed), head)
        seen = np.maximum(before, after) >= _LEAST_SCORE
        moved.append(_logit(after[seen]) - _logit(before[seen]))
    together = np.concatenate(moved)
    return float(np.sqrt((together**2).mean())) if len(together) else 0.0


def part_of(node: str) -> str:
    """The first two steps of an exported node's path: /model.16/m.0/cv1/conv/Conv is of model.16/m.0."""
    return "/".join(node.strip("/").split("/")[:_DEPTH])


def describe_blocks(left: Sequence[Block], all_blocks: Sequence[Block], most_change: float) -> str:
    named = ", ".join(f"{block.name} {block.change:.3f}" for block in left) or "none"
    return f"parts left in float to change logits by at most {most_change}: {named} ({len(left)} of {len(all_blocks)})"


def scores(output: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    """The scores of an output; end2end rows are sorted by them, since near ties change places."""
    found = output[..., 4] if head is Head.END2END else output[:, 4:]
    return np.asarray(np.sort(found) if head is Head.END2END else found, dtype=np.float32)


def _logit(score: NDArray[np.float32]) -> NDArray[np.float64]:
    sure = np.clip(score.astype(np.float64), _CERTAIN, 1 - _CERTAIN)
    return np.asarray(np.log(sure / (1 - sure)), dtype=np.float64)
