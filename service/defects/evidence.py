"""What all sightings of a defect say together, so that recording one and merging two follow the same rule."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf

REOPEN_AFTER = timedelta(hours=24)  # photos taken on the day of the repair still reach us after it was closed


@dataclass(frozen=True)
class Evidence:
    """The sum of one or many sightings; combining is associative and commutative, so their order does not
    matter."""

    sightings: int
    score: float  # highest, of `best_detection_id`
    best_detection_id: int | None  # None: reported by people, no vehicle has seen it yet
    size: float | None  # in the class's unit of work, as measured from nearest by
    size_sd: float | None
    size_distance_m: float | None
    first_seen_at: datetime
    last_seen_at: datetime

    def without_size(self) -> "Evidence":
        return replace(self, size=None, size_sd=None, size_distance_m=None)


def combine(a: Evidence, b: Evidence) -> Evidence:
    """Photo: the highest score, then the older. Size: measured from nearest by, because the error of a flat-ground
    projection grows with distance. The place is that of the visits (`visits.place`)."""
    best = max(a, b, key=lambda e: (e.best_detection_id is not None, e.score, -(e.best_detection_id or 0)))
    nearest = min(a, b, key=_nearness)
    return Evidence(
        sightings=a.sightings + b.sightings,
        score=best.score,
        best_detection_id=best.best_detection_id,
        size=nearest.size,
        size_sd=nearest.size_sd,
        size_distance_m=nearest.size_distance_m,
        first_seen_at=min(a.first_seen_at, b.first_seen_at),
        last_seen_at=max(a.last_seen_at, b.last_seen_at),
    )


def renew(old: Evidence, new: Evidence) -> Evidence:
    """After a repair that did not last: photo, score and size are of the new damage."""
    return replace(
        combine(old, new),
        score=new.score,
        best_detection_id=new.best_detection_id,
        size=new.size,
        size_sd=new.size_sd,
        size_distance_m=new.size_distance_m,
    )


def seen_again(resolved_at: datetime | None, seen_at: datetime) -> bool:
    """Whether a sighting shows that a repair did not last: taken at least REOPEN_AFTER after it was closed.

    Earlier photos that arrive late show the street as it was, and change nothing.
    """
    return resolved_at is not None and seen_at >= resolved_at + REOPEN_AFTER


def _nearness(evidence: Evidence) -> tuple[float, float]:
    """Measured sightings first, the nearest of them foremost; a count needs no distance and comes after
    those."""
    if evidence.size is None:
        return inf, inf
    return (inf if evidence.size_distance_m is None else evidence.size_distance_m, evidence.size)
