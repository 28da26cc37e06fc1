"""The peer's method, from its description: a defect lies where the vehicle was, and what lies within ten metres of one
another in a day and is of one class is one defect (DBSCAN, 10 m, min_samples 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

EPS_M = 10.0
Cluster: TypeAlias = tuple[date, str, int]


@dataclass(frozen=True)
class PeerSight:
    """A box as the peer keeps it: the vehicle's fix, in metres."""

    day: date
    class_key: str
    east_m: float
    north_m: float


def cluster(sights: Sequence[PeerSight]) -> list[Cluster]:
    """The cluster of each sight. With min_samples 1 every point is a core point, so that DBSCAN's clusters are the
    connected parts of the graph of all pairs within EPS_M (Ester et al., KDD 1996)."""
    groups: dict[tuple[date, str], list[int]] = {}
    for number, sight in enumerate(sights):
        groups.setdefault((sight.day, sight.class_key), []).append(number)
    clusters: list[Cluster] = [(date.min, "", -1)] * len(sights)
    for (day, class_key), members in groups.items():
        places_m = np.array([(sights[number].east_m, sights[number].north_m) for number in members])
        for number, label in zip(members, _connected(places_m), strict=True):
            clusters[number] = day, class_key, label
    return clusters


def _connected(places_m: NDArray[np.float64]) -> list[int]:
    """A label for each place; equal where steps of at most EPS_M lead from one to the other."""
    root = list(range(len(places_m)))

    def find(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    bins: dict[tuple[int, int], list[int]] = {}
    for number, (east_m, north_m) in enumerate(places_m):
        column, row = int(east_m // EPS_M), int(north_m // EPS_M)
        for c in range(column - 1, column + 2):
            for r in range(row - 1, row + 2):
                for other in bins.get((c, r), ()):
                    if float(np.hypot(*(places_m[number] - places_m[other]))) <= EPS_M:
                        root[find(number)] = find(other)
        bins.setdefault((column, row), []).append(number)
    return [find(number) for number in range(len(places_m))]
