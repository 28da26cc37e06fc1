"""How long things last when most of them have not failed yet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lasted:
    """One thing: how long it was followed, and whether it failed at the end of that or is good as far as known."""

    days: float
    failed: bool


@dataclass(frozen=True)
class Survival:
    """The share still good, as steps down; known as far as anything was followed."""

    steps: tuple[tuple[float, float], ...]  # (days, share from then on), ascending
    followed_days: float

    def share_after(self, days: float) -> float | None:
        """None where nothing was followed so long and some were still good when last seen."""
        share = 1.0
        for at_days, left in self.steps:
            if at_days > days:
                break
            share = left
        return share if days <= self.followed_days or share == 0 else None

    @property
    def median_days(self) -> float | None:
        """None while more than half are still good."""
        return next((at_days for at_days, left in self.steps if left <= 0.5 + 1e-12), None)


def survival(things: Sequence[Lasted]) -> Survival:
    """The product-limit estimate (Kaplan and Meier, Journal of the American Statistical Association 53, 1958): at each
    failure the share falls by failures over things still followed; one that is lost sight of counts until then."""
    failures = Counter(one.days for one in things if one.failed)
    ends = Counter(one.days for one in things)
    share, at_risk = 1.0, len(things)
    steps: list[tuple[float, float]] = []
    for days in sorted(ends):
        if failures[days]:
            share = share * (at_risk - failures[days]) / at_risk
            steps.append((days, share))
        at_risk -= ends[days]
    return Survival(tuple(steps), max(ends, default=0.0))
