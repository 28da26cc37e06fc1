"""Reads what statements are worked out from: terms, and the events of every order that a contract's units had."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, union
from sqlalchemy.orm import Session

from service.contracts.history import Fact, OrderFacts
from service.contracts.models import Contract
from service.contracts.months import Month
from service.contracts.statement import Header
from service.contracts.terms import Penalty, Price, Terms
from service.core.events import GIVEN, Event
from service.defects.models import Visit
from service.work_orders.models import Repair, WorkOrder
from service.work_orders.states import ENDED

ORDERS_AT_ONCE = 5_000


def terms_of(contract: Contract) -> Terms:
    return Terms(
        contract_id=contract.id,
        municipality_id=contract.municipality_id,
        unit_ids=tuple(sorted(unit.id for unit in contract.units)),
        first_day=contract.first_day,
        last_day=contract.last_day,
        vat_percent=contract.vat_percent,
        class_keys=tuple(sorted(contract.class_keys)),
        district_ids=tuple(sorted(contract.district_ids)),
        service_hours=dict(contract.service_hours),
        warranty_days=contract.warranty_days,
        monthly_cap_halalas=contract.monthly_cap_halalas,
        monthly_cap_percent=contract.monthly_cap_percent,
        penalties_reduce_vat=contract.penalties_reduce_vat,
        prices=tuple(
            Price(one.id, one.class_key, one.size_class, one.quantity_unit, one.price_halalas, one.minimum_halalas,
                  one.first_day, one.last_day)
            for one in contract.prices
        ),
        penalties=tuple(
            Penalty(one.id, one.kind, one.class_key, one.amount_halalas, one.percent, one.cap_halalas, one.first_day,
                    one.last_day)
            for one in contract.penalties
        ),
    )  # fmt: skip


def header_of(contract: Contract) -> Header:
    company, place = contract.contractor, contract.municipality
    return Header(
        contract.reference, place.name_en, place.name_ar, company.name_en, company.name_ar, company.registration,
        company.vat_number,
    )  # fmt: skip


def order_ids_of(session: Session, contract: Contract, until: datetime) -> list[int]:
    """Every order that a unit of the contract ever had until then: has now, repaired, or was once given."""
    units = [unit.id for unit in contract.units]
    given = select(Event.subject_id).where(
        text(f"({GIVEN})"),
        Event.municipality_id == contract.municipality_id,
        Event.at >= month_start(contract),
        Event.at < until,
        Event.data["unit_id"].astext.in_([str(unit_id) for unit_id in units]),
    )
    found = union(
        select(WorkOrder.id).where(WorkOrder.unit_id.in_(units)),
        select(Repair.work_order_id).where(Repair.unit_id.in_(units)),
        given,
    )
    return sorted(session.scalars(found))


def recent_ids(session: Session, contract: Contract, since: datetime) -> list[int]:
    """Orders that a unit of the contract has repaired since then."""
    own = (Repair.unit_id.in_([unit.id for unit in contract.units]), Repair.done_at >= since)
    place = Repair.municipality_id == contract.municipality_id
    return sorted(set(session.scalars(select(Repair.work_order_id).where(place, *own))))


def unsettled_ids(session: Session, contract: Contract, since: datetime, through_event_id: int) -> list[int]:
    """Of the orders that a unit of the contract ever had, those that something happened to since then, or was recorded
    after that event, and those that still wait."""
    units = [unit.id for unit in contract.units]
    place = (Event.subject_kind == "work_order", Event.municipality_id == contract.municipality_id)
    told = select(Event.subject_id).where(*place)
    touched = union(told.where(Event.at >= since), told.where(Event.id > through_event_id)).subquery()
    ids = select(touched.c.subject_id)
    given = told.where(Event.subject_id.in_(ids), Event.data["unit_id"].astext.in_([str(one) for one in units]))
    found = union(
        select(WorkOrder.id).where(WorkOrder.unit_id.in_(units), WorkOrder.state.not_in(ENDED)),
        select(WorkOrder.id).where(WorkOrder.unit_id.in_(units), WorkOrder.id.in_(ids)),
        select(Repair.work_order_id).where(Repair.unit_id.in_(units), Repair.work_order_id.in_(ids)),
        given,
    )
    return sorted(session.scalars(found))


def month_start(contract: Contract) -> datetime:
    """The beginning of the month in which the contract begins: UTC."""
    return Month(contract.first_day.year, contract.first_day.month).start


def order_facts(session: Session, order_ids: Sequence[int], until: datetime) -> list[OrderFacts]:
    """The orders with all of their events before `until`, and the due time that they had then."""
    found: list[OrderFacts] = []
    for ids in batched(order_ids, ORDERS_AT_ONCE):
        events = events_of(session, ids)
        orders = session.scalars(select(WorkOrder).where(WorkOrder.id.in_(ids)).order_by(WorkOrder.id))
        found += [facts_of(order, events.get(order.id, []), until) for order in orders]
    return found


def events_of(session: Session, order_ids: Collection[int]) -> dict[int, list[Fact]]:
    found: dict[int, list[Fact]] = defaultdict(list)
    for order_id, fact in _rows(session, order_ids):
        found[order_id].append(fact)
    return found


def facts_of(order: WorkOrder, events: Iterable[Fact], until: datetime) -> OrderFacts:
    facts = list(events)
    return OrderFacts(
        order_id=order.id,
        municipality_id=order.municipality_id,
        class_key=order.class_key,
        quantity_unit=order.quantity_unit,
        size_class=_text(getattr(order, "size_class", None)),
        district_id=getattr(order, "district_id", None),
        unit_id=order.unit_id,
        due_at=_due_at(order, facts, until),
        facts=tuple(fact for fact in facts if fact.at < until),
    )


def last_looks(session: Session, order_ids: Collection[int], until: datetime) -> dict[int, datetime]:
    """By order when a vehicle last passed its defect and looked."""
    found: dict[int, datetime] = {}
    for ids in batched(sorted(order_ids), ORDERS_AT_ONCE):
        looks = (
            select(WorkOrder.id, func.max(Visit.last_at))
            .join(Visit, Visit.defect_id == WorkOrder.defect_id)
            .where(WorkOrder.id.in_(ids), Visit.looks > 0, Visit.last_at < until)
            .group_by(WorkOrder.id)
        )
        found |= dict(session.execute(looks).all())
    return found


def last_event_id(session: Session, until: datetime) -> int:
    """Of all events before `until`: one that is recorded later has a greater id, whatever time it tells."""
    return session.scalar(select(func.max(Event.id)).where(Event.at < until)) or 0


def _rows(session: Session, order_ids: Collection[int]) -> Iterator[tuple[int, Fact]]:
    columns = select(Event.subject_id, Event.id, Event.at, Event.action, Event.data, Event.to_state)
    own = columns.where(Event.subject_kind == "work_order", Event.subject_id.in_(order_ids))
    for order_id, event_id, at, action, data, to_state in session.execute(own.order_by(Event.id)):
        yield order_id, Fact(event_id, at, action, data, to_state)


def batched(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _due_at(order: WorkOrder, facts: Iterable[Fact], until: datetime) -> datetime | None:
    """An order that was opened again since tells in that event when it was due before."""
    reopened = next((fact for fact in facts if fact.at >= until and fact.action == "reopen"), None)
    told: Any = reopened.data.get("due_at") if reopened else None
    return datetime.fromisoformat(told) if isinstance(told, str) else order.due_at
