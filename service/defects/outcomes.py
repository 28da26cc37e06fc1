"""What the verdicts make of each box, and how often a model was right by them."""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

from service.defects.states import DefectState

Z_95 = 1.959964  # two-sided 95 % of the normal distribution


class Outcome(StrEnum):
    """What a box turned out to be; the last one says that nobody decided yet."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RECLASSIFIED = "reclassified"  # right place, wrong class
    ADDED = "added"  # drawn by a person: the model missed it
    UNDECIDED = "undecided"


def outcome_of(defect_state: DefectState, defect_class: str, box_class: str, *, by_person: bool) -> Outcome:
    """By the defect that the box shows now: a merged candidate is what its target is."""
    if defect_state is DefectState.REJECTED:
        return Outcome.REJECTED
    if defect_state not in {DefectState.CONFIRMED, DefectState.RESOLVED}:
        return Outcome.UNDECIDED
    if by_person:
        return Outcome.ADDED
    return Outcome.ACCEPTED if defect_class == box_class else Outcome.RECLASSIFIED


@dataclass(frozen=True)
class Tally:
    """How many of a model's boxes people found right, wrong, and of another class."""

    accepted: int = 0
    rejected: int = 0
    reclassified: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.accepted + other.accepted, self.rejected + other.rejected, self.reclassified + other.reclassified
        )

    @property
    def judged(self) -> int:
        return self.accepted + self.rejected + self.reclassified

    @property
    def precision(self) -> float | None:
        """Share of judged boxes that were accepted as the class the model named; None where none was judged."""
        return self.accepted / self.judged if self.judged else None


def wilson_interval(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) where nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    share, square = hits / total, Z_95**2
    middle = (share + square / (2 * total)) / (1 + square / total)
    reach = Z_95 / (1 + square / total) * sqrt(share * (1 - share) / total + square / (4 * total**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)
