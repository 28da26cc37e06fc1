"""How late a unit was, by the contract's own hours where it has them, else by the order's due time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.contracts.history import Breach, Episode, Spell

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Late:
    """One due time that a unit missed. An order that was late when it came to a unit is no breach of that unit."""

    spell: Spell
    due_at: datetime
    end_at: datetime  # done, given away, cancelled, held, or the end of what is known
    event_id: int  # behind it: the breach where one was recorded, else the late report, else the assignment

    def begun_hours(self, until: datetime) -> int:
        return max(0, -((self.due_at - min(self.end_at, until)) // HOUR))


def late_of(episode: Episode, service_hours: int | None, until: datetime) -> Late | None:
    """None while nothing is late; `service_hours` of the contract, from assigned to done, the holds not counted."""
    for spell in episode.spells:
        due_at = due_of(episode, spell, service_hours)
        end_at = _end(episode, spell, until)
        if due_at is None or not spell.from_at <= due_at < end_at:
            continue
        return Late(spell, due_at, end_at, _behind(episode, spell, end_at, service_hours))
    return None


def due_of(episode: Episode, spell: Spell, service_hours: int | None) -> datetime | None:
    if service_hours is None:
        return episode.due_at
    held = [(start, end) for start, end in episode.holds if end is not None and start >= spell.from_at]
    return spell.from_at + timedelta(hours=service_hours) + sum((end - start for start, end in held), timedelta())


def late_starts(episode: Episode) -> list[tuple[Spell, Breach]]:
    """Those that the service level recorded, with the unit that had the order then."""
    starts = [breach for breach in episode.breaches if breach.kind == "start"]
    return [(spell, breach) for breach in starts if (spell := _holder(episode, breach)) is not None]


def _holder(episode: Episode, breach: Breach) -> Spell | None:
    at = breach.due_at or breach.at
    return next((one for one in episode.spells if one.from_at <= at and (one.to_at is None or at < one.to_at)), None)


def _end(episode: Episode, spell: Spell, until: datetime) -> datetime:
    done_at = episode.done.at if episode.done else None
    ends = (spell.to_at, done_at, episode.held_at, until)
    return min(one for one in ends if one is not None)


def _behind(episode: Episode, spell: Spell, end_at: datetime, service_hours: int | None) -> int:
    recorded = [one for one in episode.breaches if one.kind == "close"] if service_hours is None else []
    if recorded:
        return recorded[0].event_id
    return episode.done.event_id if episode.done and episode.done.at == end_at else spell.event_id
