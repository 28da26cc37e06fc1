"""When a machine may say which defect a report means, and with what evidence a person is asked otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

LIVE = frozenset({"candidate", "confirmed"})


@dataclass(frozen=True)
class Candidate:
    """A known defect that a report may mean. `log_ratio`: how much likelier it is than one that nobody has stored."""

    defect_id: int
    class_key: str
    state: str
    log_ratio: float


def chances(candidates: Sequence[Candidate]) -> list[float]:
    """The probability of each that it is the one, beside all others and beside a defect that nobody has stored."""
    top = max([0.0, *(one.log_ratio for one in candidates)])
    weights = [exp(one.log_ratio - top) for one in candidates]
    total = sum(weights) + exp(-top)
    return [weight / total for weight in weights]


def sure_of(candidates: Sequence[Candidate], class_key: str | None, from_chance: float) -> int | None:
    """The defect that is meant, where that is sure: its class was told, it is not mended, and its probability is at
    least `from_chance`, below 1. A mended one that is told again is a person's to judge."""
    for one, chance in zip(candidates, chances(candidates), strict=True):
        live = one.state in LIVE and one.class_key == class_key
        if live and from_chance < 1 and chance >= from_chance:
            return one.defect_id
    return None
