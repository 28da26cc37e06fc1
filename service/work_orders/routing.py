"""Chooses the unit that takes an order by the municipality's rules, and says why that one and no other."""

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from datasets.taxonomy import BY_KEY
from service.core.hijri import SAUDI_TIME
from service.defects.sizes import SizeClass

EVERY: frozenset[str] = frozenset()
RANK_OF_CLASS_RULES = 1_000  # the plain rule of a class stands behind rules with more conditions


@dataclass(frozen=True)
class OrderFacts:
    """What a rule may ask about an order."""

    class_key: str
    size_class: SizeClass
    district_id: int | None
    road_class: str | None  # of the imported street that it lies on
    incident_kinds: AbstractSet[str]  # of the incidents that are on at its place now
    at: datetime


@dataclass(frozen=True)
class Rule:
    """A condition that is empty fits everything."""

    id: int
    key: str
    rank: int  # the lowest that fits decides
    unit_id: int
    class_keys: AbstractSet[str] = EVERY
    size_classes: AbstractSet[str] = EVERY
    district_ids: AbstractSet[int] = frozenset()
    road_classes: AbstractSet[str] = EVERY
    incident_kinds: AbstractSet[str] = EVERY
    weekdays: AbstractSet[int] = (
        frozenset()
    )  # ISO: Monday 1, Sunday 7; of the moment itself, after midnight the new day
    from_hour: int | None = None  # local time
    until_hour: int | None = None  # not counted; at or before `from_hour` it is on the next day
    active: bool = True
    unit_active: bool = True


class Outcome(StrEnum):
    DECIDED = "decided"
    OUTRANKED = "outranked"  # it fits, but one of a lower rank decided
    UNFIT = "unfit"
    OFF = "off"  # the rule or its unit takes no orders


@dataclass(frozen=True)
class Considered:
    rule_id: int
    key: str
    rank: int
    unit_id: int
    outcome: Outcome
    because: str


@dataclass(frozen=True)
class Decision:
    """`unit_id` None: no rule fits, a person assigns. Rules in the order in which they were asked."""

    unit_id: int | None
    rule_id: int | None
    considered: tuple[Considered, ...]


def route(facts: OrderFacts, rules: Iterable[Rule]) -> Decision:
    """The unit of the first rule that fits, by rank and then by id, with a reason for every rule."""
    decided: Rule | None = None
    considered = []
    for rule in sorted(rules, key=lambda one: (one.rank, one.id)):
        outcome, because = _judge(rule, facts, decided)
        if outcome is Outcome.DECIDED:
            decided = rule
        considered.append(Considered(rule.id, rule.key, rule.rank, rule.unit_id, outcome, because))
    if decided is None:
        return Decision(None, None, tuple(considered))
    return Decision(decided.unit_id, decided.id, tuple(considered))


def class_rule_key(class_key: str) -> str:
    return f"class_{class_key}"


def opens_work_order(class_key: str, enabled: Collection[str]) -> bool:
    """Whether an accepted defect of the class is sent to a crew; experimental classes only where enabled."""
    return not BY_KEY[class_key].experimental or class_key in enabled


def _judge(rule: Rule, facts: OrderFacts, decided: Rule | None) -> tuple[Outcome, str]:
    if not rule.active:
        return Outcome.OFF, "the rule is switched off"
    reasons = _misfits(rule, facts)
    if reasons:
        return Outcome.UNFIT, "; ".join(reasons)
    if not rule.unit_active:
        return Outcome.OFF, "its unit takes no orders now"
    if decided is not None:
        return Outcome.OUTRANKED, f"it fits, but {decided.key} of rank {decided.rank} comes first"
    return Outcome.DECIDED, "the first that fits"


def _misfits(rule: Rule, facts: OrderFacts) -> list[str]:
    told = (
        _unlike("class", rule.class_keys, facts.class_key),
        _unlike("size", rule.size_classes, facts.size_class.value),
        _unlike("district", rule.district_ids, facts.district_id),
        _unlike("road", rule.road_classes, _road(facts.road_class, rule.road_classes)),
        _no_incident(rule.incident_kinds, facts.incident_kinds),
        _unlike("weekday", rule.weekdays, facts.at.astimezone(SAUDI_TIME).isoweekday()),
        _other_hour(rule.from_hour, rule.until_hour, facts.at.astimezone(SAUDI_TIME).hour),
    )
    return [reason for reason in told if reason]


def _unlike(what: str, wanted: AbstractSet[str] | AbstractSet[int], has: str | int | None) -> str | None:
    if not wanted or has in wanted:
        return None
    return f"{what}: expected {_listed(wanted)}, is {'unknown' if has is None else has}"


def _road(road_class: str | None, wanted: AbstractSet[str]) -> str | None:
    """A ramp counts as its road, unless the rule names ramps."""
    return road_class if road_class is None or road_class in wanted else road_class.removesuffix("_link")


def _no_incident(wanted: AbstractSet[str], on: AbstractSet[str]) -> str | None:
    if not wanted or wanted & on:
        return None
    return f"incident: expected {_listed(wanted)}, is {_listed(on) if on else 'none'}"


def _other_hour(start: int | None, end: int | None, hour: int) -> str | None:
    if start is None or end is None:
        return None
    inside = start <= hour < end if start < end else hour >= start or hour < end
    return None if inside else f"hour: expected {start} to {end}, is {hour}"


def _listed(values: Iterable[str | int]) -> str:
    return " or ".join(map(str, sorted(values, key=str)))
