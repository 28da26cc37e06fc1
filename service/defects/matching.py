"""Decides which boxes of a frame show defects that are known already, so that one hole is one defect."""

from collections.abc import Sequence
from dataclasses import dataclass

from datasets.taxonomy import BY_KEY
from service.surveys.geodesy import distance_m


@dataclass(frozen=True)
class Place:
    """One new box: what it shows and where."""

    class_key: str
    lat: float
    lon: float


@dataclass(frozen=True)
class Known:
    """A defect to compare with. `class_keys` holds its class and those a person corrected it from, since the
    model will go on naming it so; a merged defect stands here with its own place and its target's id."""

    defect_id: int
    class_keys: frozenset[str]
    lat: float
    lon: float


def match(seen: Sequence[Place], known: Sequence[Known]) -> list[int | None]:
    """For each box of one frame the id of the defect it shows, or None for a new one.

    Same class, within the class's `match_radius_m`, nearest pairs first, and one box to a defect: two holes
    in one frame are two defects. Ties go to the older defect and the earlier box, so that a repetition gives
    the same.
    """
    pairs = sorted(
        (apart_m, defect.defect_id, index)
        for index, place in enumerate(seen)
        for defect in known
        if place.class_key in defect.class_keys
        and (apart_m := distance_m(place.lat, place.lon, defect.lat, defect.lon)) <= radius_m(place.class_key)
    )
    assigned: dict[int, int] = {}
    taken: set[int] = set()
    for _, defect_id, index in pairs:
        if index not in assigned and defect_id not in taken:
            assigned[index] = defect_id
            taken.add(defect_id)
    return [assigned.get(index) for index in range(len(seen))]


def radius_m(class_key: str) -> float:
    return BY_KEY[class_key].match_radius_m
