"""What a contract says: whom and what it covers, prices, service level and penalties, as values that a statement can
keep."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeVar


class PenaltyKind(StrEnum):
    """What a penalty is for."""

    BREACH = "breach"  # not done when due
    START_BREACH = "start_breach"  # not begun when it should have been
    LATE_HOUR = "late_hour"  # each begun hour after the due time
    FAILED_REPAIR = "failed_repair"  # found good, then failed within the warranty
    FAILED_INSPECTION = "failed_inspection"  # reported done and refused


@dataclass(frozen=True)
class Price:
    """Of one unit of work, from the first to the last day, both counted; no last day: until further notice."""

    id: int
    class_key: str
    size_class: str | None  # None: every size that has no price of its own
    quantity_unit: str
    price_halalas: int
    minimum_halalas: int
    first_day: date
    last_day: date | None


@dataclass(frozen=True)
class Penalty:
    """An amount, or a percentage of what the repair is worth by the price list."""

    id: int
    kind: PenaltyKind
    class_key: str | None  # None: every class that has no rule of its own
    amount_halalas: int | None
    percent: Decimal | None
    cap_halalas: int | None  # of one order
    first_day: date
    last_day: date | None


@dataclass(frozen=True)
class Terms:
    contract_id: int
    municipality_id: int
    unit_ids: tuple[int, ...]
    first_day: date
    last_day: date
    vat_percent: Decimal
    class_keys: tuple[str, ...] = ()  # empty: every class
    district_ids: tuple[int, ...] = ()  # empty: the whole municipality
    service_hours: dict[str, int] = field(default_factory=dict)  # by class, from assigned to done; else the order's due
    warranty_days: int | None = None  # None: a failed repair is credited whenever it fails
    monthly_cap_halalas: int | None = None  # penalties of a month go no higher
    monthly_cap_percent: Decimal | None = None  # of the works of that month
    penalties_reduce_vat: bool = False
    prices: tuple[Price, ...] = ()
    penalties: tuple[Penalty, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A piece of work on a day, for which a contract is looked for."""

    municipality_id: int
    unit_id: int | None
    class_key: str
    size_class: str | None
    district_id: int | None
    day: date


class Valid(Protocol):
    @property
    def first_day(self) -> date: ...
    @property
    def last_day(self) -> date | None: ...


Item = TypeVar("Item", bound=Valid)


def refusal(terms: Terms, asked: Asked) -> str | None:
    """The first thing by which the contract does not cover the work; None where it does."""
    if asked.municipality_id != terms.municipality_id:
        return "another municipality"
    if asked.unit_id is None or asked.unit_id not in terms.unit_ids:
        return f"unit {asked.unit_id} is not under it"
    if not terms.first_day <= asked.day <= terms.last_day:
        return f"{asked.day} is outside of {terms.first_day} to {terms.last_day}"
    if terms.class_keys and asked.class_key not in terms.class_keys:
        return f"class {asked.class_key} is not in it"
    if terms.district_ids and asked.district_id not in terms.district_ids:
        return f"district {asked.district_id} is not in its area"
    return None


def price_for(terms: Terms, asked: Asked) -> Price | None:
    """The price of that day: of the size class where it has its own, else of the class."""
    own = [one for one in valid_on(terms.prices, asked.day) if one.class_key == asked.class_key]
    fitting = [one for one in own if one.size_class in (asked.size_class, None)]
    return max(fitting, key=lambda one: (one.size_class is not None, one.first_day, one.id), default=None)


def penalty_for(terms: Terms, kind: PenaltyKind, class_key: str, day: date) -> Penalty | None:
    """The rule of that day: of the class where it has its own, else of all classes."""
    own = [one for one in valid_on(terms.penalties, day) if one.kind is kind and one.class_key in (class_key, None)]
    return max(own, key=lambda one: (one.class_key is not None, one.first_day, one.id), default=None)


def valid_on(items: Sequence[Item], day: date) -> list[Item]:
    return [one for one in items if one.first_day <= day and (one.last_day is None or day <= one.last_day)]


def overlap(one: Valid, other: Valid) -> bool:
    """Whether some day is in both."""
    return (other.last_day is None or one.first_day <= other.last_day) and (
        one.last_day is None or other.first_day <= one.last_day
    )
