"""Which defect to mend first: one score that is the sum of parts, each shown with its reason; from 0 to 100, and more
only while an incident lasts that names its class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from math import exp

from datasets.taxonomy import KEYS
from service.defects.sizes import SizeClass, size_class

# Points at most, by part; together 100. Where no source is named, tables of this file are our own starting values.
MOST: dict[str, float] = {
    "class": 30, "size": 20, "road": 20, "presence": 10, "recurrence": 10, "reports": 5, "age": 5
}  # fmt: skip
SIZE_POINTS = {SizeClass.SMALL: 4.0, SizeClass.MEDIUM: 12.0, SizeClass.LARGE: 20.0, SizeClass.UNKNOWN: 8.0}
# What endangers people first, then what spreads, then looks: the order of the service levels (work_orders.sla).
CLASS_POINTS: dict[str, float] = {
    "pothole": 30, "road_crack": 12, "garbage": 18, "graffiti": 8, "construction_barrier": 24, "neglected_sidewalk": 12,
    "bad_billboard": 8, "sand_rubble": 18, "standing_water": 28, "damaged_sign": 24, "unkept_facade": 4,
}  # fmt: skip
if set(CLASS_POINTS) != set(KEYS):
    raise ValueError(f"priority: expected points for each of {KEYS}, got {tuple(CLASS_POINTS)}; add or remove some")
# OpenStreetMap's key "highway"; a ramp counts as its road.
ROAD_POINTS: dict[str, float] = {
    "motorway": 20, "trunk": 20, "primary": 17, "secondary": 14, "tertiary": 11, "unclassified": 7, "residential": 7,
    "busway": 7, "living_street": 5, "service": 4, "road": 6, "track": 2,
}  # fmt: skip
UNKNOWN_ROAD_POINTS = 8.0
INCIDENT = "incident"  # the part that is there only while one lasts
POINTS_PER_RECURRENCE, POINTS_PER_REPORT, FULL_AGE_DAYS = 5.0, 1.0, 60.0


@dataclass(frozen=True)
class Facts:
    """What is known of a defect now."""

    class_key: str
    size: float | None  # in the class's unit of work
    road_class: str | None  # of the street that it lies on; None: no street is imported there
    recurrences: int  # times it came back after a repair or after it had gone
    reports: int  # of citizens
    age_days: float  # since it was first seen
    presence: float  # log-odds that it is there
    incident_points: float = 0.0  # by the rules of an incident that lasts there


@dataclass(frozen=True)
class Part:
    """Points of one part and the fact that they follow from."""

    key: str
    points: float
    of: float  # at most
    because: str | float | None


@dataclass(frozen=True)
class Waiting:
    """Work that a unit has before it."""

    id: int
    unit_id: int | None
    priority: float
    since: datetime


@dataclass(frozen=True)
class Day:
    """What a unit does today, the most urgent first, and what waits for another day in the same order."""

    today: tuple[int, ...]
    queued: tuple[int, ...]


def parts(facts: Facts) -> tuple[Part, ...]:
    """Each part of the score, in the order of MOST, then that of an incident; their sum is the score."""
    size = size_class(facts.class_key, facts.size)
    there = 1 / (1 + exp(-max(-50.0, min(50.0, facts.presence))))
    found: dict[str, tuple[float, str | float | None]] = {
        "class": (CLASS_POINTS[facts.class_key], facts.class_key),
        "size": (SIZE_POINTS[size], size.value),
        "road": (_road_points(facts.road_class), facts.road_class),
        "presence": (MOST["presence"] * there, round(there, 3)),
        "recurrence": (POINTS_PER_RECURRENCE * facts.recurrences, facts.recurrences),
        "reports": (POINTS_PER_REPORT * facts.reports, facts.reports),
        "age": (MOST["age"] * facts.age_days / FULL_AGE_DAYS, round(facts.age_days, 1)),
    }
    shown = tuple(
        Part(key, round(min(max(points, 0.0), MOST[key]), 2), MOST[key], because)
        for key, (points, because) in found.items()
    )
    if facts.incident_points <= 0:
        return shown
    return (*shown, Part(INCIDENT, round(facts.incident_points, 2), round(facts.incident_points, 2), None))


def score(shown: Iterable[Part]) -> float:
    return round(sum(part.points for part in shown), 2)


def rank_for_day(waiting: Iterable[Waiting], capacity: Mapping[int | None, int]) -> dict[int | None, Day]:
    """By unit what fits into a day of so many pieces of work: the highest priority first, of equals the oldest.

    A unit without a capacity gets all of it: nobody has said how much it can do.
    """
    ordered = sorted(waiting, key=lambda one: (one.unit_id or 0, -one.priority, one.since, one.id))
    days = {}
    for unit_id, own in groupby(ordered, key=lambda one: one.unit_id):
        ids = tuple(one.id for one in own)
        most = capacity.get(unit_id, len(ids))
        days[unit_id] = Day(ids[:most], ids[most:])
    return days


def most_important(road_classes: Iterable[str | None]) -> str | None:
    """Of the streets of a place, such as a crossing, the class that gives most points."""
    known = [one for one in road_classes if one]
    return max(known, key=lambda one: (_road_points(one), one), default=None)


def _road_points(road_class: str | None) -> float:
    return ROAD_POINTS.get((road_class or "").removesuffix("_link"), UNKNOWN_ROAD_POINTS)
