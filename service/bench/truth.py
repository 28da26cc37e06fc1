"""Compares what was filed with what is true: pairs of sightings, counts, places, ellipses."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from service.identity.gaussian import CHI2_95, Ellipse


@dataclass(frozen=True)
class Filed:
    """One sighting: which thing it shows in truth (None: nothing, a false alarm) and which it was filed under."""

    truth: Hashable | None
    filed: Hashable


@dataclass(frozen=True)
class Placed:
    """A thing as it was filed, in metres of the truth's frame; `ellipse` None: none is stated."""

    east_m: float
    north_m: float
    ellipse: Ellipse | None = None


@dataclass(frozen=True)
class Scores:
    """Of one method on one set of sightings."""

    pair_precision: float
    pair_recall: float
    counted: int
    true: int
    error_median_m: float
    error_p95_m: float
    inside_95: float | None
    places: int

    @property
    def pair_f1(self) -> float:
        total = self.pair_precision + self.pair_recall
        return 2 * self.pair_precision * self.pair_recall / total if total else 0.0

    @property
    def counted_share(self) -> float:
        return self.counted / self.true if self.true else 0.0


def pair_scores(sightings: Sequence[Filed]) -> tuple[float, float]:
    """Precision and recall over all pairs of sightings of true things: filed as one thing, and one in truth.

    A false alarm is no sighting of anything and takes part in no pair.
    """
    real = [one for one in sightings if one.truth is not None]
    both = _pairs(Counter((one.truth, one.filed) for one in real))
    filed, true = _pairs(Counter(one.filed for one in real)), _pairs(Counter(one.truth for one in real))
    return both / filed if filed else 1.0, both / true if true else 1.0


def score(
    sightings: Sequence[Filed], placed: Mapping[Hashable, Placed], counted: int, true: int,
    places_m: Mapping[Hashable, tuple[float, float]],
) -> Scores:  # fmt: skip
    """All of it; the place of a true thing is that of what most of its sightings were filed under."""
    errors, inside = [], []
    for truth, filed in _majority(sightings).items():
        if filed not in placed or truth not in places_m:
            continue
        east_m = placed[filed].east_m - places_m[truth][0]
        north_m = placed[filed].north_m - places_m[truth][1]
        errors.append(hypot(east_m, north_m))
        ellipse = placed[filed].ellipse
        if ellipse is not None:
            inside.append(ellipse.mahalanobis2(east_m, north_m) <= CHI2_95)
    precision, recall = pair_scores(sightings)
    median_m, p95_m = (float(np.percentile(errors, share)) for share in (50, 95)) if errors else (0.0, 0.0)
    return Scores(
        precision, recall, counted, true, median_m, p95_m, float(np.mean(inside)) if inside else None, len(errors)
    )


def _majority(sightings: Sequence[Filed]) -> dict[Hashable, Hashable]:
    votes: dict[Hashable, Counter[Hashable]] = {}
    for one in sightings:
        if one.truth is not None:
            votes.setdefault(one.truth, Counter())[one.filed] += 1
    return {truth: counter.most_common(1)[0][0] for truth, counter in votes.items()}


def _pairs(counts: Counter[object]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())
