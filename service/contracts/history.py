"""A work order's events read as repairs: who had it, what was reported done, found good, refused, and what failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from service.contracts.money import exact

DAY = timedelta(days=1)
LEFT = frozenset({"open", "referred", "merged", "cancelled"})  # no unit has the order then


@dataclass(frozen=True)
class Fact:
    """One event of a work order."""

    id: int
    at: datetime
    action: str
    data: Mapping[str, Any]
    to_state: str | None = None


@dataclass(frozen=True)
class OrderFacts:
    """An order and all of its events up to some time, in the order in which they were recorded.

    `due_at` is of the last episode; that of an earlier one is told by the event that opened the order again.
    """

    order_id: int
    municipality_id: int
    class_key: str
    quantity_unit: str
    size_class: str | None
    district_id: int | None
    unit_id: int | None  # for an order that no event gives to a unit
    due_at: datetime | None
    facts: tuple[Fact, ...]

    @cached_property
    def episodes(self) -> tuple["Episode", ...]:
        """Oldest first; an event that says nothing about repairs changes nothing."""
        return tuple(_episodes(self))


@dataclass(frozen=True)
class Done:
    """The unit's word that the repair is done."""

    event_id: int
    at: datetime
    quantity: Decimal
    quantity_unit: str
    unit_id: int | None
    size_class: str | None = None  # of the order then, as was its district
    district_id: int | None = None


@dataclass(frozen=True)
class Closing:
    """The repair was found good."""

    event_id: int
    at: datetime
    done: Done
    others: tuple[Decimal, ...] = ()  # of its quantity, what orders that were merged into this one had


@dataclass(frozen=True)
class Share:
    """The part that an order had of the repair of the one that it was merged into; charged there."""

    event_id: int
    at: datetime
    done: Done  # the whole
    quantity: Decimal


@dataclass(frozen=True)
class Failing:
    """The repair was refused, or failed after it had been found good."""

    event_id: int
    at: datetime
    done: Done
    lasted_days: float


@dataclass(frozen=True)
class Spell:
    """The order in the hands of one unit."""

    event_id: int
    unit_id: int
    from_at: datetime
    to_at: datetime | None = None


@dataclass(frozen=True)
class Breach:
    """The service level's own word that a time was missed."""

    event_id: int
    at: datetime
    kind: str  # start | close
    due_at: datetime | None


@dataclass(frozen=True)
class Episode:
    """An order from its opening to the day it is opened again."""

    number: int
    opened_at: datetime
    due_at: datetime | None = None
    spells: tuple[Spell, ...] = ()
    holds: tuple[tuple[datetime, datetime | None], ...] = ()
    done: Done | None = None
    closing: Closing | None = None
    shares: tuple[Share, ...] = ()
    refused: tuple[Failing, ...] = ()
    failing: Failing | None = None
    breaches: tuple[Breach, ...] = field(default=())

    @property
    def found_good(self) -> Closing | None:
        """Its own repair, or the one that it was part of."""
        if self.closing or not self.shares:
            return self.closing
        return Closing(self.shares[0].event_id, self.shares[0].at, self.shares[0].done)

    @property
    def held_at(self) -> datetime | None:
        """Since when it is on hold."""
        return self.holds[-1][0] if self.holds and self.holds[-1][1] is None else None


def _episodes(order: OrderFacts) -> list[Episode]:
    done: list[Episode] = []
    now: Episode | None = None
    for fact in order.facts:
        if now is None or fact.action == "reopen":
            if now is not None:
                done.append(_failed(now, fact))
            now = Episode(len(done) + 1, fact.at)
        now = _after(now, fact, order)
    return [*done, replace(now, due_at=order.due_at)] if now else []


