"""Lists of work orders: filtered, sorted and paged by key, the same for a page, an export and an action on many."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Double,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, contains_eager

from service.accounts.caller import Caller
from service.core.errors import Unprocessable
from service.defects.sizes import SizeClass
from service.work_orders.access import visible_orders
from service.work_orders.doubts import is_far_apart
from service.work_orders.models import OrderSource, WorkOrder
from service.work_orders.sla import WAITING
from service.work_orders.states import CLOCK_STOPPED, WorkOrderState

Row = TypeVar("Row")
NO_QUANTITY = -1.0  # sorts before every quantity


class OrderSort(StrEnum):
    """A minus: the highest or latest first. Of equals the lowest id first, with a minus the highest."""

    ID = "id"
    NEWEST = "-id"
    DUE = "due"
    DUE_LAST = "-due"
    OPENED = "opened"
    OPENED_LAST = "-opened"
    PRIORITY = "priority"
    PRIORITY_HIGHEST = "-priority"
    QUANTITY = "quantity"
    QUANTITY_LARGEST = "-quantity"

    @property
    def descending(self) -> bool:
        return self.value.startswith("-")

    @property
    def by(self) -> str:
        return self.value.removeprefix("-")


@dataclass(frozen=True)
class OrderFilter:
    """What is left out asks for nothing; ranges count their first moment and not their last."""

    state: WorkOrderState | None = None
    unit_id: int | None = None
    municipality_id: int | None = None
    district_id: int | None = None
    class_key: str | None = None
    size_class: SizeClass | None = None
    source: OrderSource | None = None
    overdue: bool | None = None
    quantity_far_apart: bool | None = None
    due_from: datetime | None = None
    due_until: datetime | None = None
    opened_from: datetime | None = None
    opened_until: datetime | None = None
    without_unit: bool | None = None  # refused, sent back, or of no rule: they wait for a person
    id_text: str | None = None  # ids that begin so


@dataclass(frozen=True)
class OrderPage:
    items: list[WorkOrder]
    next: str | None


# As in the index, to the letter.
_QUANTITY: ColumnElement[float] = func.coalesce(
    WorkOrder.quantity_measured, WorkOrder.quantity_estimated, literal_column(f"'{NO_QUANTITY:.0f}'::double precision"),
    type_=Double,
)  # fmt: skip
_KEYS: Mapping[str, ColumnElement[Any] | InstrumentedAttribute[Any]] = {
    "id": WorkOrder.id, "due": WorkOrder.due_at, "opened": WorkOrder.opened_at, "priority": WorkOrder.rank,
    "quantity": _QUANTITY,
}  # fmt: skip


def filtered(caller: Caller, wanted: OrderFilter, now: datetime) -> Select[WorkOrder]:
    """The orders that the caller sees and the filter asks for."""
    statement = visible_orders(caller)
    for column, value in (
        (WorkOrder.state, wanted.state), (WorkOrder.unit_id, wanted.unit_id),
        (WorkOrder.municipality_id, wanted.municipality_id), (WorkOrder.district_id, wanted.district_id),
        (WorkOrder.class_key, wanted.class_key), (WorkOrder.size_class, wanted.size_class),
        (WorkOrder.source, wanted.source),
    ):  # fmt: skip
        if value is not None:
            statement = statement.where(column == value)
    for moment, first, last in (
        (WorkOrder.due_at, wanted.due_from, wanted.due_until),
        (WorkOrder.opened_at, wanted.opened_from, wanted.opened_until),
    ):
        statement = statement.where(moment >= first) if first is not None else statement
        statement = statement.where(moment < last) if last is not None else statement
    if wanted.overdue is not None:
        statement = statement.where(is_overdue(now) if wanted.overdue else ~is_overdue(now))
    if wanted.quantity_far_apart is not None:
        statement = statement.where(is_far_apart() if wanted.quantity_far_apart else ~is_far_apart())
    if wanted.without_unit is not None:
        statement = statement.where(WorkOrder.unit_id.is_(None) == wanted.without_unit)
    if wanted.id_text is not None:
        statement = statement.where(cast(WorkOrder.id, String).startswith(wanted.id_text, autoescape=True))
    return statement


def page_of_orders(
    session: Session, caller: Caller, wanted: OrderFilter, now: datetime, *, sort: OrderSort = OrderSort.ID,
    after: str | None = None, limit: int = 100,
) -> OrderPage:  # fmt: skip
    """One page, and what to go on after; a page after an order that has moved since goes on from where it stood."""
    key = _KEYS[sort.by]
    statement = filtered(caller, wanted, now)
    if after is not None:
        value, order_id = _read_cursor(sort, after)
        place = tuple_(key, WorkOrder.id), tuple_(literal(value, key.type), literal(order_id))
        statement = statement.where(place[0] < place[1] if sort.descending else place[0] > place[1])
    chosen = ordered(statement.with_only_columns(WorkOrder.id), sort).limit(limit + 1)  # before defects are looked at
    joined = select(WorkOrder).join(WorkOrder.defect).options(contains_eager(WorkOrder.defect))
    rows = list(session.scalars(ordered(joined.where(WorkOrder.id.in_(chosen)), sort)))
    shown = rows[:limit]
    return OrderPage(shown, _cursor(sort, shown[-1]) if len(rows) > limit else None)


def ordered(statement: Select[Row], sort: OrderSort) -> Select[Row]:
    key = _KEYS[sort.by]
    return (
        statement.order_by(key.desc(), WorkOrder.id.desc())
        if sort.descending
        else statement.order_by(key, WorkOrder.id)
    )


def count_orders(session: Session, caller: Caller, wanted: OrderFilter, now: datetime) -> int:
    own = filtered(caller, wanted, now).with_only_columns(WorkOrder.id).order_by(None)
    return session.scalar(select(func.count()).select_from(own.subquery())) or 0


def is_overdue(now: datetime) -> ColumnElement[bool]:
    """`sla.overdue` in SQL; `held_at` is never null while the clock stands still. States are written out, so that the
    index of orders that are still to be done is known to hold them all."""
    stopped = WorkOrder.state.in_(CLOCK_STOPPED)
    moment = case((stopped, func.coalesce(WorkOrder.held_at, WorkOrder.due_at)), else_=now)
    live: BindParameter[Any] = bindparam(
        "live", sorted(WAITING | CLOCK_STOPPED), expanding=True, literal_execute=True, unique=True
    )
    return and_(WorkOrder.state.in_(live), WorkOrder.due_at < moment)


def _cursor(sort: OrderSort, order: WorkOrder) -> str:
    """For the order of ids the id itself."""
    if sort.by == "id":
        return str(order.id)
    quantity = order.quantity_estimated if order.quantity_measured is None else order.quantity_measured
    values: Mapping[str, object] = {
        "due": order.due_at.isoformat(), "opened": order.opened_at.isoformat(), "priority": order.priority,
        "quantity": NO_QUANTITY if quantity is None else quantity,
    }  # fmt: skip
    told = json.dumps([sort.value, values[sort.by], order.id])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def _read_cursor(sort: OrderSort, after: str) -> tuple[object, int]:
    """Raises Unprocessable for anything but the `next` of a page in this order."""
    try:
        if sort.by == "id":
            order_id = _whole(after)
            return order_id, order_id
        name, value, order_id = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        known = {sort.value: datetime.fromisoformat if sort.by in ("due", "opened") else float}
        return known[name](value), _whole(order_id)
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise Unprocessable(
            "page.after", f"expected the `next` of a page sorted by {sort.value}, got {after!r:.60}; begin anew"
        ) from error


def _whole(told: object) -> int:
    number = int(str(told))
    if not 0 <= number < 2**63:
        raise ValueError(told)
    return number
