"""What an order's events and a contract's terms entitle to, entry by entry: charges, credits and penalties.

An order's entries are worked out from its beginning every time. An entry's key stays what it is however often that is
done, so that what is stated in a later month is the difference to what was stated before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from service.contracts.history import Closing, Done, Episode, Failing, OrderFacts
from service.contracts.lateness import Late, late_of, late_starts
from service.contracts.money import part_of, price_of, share_of
from service.contracts.months import day_of, month_of
from service.contracts.terms import Asked, Penalty, PenaltyKind, Price, Terms, penalty_for, price_for, refusal


class EntryKind(StrEnum):
    CHARGE = "charge"  # a repair found good
    CREDIT = "credit"  # its charge given back, because it failed
    PENALTY = "penalty"
    CAP = "cap"  # penalties of a month above the cap, not taken

    @property
    def of_works(self) -> bool:
        return self in (EntryKind.CHARGE, EntryKind.CREDIT)


@dataclass(frozen=True)
class Entry:
    """One amount with its reason; what the municipality pays is positive. The event behind it is `event_id`."""

    key: str
    kind: EntryKind
    month: str  # to which it belongs, 2026-03
    amount_halalas: int
    reason: str  # a code; `statement_words` has it in both languages
    at: datetime | None = None
    order_id: int | None = None
    event_id: int | None = None
    class_key: str | None = None
    quantity: Decimal | None = None
    quantity_unit: str | None = None
    price_halalas: int | None = None
    price_id: int | None = None
    penalty_id: int | None = None
    hours: int | None = None  # begun hours late
    lasted_days: float | None = None
    unit_id: int | None = None
    correction: bool = False  # of a month that was stated before


def entitled(
    terms: Terms, orders: Iterable[OrderFacts], until: datetime, settled: Iterable[Entry] = ()
) -> dict[str, Entry]:
    """Every entry up to a moment, by key; `settled`: those of the orders that nothing has happened to since they were
    stated."""
    entries = [*settled, *(entry for order in orders for entry in entries_of(terms, order, until))]
    return {entry.key: entry for entry in [*entries, *_caps(terms, entries)]}


def entries_of(terms: Terms, order: OrderFacts, until: datetime) -> list[Entry]:
    """Those of one order, without the monthly cap, which is no order's own."""
    found: list[Entry] = []
    for episode in order.episodes:
        if episode.closing:
            found += _works(terms, order, episode, episode.closing)
        if episode.failing and _within_warranty(terms, episode.failing):
            found += _given_back(terms, order, episode, episode.failing)
        for number, failing in enumerate(episode.refused, 1):
            found += _refused(terms, order, episode, failing, number)
        found += _late(terms, order, episode, until)
    return found


def changes(now: Mapping[str, Entry], stated: Mapping[str, Entry], month: str) -> list[Entry]:
    """What is to be stated in the month: its own entries, and as corrections what earlier months were stated
    wrongly. An entry that is no longer owed is taken back."""
    lines = []
    for key, entry in now.items():
        before = stated.get(key)
        difference = entry.amount_halalas - (before.amount_halalas if before else 0)
        if (before is None and entry.month == month) or difference:
            lines.append(replace(entry, amount_halalas=difference, correction=entry.month != month))
    for key, entry in stated.items():
        if key not in now and entry.amount_halalas:
            lines.append(replace(entry, amount_halalas=-entry.amount_halalas, correction=True))
    return sorted(lines, key=_place)


def sum_stated(lines: Iterable[Entry]) -> dict[str, Entry]:
    """What was stated of each key in all statements together."""
    totals: dict[str, Entry] = {}
    for line in lines:
        before = totals.get(line.key)
        amount = line.amount_halalas + (before.amount_halalas if before else 0)
        totals[line.key] = replace(line, amount_halalas=amount)
    return totals


def asked_of(order: OrderFacts, unit_id: int | None, at: datetime) -> Asked:
    place = (order.municipality_id, unit_id, order.class_key, order.size_class, order.district_id)
    return Asked(*place, day_of(at))


def asked_of_done(order: OrderFacts, done: Done) -> Asked:
    """By the size and the district that the order had then."""
    place = (order.municipality_id, done.unit_id, order.class_key, done.size_class, done.district_id)
    return Asked(*place, day_of(done.at))