def _after(episode: Episode, fact: Fact, order: OrderFacts) -> Episode:
    if fact.action == "undo":
        return _undone(episode, str(fact.data.get("action")), fact.to_state)
    if fact.to_state == "assigned" and isinstance(unit_id := fact.data.get("unit_id"), int):
        episode = _given(episode, fact, unit_id)
    elif fact.to_state in LEFT:
        episode = replace(episode, spells=_ended(episode.spells, fact.at))
    match fact.action:
        case "report_done":
            return replace(episode, done=_done(episode, fact, order))
        case "pass" if episode.done:
            return replace(episode, closing=Closing(fact.id, fact.at, episode.done))
        case "share":
            return _shared(episode, fact, order)
        case "fail" if episode.done:
            return replace(episode, done=None, refused=(*episode.refused, _failing(episode.done, fact)))
        case "hold" if episode.held_at is None:
            return replace(episode, holds=(*episode.holds, (fact.at, None)))
        case "resume" if episode.held_at:
            return replace(episode, holds=(*episode.holds[:-1], (episode.held_at, fact.at)))
        case "breach" | "late_start":
            return replace(episode, breaches=(*episode.breaches, _breach(fact)))
    return episode


def _undone(episode: Episode, action: str, to_state: str | None) -> Episode:
    """As it was before one of many orders' actions that was taken back: nobody held it, had it or lost it by that."""
    spells, holds = episode.spells, episode.holds
    if action == "hold":
        return replace(episode, holds=holds[:-1])
    if action == "resume" and holds:
        return replace(episode, holds=(*holds[:-1], (holds[-1][0], None)))
    if action in ("assign", "transfer"):
        spells = spells[:-1]
    if action in ("transfer", "cancel") and to_state not in LEFT and spells:
        spells = (*spells[:-1], replace(spells[-1], to_at=None))
    return replace(episode, spells=spells)


def _shared(episode: Episode, fact: Fact, order: OrderFacts) -> Episode:
    """A repair that others had part of is the order's own, or it is that of the order that took this one in."""
    told = fact.data
    if told.get("order_id") == order.order_id:
        others = tuple(exact(one) for one in told.get("others", ()))
        return replace(episode, closing=episode.closing and replace(episode.closing, others=others))
    done = Done(
        fact.id, _time(told.get("done_at")) or fact.at, exact(told["of_quantity"]), str(told["unit"]),
        told.get("by_unit_id"), told.get("size_class"), told.get("district_id"),
    )  # fmt: skip
    return replace(episode, shares=(*episode.shares, Share(fact.id, fact.at, done, exact(told["quantity"]))))


def _breach(fact: Fact) -> Breach:
    """A start that was missed comes as an action of its own or as a kind of breach."""
    kind = "start" if fact.action == "late_start" else str(fact.data.get("kind", "close"))
    due_at = fact.data.get("start_due_at") if kind == "start" else None
    return Breach(fact.id, fact.at, kind, _time(due_at or fact.data.get("due_at")))


def _given(episode: Episode, fact: Fact, unit_id: int) -> Episode:
    if episode.spells and episode.spells[-1].unit_id == unit_id and episode.spells[-1].to_at is None:
        return episode
    return replace(episode, spells=(*_ended(episode.spells, fact.at), Spell(fact.id, unit_id, fact.at)))


def _ended(spells: tuple[Spell, ...], at: datetime) -> tuple[Spell, ...]:
    return tuple(replace(one, to_at=one.to_at or at) for one in spells)


def _done(episode: Episode, fact: Fact, order: OrderFacts) -> Done:
    unit_id = episode.spells[-1].unit_id if episode.spells else order.unit_id
    unit = str(fact.data.get("unit", order.quantity_unit))
    size_class = fact.data.get("size_class", order.size_class)
    district_id = fact.data.get("district_id", order.district_id)
    return Done(fact.id, fact.at, exact(fact.data.get("quantity", 0)), unit, unit_id, size_class, district_id)


def _failed(episode: Episode, reopened: Fact) -> Episode:
    due_at = _time(reopened.data.get("due_at"))
    good = episode.found_good
    failing = _failing(good.done, reopened) if good else None
    return replace(episode, failing=failing, due_at=due_at)


def _failing(done: Done, fact: Fact) -> Failing:
    told = fact.data.get("lasted_days")
    lasted = float(told) if isinstance(told, int | float) else max(0.0, (fact.at - done.at) / DAY)
    return Failing(fact.id, fact.at, done, lasted)


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
