"""Passes over one place as a street has them: some things hide better than others, and frames of a pass err alike."""

from dataclasses import dataclass
from datetime import timedelta
from math import exp, log

import numpy as np

from service.identity.absence import Visited
from tests.factories import NOW


@dataclass
class Street:
    """`recall` is what a frame's look is taken for; the true chance differs from thing to thing and pass to pass."""

    rng: np.random.Generator
    recall: float

    def life(self, before: int, after: int, goes: bool, every_days: float = 20.0) -> list[Visited]:
        """Visits of a thing: `before` while it is there, then `after` while it is gone, or still there."""
        hides = float(self.rng.beta(1.2, 6.0))  # a sixth of the passes on average, some things half of them
        easy = float(self.rng.normal(0.0, 0.5))
        visits = [self._visit(hides, easy, there=True) for _ in range(before)]
        visits += [self._visit(hides, easy, there=not goes) for _ in range(after)]
        days = np.cumsum(self.rng.uniform(0.5, 1.5, len(visits)) * every_days)
        return [Visited(NOW + timedelta(days=float(day)), *visit) for day, visit in zip(days, visits, strict=True)]

    def _visit(self, hides: float, easy: float, *, there: bool) -> tuple[int, int, float]:
        looks = 1 + int(self.rng.poisson(3.0))
        chance = _shifted(self.recall, easy + float(self.rng.normal(0.0, 0.7)))
        found = chance if there and self.rng.random() > hides else 0.004  # of one frame, a false alarm at this place
        sightings = int(self.rng.binomial(looks, found))
        return sightings, looks, (looks - sightings) * log(1 - self.recall)


def _shifted(chance: float, logits: float) -> float:
    return 1 / (1 + exp(-(log(chance / (1 - chance)) + logits)))
