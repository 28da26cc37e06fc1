"""A month of a contract as one value: worked out from events and terms alone, so that it can be worked out again."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from pydantic import TypeAdapter

from service.contracts.history import DAY, Closing, Episode, Fact, OrderFacts
from service.contracts.ledger import Entry, EntryKind, changes, entitled
from service.contracts.money import share_of
from service.contracts.months import Month, parse_month
from service.contracts.terms import Terms
from service.work_orders.lasting import Lasted, survival

FOLLOWED = timedelta(days=365)  # durability is told of the repairs done in the year up to the month's end


@dataclass(frozen=True)
class Header:
    """Names as they stood when it was drawn up."""

    reference: str
    municipality_en: str
    municipality_ar: str
    contractor_en: str
    contractor_ar: str
    registration: str
    vat_number: str | None


@dataclass(frozen=True)
class Beside:
    """What is known of an order and is in none of its events; kept with the statement."""

    municipality_id: int
    class_key: str
    quantity_unit: str
    size_class: str | None
    district_id: int | None
    unit_id: int | None
    due_at: datetime | None


@dataclass(frozen=True)
class OrderRow:
    """All of the month's lines of one order."""

    order_id: int
    class_key: str
    size_class: str | None
    district_id: int | None
    unit_id: int | None
    opened_at: datetime | None
    due_at: datetime | None
    done_at: datetime | None
    closed_at: datetime | None
    quantity: Decimal
    quantity_unit: str
    works_halalas: int
    penalties_halalas: int


@dataclass(frozen=True)
class ClassRow:
    """Repairs charged and credited of one class, in its own unit of work."""

    class_key: str
    quantity_unit: str
    repairs: int
    quantity: Decimal
    works_halalas: int


@dataclass(frozen=True)
class DurabilityRow:
    """Of repairs found good in the year up to the month's end; a share is None where none was followed so long."""

    class_key: str  # empty: all
    repairs: int
    failed: int
    good_after_30_days: float | None
    good_after_90_days: float | None
    median_days: float | None


@dataclass(frozen=True)
class Totals:
    """works + penalties + vat = total; penalties are negative."""

    works_halalas: int
    penalties_halalas: int
    vat_halalas: int
    total_halalas: int


@dataclass(frozen=True)
class Statement:
    header: Header
    terms: Terms
    month: str
    from_at: datetime
    until_at: datetime
    through_event_id: int  # no later event is in it, whatever time it tells
    totals: Totals
    classes: tuple[ClassRow, ...]
    orders: tuple[OrderRow, ...]
    lines: tuple[Entry, ...]
    durability: tuple[DurabilityRow, ...]
    beside: dict[int, Beside]
    looked_at: dict[int, datetime]  # by order, when a vehicle last passed its repair and looked


FORM = TypeAdapter(Statement)
LINES = TypeAdapter(tuple[Entry, ...])


def build_statement(
    header: Header, terms: Terms, month: Month, orders: Sequence[OrderFacts], stated: Mapping[str, Entry] | None,
    looked_at: Mapping[int, datetime], through_event_id: int, as_of: datetime | None = None,
    settled: Collection[Entry] = (),
) -> Statement:  # fmt: skip
    """`as_of`: the present moment of a month that has not ended; what is late is late until then. `stated`: by key what
    earlier statements said; None where the month before was not issued: it is then taken as it would be stated now.
    `settled`: what is owed for orders that are not among `orders`, as it was stated.
    Events after the month's end or after `through_event_id` are left out."""
    known = [clip(one, month.end, through_event_id) for one in sorted(orders, key=lambda one: one.order_id)]
    if stated is None:
        stated = entitled(terms, [clip(one, month.start, through_event_id) for one in known], month.start, settled)
    lines = changes(entitled(terms, known, min(month.end, as_of or month.end), settled), stated, str(month))
    repairs = list(_repairs(terms, known))
    named: dict[int | None, list[Entry]] = defaultdict(list)
    for line in lines:
        named[line.order_id].append(line)
    shown = [one for one in known if one.order_id in named or any(fact.at >= month.start for fact in one.facts)]
    followed = [one.order_id for one, _ in repairs]
    return Statement(
        header=header,
        terms=terms,
        month=str(month),
        from_at=month.start,
        until_at=month.end,
        through_event_id=through_event_id,
        totals=totals_of(terms, lines),
        classes=tuple(_classes(lines)),
        orders=tuple(_order_row(one, named[one.order_id]) for one in shown if one.order_id in named),
        lines=tuple(lines),
        durability=tuple(_durability(repairs, looked_at, month.end)),
        beside={one.order_id: _beside(one) for one in shown},
        looked_at={key: min(looked_at[key], month.end) for key in sorted({*followed}) if key in looked_at},
    )


def totals_of(terms: Terms, lines: Iterable[Entry]) -> Totals:
    """VAT is on the works; penalties lower it only where the contract says so."""
    works = penalties = 0
    for line in lines:
        if line.kind.of_works:
            works += line.amount_halalas
        else:
            penalties += line.amount_halalas
    vat = share_of(works + (penalties if terms.penalties_reduce_vat else 0), terms.vat_percent)
    return Totals(works, penalties, vat, works + penalties + vat)


