"""What a unit should do today: no more than it can, the most urgent first, so that crews are not flooded."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller
from service.core.errors import NotFound
from service.defects.models import Defect
from service.defects.priority import Waiting, rank_for_day
from service.work_orders.access import visible_orders
from service.work_orders.models import Unit, WorkOrder
from service.work_orders.operations import visible_units
from service.work_orders.sla import WAITING
from service.work_orders.states import WorkOrderState

BEGUN = 1_000.0  # above every priority: what a crew has begun it finishes


@dataclass(frozen=True)
class UnitDay:
    today: tuple[WorkOrder, ...]
    queued: int


def day_of_unit(session: Session, caller: Caller, unit_id: int, capacity: int) -> UnitDay:
    """Orders that still wait for the repair, begun ones first. Raises NotFound for a unit that the caller does not
    see."""
    if session.scalar(visible_units(caller).where(Unit.id == unit_id)) is None:
        raise NotFound("unit.unknown", f"expected a unit of your municipalities, got id {unit_id}")
    own = visible_orders(caller).where(WorkOrder.unit_id == unit_id, WorkOrder.state.in_(WAITING))
    ranks = session.execute(
        select(WorkOrder.id, WorkOrder.state, WorkOrder.opened_at, Defect.priority)
        .join(Defect, Defect.id == WorkOrder.defect_id)
        .where(WorkOrder.id.in_(own.with_only_columns(WorkOrder.id)))
    )
    waiting = [
        Waiting(order_id, unit_id, priority + (BEGUN if state is WorkOrderState.IN_PROGRESS else 0), opened_at)
        for order_id, state, opened_at, priority in ranks
    ]
    day = rank_for_day(waiting, {unit_id: capacity}).get(unit_id)
    if day is None:
        return UnitDay((), 0)
    loaded = select(WorkOrder).where(WorkOrder.id.in_(day.today)).options(selectinload(WorkOrder.defect))
    orders = {order.id: order for order in session.scalars(loaded)}
    return UnitDay(tuple(orders[order_id] for order_id in day.today), len(day.queued))
