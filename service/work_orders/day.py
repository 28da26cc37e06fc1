"""What a unit should do today: no more than it can, the most urgent first, so that crews are not flooded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller
from service.core.errors import NotFound
from service.core.hijri import SAUDI_TIME
from service.defects.models import Defect
from service.defects.priority import Waiting, rank_for_day
from service.incidents.lookup import capacity_of, lasting
from service.work_orders.access import visible_orders
from service.work_orders.models import Unit, WorkOrder
from service.work_orders.operations import visible_units
from service.work_orders.sla import WAITING
from service.work_orders.states import WorkOrderState

BEGUN = 1_000.0  # above every priority: what a crew has begun it finishes


def capacity_now(session: Session, unit: Unit, now: datetime) -> int | None:
    """Orders a day: what an incident that lasts says of the unit, else its own."""
    incidents = lasting(session, unit.municipality_id, now)
    return capacity_of(incidents, unit.key) or unit.capacity_per_day


@dataclass(frozen=True)
class UnitDay:
    """`today` is what still fits into the day, `overflow` the first of those that wait for another one."""

    capacity: int | None  # None: nobody has said how much it can do, so nothing waits
    done_today: int
    today: tuple[WorkOrder, ...]
    overflow: tuple[WorkOrder, ...]
    queued: int


def day_of_unit(
    session: Session, caller: Caller, unit_id: int, now: datetime, *, capacity: int | None = None, shown: int = 100
) -> UnitDay:
    """Orders that still wait for the repair, begun ones first, then by priority, of equals the oldest. What was
    reported done on the day until `now` counts against the capacity; `capacity` stands in for the unit's own. Raises
    NotFound for a unit that the caller does not see."""
    unit = session.scalar(visible_units(caller).where(Unit.id == unit_id))
    if unit is None:
        raise NotFound("unit.unknown", f"expected a unit of your municipalities, got id {unit_id}")
    most = capacity_now(session, unit, now) if capacity is None else capacity
    done = done_on_day(session, unit_id, now)
    left: dict[int | None, int] = {} if most is None else {unit_id: max(0, most - done)}
    day = rank_for_day(_waiting(session, caller, unit_id), left).get(unit_id)
    if day is None:
        return UnitDay(most, done, (), (), 0)
    overflow = day.queued[:shown]
    orders = _orders(session, (*day.today, *overflow))
    today = tuple(orders[order_id] for order_id in day.today)
    return UnitDay(most, done, today, tuple(orders[order_id] for order_id in overflow), len(day.queued))


def done_on_day(session: Session, unit_id: int, at: datetime) -> int:
    """Repairs that the unit reported since the midnight before that time."""
    local = at.astimezone(SAUDI_TIME)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    own = (WorkOrder.unit_id == unit_id, WorkOrder.done_at >= midnight, WorkOrder.merged_into_id.is_(None))
    return session.scalar(select(func.count(WorkOrder.id)).where(*own)) or 0


def _waiting(session: Session, caller: Caller, unit_id: int) -> list[Waiting]:
    own = visible_orders(caller).where(WorkOrder.unit_id == unit_id, WorkOrder.state.in_(WAITING))
    ranks = session.execute(
        select(
            WorkOrder.id, WorkOrder.state, WorkOrder.opened_at, func.coalesce(WorkOrder.priority_set, Defect.priority)
        )
        .join(Defect, Defect.id == WorkOrder.defect_id)
        .where(WorkOrder.id.in_(own.with_only_columns(WorkOrder.id)))
    )
    return [
        Waiting(order_id, unit_id, priority + (BEGUN if state is WorkOrderState.IN_PROGRESS else 0), opened_at)
        for order_id, state, opened_at, priority in ranks
    ]


def _orders(session: Session, order_ids: Sequence[int]) -> dict[int, WorkOrder]:
    loaded = select(WorkOrder).where(WorkOrder.id.in_(order_ids)).options(selectinload(WorkOrder.defect))
    return {order.id: order for order in session.scalars(loaded)}