def to_text(statement: Statement) -> str:
    """The one form of it, of which the hash is taken."""
    value = FORM.dump_python(statement, mode="json")
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_text(text: str) -> Statement:
    return FORM.validate_json(text)


def lines_of(text: str) -> tuple[Entry, ...]:
    """The lines alone: of a statement that is only counted on they are all that is needed."""
    return LINES.validate_python(json.loads(text)["lines"])


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def again(
    frozen: Statement, orders: Sequence[OrderFacts], stated: Mapping[str, Entry] | None, settled: Collection[Entry] = ()
) -> Statement:
    """The same statement from the events as they are now, with what it kept beside them."""
    told = [_as_kept(order, frozen.beside.get(order.order_id)) for order in orders]
    month = parse_month(frozen.month)
    found = build_statement(
        frozen.header, frozen.terms, month, told, stated, frozen.looked_at, frozen.through_event_id, settled=settled
    )
    return replace(found, looked_at=frozen.looked_at)


def clip(order: OrderFacts, until: datetime, through_event_id: int) -> OrderFacts:
    def known(fact: Fact) -> bool:
        return fact.at < until and fact.id <= through_event_id

    return replace(order, facts=tuple(fact for fact in order.facts if known(fact)))


def _as_kept(order: OrderFacts, kept: Beside | None) -> OrderFacts:
    if kept is None:
        return order
    return OrderFacts(
        order.order_id, kept.municipality_id, kept.class_key, kept.quantity_unit, kept.size_class, kept.district_id,
        kept.unit_id, kept.due_at, order.facts,
    )  # fmt: skip


def _beside(order: OrderFacts) -> Beside:
    return Beside(
        order.municipality_id, order.class_key, order.quantity_unit, order.size_class, order.district_id,
        order.unit_id, order.due_at,
    )  # fmt: skip


def _order_row(order: OrderFacts, own: Sequence[Entry]) -> OrderRow:
    episodes = order.episodes
    last = episodes[-1] if episodes else None
    done = last and (last.closing.done if last.closing else last.done)
    works = [line for line in own if line.kind.of_works]
    return OrderRow(
        order_id=order.order_id,
        class_key=order.class_key,
        size_class=order.size_class,
        district_id=order.district_id,
        unit_id=next((line.unit_id for line in own if line.unit_id is not None), order.unit_id),
        opened_at=last.opened_at if last else None,
        due_at=last.due_at if last else None,
        done_at=done.at if done else None,
        closed_at=last.closing.at if last and last.closing else None,
        quantity=sum((_counted(line) for line in works), Decimal(0)),
        quantity_unit=order.quantity_unit,
        works_halalas=sum(line.amount_halalas for line in works),
        penalties_halalas=sum(line.amount_halalas for line in own if not line.kind.of_works),
    )


def _counted(line: Entry) -> Decimal:
    """A correction of an amount is no second repair."""
    return Decimal(0) if line.correction or line.quantity is None else line.quantity


def _classes(lines: Iterable[Entry]) -> Iterable[ClassRow]:
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for line in lines:
        if line.kind.of_works:
            groups[line.class_key or "", line.quantity_unit or ""].append(line)
    for (class_key, unit), own in sorted(groups.items()):
        repairs = sum(line.kind is EntryKind.CHARGE and not line.correction for line in own)
        quantity = sum((_counted(line) for line in own), Decimal(0))
        yield ClassRow(class_key, unit, repairs, quantity, sum(line.amount_halalas for line in own))


def _repairs(terms: Terms, orders: Iterable[OrderFacts]) -> Iterable[tuple[OrderFacts, Episode]]:
    for order in orders:
        for episode in order.episodes:
            if (good := episode.found_good) and good.done.unit_id in terms.unit_ids:
                yield order, episode


def _durability(
    repairs: Iterable[tuple[OrderFacts, Episode]], looked_at: Mapping[int, datetime], until: datetime
) -> Iterable[DurabilityRow]:
    groups: dict[str, list[Lasted]] = defaultdict(list)
    for order, episode in repairs:
        closing = episode.found_good
        if closing is None or closing.done.at < until - FOLLOWED:
            continue
        lasted = _lasted(episode, closing, looked_at.get(order.order_id), until)
        groups[""].append(lasted)
        groups[order.class_key].append(lasted)
    for key, own in sorted(groups.items()):
        kept, failed = survival(own), sum(one.failed for one in own)
        yield DurabilityRow(
            key, len(own), failed, _rounded(kept.share_after(30)), _rounded(kept.share_after(90)),
            _rounded(kept.median_days),
        )  # fmt: skip


def _lasted(episode: Episode, closing: Closing, looked_at: datetime | None, until: datetime) -> Lasted:
    """A repair that has not failed counts as far as it was followed, by a person or a vehicle that passed."""
    if episode.failing:
        return Lasted(episode.failing.lasted_days, True)
    good_at = max(closing.at, min(looked_at, until)) if looked_at else closing.at
    return Lasted(max(0.0, (good_at - closing.done.at) / DAY), False)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