def worth(terms: Terms, order: OrderFacts, done: Done) -> tuple[int, Price | None]:
    """Of a reported repair by the price list of the day it was done; nothing where that has no fitting price."""
    price = price_for(terms, asked_of_done(order, done))
    if price is None or price.quantity_unit != done.quantity_unit:
        return 0, None
    return price_of(done.quantity, price.price_halalas, price.minimum_halalas), price


def _works(terms: Terms, order: OrderFacts, episode: Episode, closing: Closing) -> list[Entry]:
    done = closing.done
    if refusal(terms, asked_of_done(order, done)):
        return []
    amount, price = worth(terms, order, done)
    reason = "unpriced" if price is None else "minimum" if amount > _plain(done, price) else "repair"
    key = f"charge:{order.order_id}:{closing.event_id}"
    charge = _work(order, EntryKind.CHARGE, key, done, price, reason)
    at, month = closing.at, str(month_of(closing.at))
    return [replace(charge, amount_halalas=amount, quantity=done.quantity, at=at, month=month,
                    event_id=closing.event_id)]  # fmt: skip


def _given_back(terms: Terms, order: OrderFacts, episode: Episode, failing: Failing) -> list[Entry]:
    """What the order's own part of its repair cost: all of it, or one part of it where orders were merged. Its penalty
    is of that part too."""
    found: list[Entry] = []
    for number, (done, quantity, amount, price) in enumerate(_own_parts(terms, order, episode), 1):
        suffix = "" if number == 1 else f".{number}"
        key = f"credit:{order.order_id}:{failing.event_id}{suffix}"
        credit = _work(order, EntryKind.CREDIT, key, done, price, "failed")
        at, month = failing.at, str(month_of(failing.at))
        found.append(
            replace(credit, amount_halalas=-amount, quantity=-quantity, at=at, month=month,
                    event_id=failing.event_id, lasted_days=failing.lasted_days)
        )  # fmt: skip
        penalty = _penalty(terms, order, PenaltyKind.FAILED_REPAIR, done, at, failing.event_id,
                           f"{episode.number}{suffix}", value=amount)  # fmt: skip
        found += (replace(one, lasted_days=failing.lasted_days) for one in penalty)
    return found


def _own_parts(
    terms: Terms, order: OrderFacts, episode: Episode
) -> Iterable[tuple[Done, Decimal, int, Price | None]]:  # fmt: skip
    """Report, quantity, amount and price of each repair that the order had a part in and that the contract covers. The
    parts of all orders together are the charge."""
    if (closing := episode.closing) and not refusal(terms, asked_of_done(order, closing.done)):
        done = closing.done
        amount, price = worth(terms, order, done)
        others = sum(part_of(amount, one, done.quantity) for one in closing.others)
        yield done, done.quantity - sum(closing.others), amount - others, price
    for share in episode.shares:
        if not refusal(terms, asked_of_done(order, share.done)):
            amount, price = worth(terms, order, share.done)
            yield share.done, share.quantity, part_of(amount, share.quantity, share.done.quantity), price


def _within_warranty(terms: Terms, failing: Failing) -> bool:
    return terms.warranty_days is None or failing.lasted_days <= terms.warranty_days


def _work(order: OrderFacts, kind: EntryKind, key: str, done: Done, price: Price | None, reason: str) -> Entry:
    return Entry(
        key, kind, "", 0, reason, order_id=order.order_id, class_key=order.class_key,
        quantity_unit=done.quantity_unit, price_halalas=price.price_halalas if price else None,
        price_id=price.id if price else None, unit_id=done.unit_id,
    )  # fmt: skip


def _plain(done: Done, price: Price) -> int:
    return price_of(done.quantity, price.price_halalas)


def _refused(terms: Terms, order: OrderFacts, episode: Episode, failing: Failing, number: int) -> list[Entry]:
    if refusal(terms, asked_of_done(order, failing.done)):
        return []
    suffix = f"{episode.number}.{number}"
    kind = PenaltyKind.FAILED_INSPECTION
    return _penalty(terms, order, kind, failing.done, failing.at, failing.event_id, suffix)


