"""What changes while an incident lasts: which classes come first, how soon they are closed, how much a unit can do."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from datasets.taxonomy import BY_KEY


class IncidentKind(StrEnum):
    RAIN = "rain"
    SANDSTORM = "sandstorm"
    OTHER = "other"


class BadRules(ValueError):
    """Rules that cannot be applied; the message says what was expected."""


MOST_POINTS = 100.0
MOST_HOURS = 24 * 30
MOST_CAPACITY = 1_000


@dataclass(frozen=True)
class IncidentRules:
    """By class the points added to the priority and the hours round the clock within which an order must be closed, and
    by unit key how many orders a day. What is not named stays as it is."""

    points: Mapping[str, float] = field(default_factory=dict)
    close_hours: Mapping[str, float] = field(default_factory=dict)
    capacity: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {name: dict(value) for name, value in asdict(self).items()}


# Our own starting values: rain stands in the underpasses first, then potholes open below it.
DEFAULTS: dict[IncidentKind, IncidentRules] = {
    IncidentKind.RAIN: IncidentRules(
        {"standing_water": 60.0, "pothole": 15.0}, {"standing_water": 4.0, "pothole": 24.0}
    ),
    IncidentKind.SANDSTORM: IncidentRules({"sand_rubble": 50.0, "damaged_sign": 20.0}, {"sand_rubble": 12.0}),
    IncidentKind.OTHER: IncidentRules(),
}


def parse_rules(told: Mapping[str, Any]) -> IncidentRules:
    """From JSON; raises BadRules for unknown classes and numbers that cannot be meant."""
    unknown = sorted(set(told) - {"points", "close_hours", "capacity"})
    if unknown:
        raise BadRules(f"expected points, close_hours and capacity, got {', '.join(unknown)}")
    points = _numbers(told, "points", MOST_POINTS)
    close_hours = _numbers(told, "close_hours", MOST_HOURS)
    capacity = _numbers(told, "capacity", MOST_CAPACITY)
    for name, numbers in (("points", points), ("close_hours", close_hours)):
        strange = sorted(set(numbers) - set(BY_KEY))
        if strange:
            raise BadRules(f"{name}: expected class keys ({', '.join(BY_KEY)}), got {', '.join(strange)}")
    return IncidentRules(points, close_hours, {key: int(number) for key, number in capacity.items()})


def _numbers(told: Mapping[str, Any], name: str, most: float) -> dict[str, float]:
    numbers = told.get(name, {})
    if not isinstance(numbers, Mapping):
        raise BadRules(f"{name}: expected an object of numbers, got {numbers!r:.60}")
    for key, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= most:
            raise BadRules(f"{name}.{key}: expected a number above 0, at most {most:g}, got {number!r:.60}")
    return {str(key): float(number) for key, number in numbers.items()}
