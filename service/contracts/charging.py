"""What a work order costs by the contract that covered it, kept as charges and credits beside the events."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller
from service.accounts.service import SYSTEM_CALLER
from service.contracts.facts import ORDERS_AT_ONCE, batched, events_of, facts_of, order_facts, order_ids_of, terms_of
from service.contracts.history import Fact
from service.contracts.ledger import Entry, EntryKind, asked_of, asked_of_done, changes, entries_of, sum_stated
from service.contracts.models import Charge, Contract
from service.contracts.money import exact, price_of
from service.contracts.months import month_of
from service.contracts.service import visible_contracts
from service.contracts.terms import Price, price_for, refusal
from service.core.clock import utc_now
from service.core.events import SYSTEM, Event, record
from service.core.tables import JsonObject
from service.work_orders.models import WorkOrder

OVERLAP = timedelta(days=1)  # looked at again at every sweep: a transaction may commit after a later one
INSTANT = timedelta(microseconds=1)  # what happens at this moment has happened
CLOSING = ("pass", "reopen")


@dataclass(frozen=True)
class Considered:
    """A contract that might cover the order, and why it does not."""

    contract_id: int
    reference: str
    why_not: str | None


@dataclass(frozen=True)
class Cost:
    """`amount_halalas`: charged so far, credits taken off. `expected_halalas`: of the repair that is not closed yet, by
    the quantity measured, else estimated."""

    amount_halalas: int
    expected_halalas: int | None
    contract_id: int | None
    price: Price | None
    quantity: Decimal | None
    measured: bool
    entries: tuple[Entry, ...]
    considered: tuple[Considered, ...]


def cost_of(session: Session, order: WorkOrder, now: datetime | None = None, caller: Caller = SYSTEM_CALLER) -> Cost:
    """By the contract and the price list that were valid when the work was done; today's where it is not done. Of the
    contracts that the caller may see: a unit's user learns nothing of other companies."""
    now = now or utc_now()
    until = now + INSTANT
    facts = facts_of(order, _facts(session, order.id), until)
    contracts = _contracts(session, caller, order.municipality_id)
    terms = {contract.id: terms_of(contract) for contract in contracts}
    works = [one for own in terms.values() for one in entries_of(own, facts, until) if one.kind.of_works]
    episodes = facts.episodes
    last = episodes[-1] if episodes else None
    done = (last.closing.done if last.closing else last.done) if last else None
    asked = asked_of_done(facts, done) if done else asked_of(facts, order.unit_id, now)
    considered = tuple(Considered(one.id, one.reference, refusal(terms[one.id], asked)) for one in contracts)
    covering = next((one.contract_id for one in considered if one.why_not is None), None)
    price = price_for(terms[covering], asked) if covering is not None else None
    amounts = (order.quantity_measured, order.quantity_estimated)
    quantity = done.quantity if done else next((exact(one) for one in amounts if one is not None), None)
    expected = _expected(price, quantity, order.quantity_unit)
    return Cost(
        amount_halalas=sum(one.amount_halalas for one in works),
        expected_halalas=None if last and last.closing else expected,
        contract_id=covering,
        price=price,
        quantity=quantity,
        measured=done is not None,
        entries=tuple(works),
        considered=considered,
    )


def post_charges(session: Session, contract: Contract, now: datetime) -> list[Charge]:
    """Keeps the charges and credits of every closing and failure until now that has none yet, and the differences of
    those whose price was changed. Safe to run twice; the contract's row is locked."""
    session.refresh(contract, with_for_update=True)
    terms = terms_of(contract)
    posted: list[Charge] = []
    until = now + INSTANT
    touched = _to_charge(session, contract, until)
    kept = _posted(session, contract.id, touched)
    for order in order_facts(session, touched, until):
        works = {one.key: one for one in entries_of(terms, order, until) if one.kind.of_works}
        before = sum_stated(kept[order.order_id])
        lines = changes(works, before, str(month_of(now)))
        posted += [_charge(contract, line, line.key in before) for line in lines]
    session.add_all(posted)
    for charge in posted:
        _record(session, contract, charge, now)
    contract.charged_until = now
    session.flush()
    return posted


def post_all_charges(session: Session, now: datetime) -> int:
    """Of every contract; how many were new."""
    contracts = session.scalars(select(Contract).order_by(Contract.id)).all()
    return sum(len(post_charges(session, contract, now)) for contract in contracts)


def _to_charge(session: Session, contract: Contract, until: datetime) -> Sequence[int]:
    if contract.charged_until is None:
        return order_ids_of(session, contract, until)
    touched = select(Event.subject_id).where(
        Event.at >= contract.charged_until - OVERLAP,
        Event.at < until,
        Event.subject_kind == "work_order",
        Event.municipality_id == contract.municipality_id,
        Event.action.in_(CLOSING),
    )
    return sorted(set(session.scalars(touched)))


def _posted(session: Session, contract_id: int, order_ids: Sequence[int]) -> dict[int, list[Entry]]:
    """By order."""
    found: dict[int, list[Entry]] = defaultdict(list)
    for ids in batched(order_ids, ORDERS_AT_ONCE):
        own = select(Charge).where(Charge.contract_id == contract_id, Charge.work_order_id.in_(ids))
        for charge in session.scalars(own.order_by(Charge.id)):
            found[charge.work_order_id].append(entry_of(charge))
    return found


def entry_of(charge: Charge) -> Entry:
    return Entry(
        charge.key, charge.kind, str(month_of(charge.at)), charge.amount_halalas, charge.reason, charge.at,
        charge.work_order_id, charge.event_id, charge.class_key, charge.quantity, charge.quantity_unit,
        price_id=charge.price_item_id, unit_id=charge.unit_id, correction=charge.correction,
    )  # fmt: skip


def _charge(contract: Contract, line: Entry, correction: bool) -> Charge:
    assert line.order_id is not None and line.event_id is not None and line.at is not None  # of every work
    return Charge(
        contract_id=contract.id, work_order_id=line.order_id, unit_id=line.unit_id, class_key=line.class_key,
        kind=line.kind, key=line.key, event_id=line.event_id, at=line.at, quantity=line.quantity,
        quantity_unit=line.quantity_unit, price_item_id=line.price_id, amount_halalas=line.amount_halalas,
        reason=line.reason, correction=correction,
    )  # fmt: skip


def _record(session: Session, contract: Contract, charge: Charge, now: datetime) -> None:
    data: JsonObject = {
        "work_order_id": charge.work_order_id,
        "event_id": charge.event_id,
        "amount_halalas": charge.amount_halalas,
        "reason": charge.reason,
    }
    record(
        session, at=now, actor=SYSTEM, subject_kind="contract", subject_id=contract.id,
        action=EntryKind(charge.kind).value, municipality_id=contract.municipality_id, data=data,
    )  # fmt: skip


def _facts(session: Session, order_id: int) -> Iterable[Fact]:
    return events_of(session, [order_id]).get(order_id, [])


def _contracts(session: Session, caller: Caller, municipality_id: int) -> Sequence[Contract]:
    terms = (selectinload(Contract.units), selectinload(Contract.prices), selectinload(Contract.penalties))
    own = visible_contracts(caller).where(Contract.municipality_id == municipality_id).options(*terms)
    return session.scalars(own.order_by(Contract.id)).all()


def _expected(price: Price | None, quantity: Decimal | None, quantity_unit: str) -> int | None:
    if price is None or quantity is None or price.quantity_unit != quantity_unit:
        return None
    return price_of(quantity, price.price_halalas, price.minimum_halalas)