def _late(terms: Terms, order: OrderFacts, episode: Episode, until: datetime) -> list[Entry]:
    found: list[Entry] = []
    for number, (spell, breach) in enumerate(late_starts(episode), 1):
        if refusal(terms, asked_of(order, spell.unit_id, breach.at)) is None:
            suffix = f"{episode.number}.{number}"
            kind = PenaltyKind.START_BREACH
            found += _penalty(terms, order, kind, episode.done, breach.at, breach.event_id, suffix, spell.unit_id)
    late = late_of(episode, terms.service_hours.get(order.class_key), until)
    if late is None or refusal(terms, asked_of(order, late.spell.unit_id, late.due_at)):
        return found
    unit_id, suffix = late.spell.unit_id, str(episode.number)
    found += _penalty(terms, order, PenaltyKind.BREACH, episode.done, late.due_at, late.event_id, suffix, unit_id)
    return found + _hours(terms, order, episode, late)


def _hours(terms: Terms, order: OrderFacts, episode: Episode, late: Late) -> list[Entry]:
    """The hours of each month apart, together no more than the cap of the order."""
    rule = penalty_for(terms, PenaltyKind.LATE_HOUR, order.class_key, day_of(late.due_at))
    if rule is None:
        return []
    value = worth(terms, order, episode.done)[0] if episode.done else 0
    found: list[Entry] = []
    month, taken, counted = month_of(late.due_at), 0, 0
    while month.start < late.end_at:
        hours = late.begun_hours(month.end)
        amount = _amount(rule, value, hours)
        if amount > taken:
            key = f"late_hour:{order.order_id}:{episode.number}:{month}"
            at = min(late.end_at, month.end)
            found.append(
                Entry(key, EntryKind.PENALTY, str(month), taken - amount, rule.kind.value, at, order.order_id,
                      late.event_id, order.class_key, penalty_id=rule.id, hours=hours - counted,
                      unit_id=late.spell.unit_id)
            )  # fmt: skip
        month, taken, counted = month.next, max(taken, amount), hours
    return found


def _penalty(
    terms: Terms, order: OrderFacts, kind: PenaltyKind, done: Done | None, at: datetime, event_id: int, suffix: str,
    unit_id: int | None = None, value: int | None = None,
) -> list[Entry]:  # fmt: skip
    """`value`: what a percentage is of; without it the worth of the reported repair."""
    rule = penalty_for(terms, kind, order.class_key, day_of(at))
    if rule is None:
        return []
    if value is None:
        value = worth(terms, order, done)[0] if done else 0
    amount = _amount(rule, value, 1)
    key = f"{kind.value}:{order.order_id}:{suffix}"
    unit_id = unit_id if unit_id is not None else done.unit_id if done else None
    return [
        Entry(key, EntryKind.PENALTY, str(month_of(at)), -amount, kind.value, at, order.order_id, event_id,
              order.class_key, penalty_id=rule.id, unit_id=unit_id)
    ]  # fmt: skip


def _amount(rule: Penalty, value: int, times: int) -> int:
    if rule.amount_halalas is not None:
        amount = rule.amount_halalas * times
    else:
        amount = share_of(value, (rule.percent or Decimal(0)) * times)
    return amount if rule.cap_halalas is None else min(amount, rule.cap_halalas)


def _caps(terms: Terms, entries: Sequence[Entry]) -> list[Entry]:
    """By month what its penalties exceed the cap by, given back."""
    works: dict[str, int] = defaultdict(int)
    penalties: dict[str, int] = defaultdict(int)
    for entry in entries:
        (works if entry.kind.of_works else penalties)[entry.month] += entry.amount_halalas
    found = []
    for month, taken in sorted(penalties.items()):
        limit = _limit(terms, works[month])
        if limit is not None and -taken > limit:
            found.append(Entry(f"cap:{month}", EntryKind.CAP, month, -taken - limit, "monthly_cap"))
    return found


def _limit(terms: Terms, works: int) -> int | None:
    limits = []
    if terms.monthly_cap_halalas is not None:
        limits.append(terms.monthly_cap_halalas)
    if terms.monthly_cap_percent is not None:
        limits.append(share_of(max(0, works), terms.monthly_cap_percent))
    return min(limits, default=None)


def _place(line: Entry) -> tuple[bool, str, bool, int, str]:
    """The month's own lines first, order by order; what is no order's own at the end of its month."""
    return line.correction, line.month, line.order_id is None, line.order_id or 0, line.key
