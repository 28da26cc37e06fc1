"""Says what must be shown of a repair before it counts as done, by the rules of the municipality, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Demand(StrEnum):
    PHOTO_BEFORE = "photo_before"  # by the unit, or a frame that shows the defect
    PHOTO_AFTER = "photo_after"  # of this repair, not of an earlier one that failed
    QUANTITY = "quantity"  # measured on site


@dataclass(frozen=True)
class Rule:
    """What is None holds for all of them."""

    id: int | None  # None: built in
    municipality_id: int | None
    class_key: str | None
    demands: frozenset[Demand]


@dataclass(frozen=True)
class Considered:
    rule: Rule
    why: str


@dataclass(frozen=True)
class Choice:
    """The rule that decides, and first of all considered."""

    rule: Rule
    considered: tuple[Considered, ...]


BUILT_IN = Rule(None, None, None, frozenset())  # what is missing is a doubt, for a person to inspect


def choose(rules: Iterable[Rule], municipality_id: int, class_key: str) -> Choice:
    """The most specific rule that fits: a municipality's own before a shared one, then a class named before none."""
    told = [(rule, _misfit(rule, municipality_id, class_key)) for rule in (*rules, BUILT_IN)]
    fitting = sorted((rule for rule, why in told if why is None), key=_specificity, reverse=True)
    chosen = fitting[0]
    others = [Considered(rule, f"less specific than {name_of(chosen)}") for rule in fitting[1:]]
    refused = [Considered(rule, why) for rule, why in told if why is not None]
    return Choice(chosen, (Considered(chosen, "the most specific that fits"), *others, *refused))


def name_of(rule: Rule) -> str:
    return "the built-in rule" if rule.id is None else f"rule {rule.id}"


def _misfit(rule: Rule, municipality_id: int, class_key: str) -> str | None:
    if rule.municipality_id not in (None, municipality_id):
        return f"for municipality {rule.municipality_id}"
    if rule.class_key not in (None, class_key):
        return f"for {rule.class_key}"
    return None


def _specificity(rule: Rule) -> tuple[bool, bool, bool]:
    return rule.municipality_id is not None, rule.class_key is not None, rule.id is not None
