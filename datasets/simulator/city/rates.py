"""How often a detector sees, misses, moves, mistakes and makes up: measured, and then scaled to the question asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import pairwise
from statistics import NormalDist
from typing import Any

from datasets.simulator.city.kinds import KINDS

NORMAL = NormalDist()
MEAN_FROM_M, MEAN_TO_M = 5.0, 20.0  # where a recall is a mean: nearer, the picture's edge cuts the ground
LEAST, MOST = 0.002, 0.998


@dataclass(frozen=True)
class ClassRates:
    """recall by distance; edges: left, top, right, bottom as shares of the side; scores: shares above threshold."""

    recall: tuple[float, ...]
    edge_bias: tuple[float, ...]
    edge_sd: tuple[float, ...]
    said: Mapping[str, float]  # share of the hits that carry another class
    echoes: Mapping[str, float]  # further boxes on the same defect, by their class, for each hit
    false_per_frame: float
    threshold: float
    score_true: tuple[float, ...]  # quantiles 0, 1/4, 1/2, 3/4, 1
    score_false: tuple[float, ...]


@dataclass(frozen=True)
class Rates:
    """`effect_share` of what decides a hit (a probit) stays with the defect, so forty frames are not forty draws.

    Not measured but assumed: lasting_share of that stays over passes, the rest is new with each; a defect is hidden for
    a whole pass or for moments as often as said; so many false alarms are a shadow's, the same place through one pass.
    A manhole's come again in every pass; the others are alone.
    """

    distance_edges_m: tuple[float, ...]
    classes: Mapping[str, ClassRates]
    effect_share: float
    edge_correlation: float  # of the edge errors of a defect within a pass
    manhole_share: float  # of the false alarms
    echo_bias: tuple[float, ...]
    echo_sd: tuple[float, ...]
    echo_score: tuple[float, ...]
    lasting_share: float = 0.5
    hidden_pass: float = 0.1
    hidden_moment: float = 0.05
    shadow_share: float = 0.35  # of the false alarms
    source: str = ""

    @classmethod
    def measured(cls) -> "Rates":
        """The released detector on frames of the rendering simulator: an easy world, with recalls of 0.8 and above.

        Classes it does not draw borrow from those it does (`rates.json` says which and how it was measured).
        """
        return _measured()

    @classmethod
    def field(cls) -> "Rates":
        """The measured rates brought to the detector's recall and false alarms on real pictures (test split).

        Recall inside 20 m is then the class's recall over labelled boxes of every distance, and false alarms are those
        of pictures whose labels are incomplete: both are worse than the truth, by an unknown amount. The recall of a
        class with too few boxes to hit any counts as LEAST.
        """
        rates, told = _measured(), _stored()["field"]["classes"]
        classes = {
            key: replace(rates._shifted(key, row["recall"]), false_per_frame=row["false_per_frame"])
            for key, row in told.items()
        }
        return replace(rates, classes={**rates.classes, **classes}, source="field")

    def scaled(self, *, recall: float) -> "Rates":
        """The same rates with this mean recall inside 20 m; classes keep their order and their fall with distance."""
        if not 0 < recall < 1:
            raise ValueError(f"recall: expected between 0 and 1, got {recall}")
        low, high = -8.0, 8.0
        while high - low > 1e-6:
            middle = (low + high) / 2
            low, high = (middle, high) if self._moved(middle).mean_recall() < recall else (low, middle)
        return self._moved(low)

    def mean_recall(self) -> float:
        """Over classes by their share of the defects, and over distances of 5 to 20 m."""
        total = sum(KINDS[key].share for key in self.classes)
        return sum(KINDS[key].share * self.class_recall(key) for key in self.classes) / total

    def class_recall(self, class_key: str) -> float:
        """Mean of the class over distances of 5 to 20 m."""
        metres = [max(0.0, min(b, MEAN_TO_M) - max(a, MEAN_FROM_M)) for a, b in pairwise(self.distance_edges_m)]
        rows = zip(metres, self.classes[class_key].recall, strict=True)
        return sum(m * recall for m, recall in rows) / (MEAN_TO_M - MEAN_FROM_M)

    def _shifted(self, key: str, recall: float) -> ClassRates:
        alone = replace(self, classes={key: self.classes[key]})
        return alone.scaled(recall=min(MOST, max(LEAST, recall))).classes[key]

    def _moved(self, probits: float) -> "Rates":
        return replace(self, classes={key: _moved(one, probits) for key, one in self.classes.items()})


def probit(share: float) -> float:
    """The point below which a normal variable lies with this probability, ends cut to LEAST and MOST."""
    return NORMAL.inv_cdf(min(MOST, max(LEAST, share)))


def _moved(one: ClassRates, probits: float) -> ClassRates:
    return replace(one, recall=tuple(NORMAL.cdf(probit(recall) + probits) for recall in one.recall))


@cache
def _measured() -> Rates:
    stored = _stored()
    return Rates(
        distance_edges_m=tuple(stored["distance_edges_m"]),
        classes={key: _class_rates(row) for key, row in stored["classes"].items()},
        effect_share=stored["effect_share"],
        edge_correlation=stored["edge_correlation"],
        manhole_share=stored["manhole_share"],
        echo_bias=tuple(stored["echo_bias"]),
        echo_sd=tuple(stored["echo_sd"]),
        echo_score=tuple(stored["echo_score"]),
        source="measured",
    )


def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(files(__package__).joinpath("rates.json").read_text("utf-8"))
    return stored


def _class_rates(row: Mapping[str, Any]) -> ClassRates:
    return ClassRates(
        recall=tuple(row["recall"]),
        edge_bias=tuple(row["edge_bias"]),
        edge_sd=tuple(row["edge_sd"]),
        said=dict(row["said"]),
        echoes=dict(row["echoes"]),
        false_per_frame=row["false_per_frame"],
        threshold=row["threshold"],
        score_true=tuple(row["score_true"]),
        score_false=tuple(row["score_false"]),
    )
