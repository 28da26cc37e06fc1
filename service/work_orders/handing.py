"""Hands an order on: the unit refuses it, or another unit takes it over. Each may arrive twice."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.permissions import Role
from service.core.events import Event
from service.defects.access import permit
from service.defects.models import Defect
from service.work_orders.access import lock_order, unit_for
from service.work_orders.models import WorkOrder
from service.work_orders.moves import move_order, record_order, was_last
from service.work_orders.service_levels_changes import after_priority
from service.work_orders.states import PERMISSIONS, WorkOrderAction


def refuse(session: Session, caller: Caller, order_id: int, reason: str, now: datetime) -> WorkOrder:
    """The unit says that it is not for them: the order is open again and waits for dispatch without a unit."""
    permit(caller, PERMISSIONS[WorkOrderAction.REFUSE])
    known = _refused_before(session, caller, order_id)
    if known is not None:
        return known
    order = lock_order(session, caller, order_id, WorkOrderAction.REFUSE)
    if was_last(session, order, WorkOrderAction.REFUSE):
        return order
    told = {"reason": reason, "unit_id": order.unit_id}
    move_order(session, order, WorkOrderAction.REFUSE, caller.actor, now, told)
    order.state_reason, order.unit_id = reason, None
    return order


def transfer(session: Session, caller: Caller, order_id: int, unit_id: int, reason: str, now: datetime) -> WorkOrder:
    """Another unit takes over an order that one has; work that was begun begins anew there."""
    order = lock_order(session, caller, order_id, WorkOrderAction.TRANSFER)
    if order.unit_id == unit_id and was_last(session, order, WorkOrderAction.TRANSFER):
        return order
    unit = unit_for(session, order, unit_id)
    told = {"reason": reason, "from_unit_id": order.unit_id, "unit_id": unit.id}
    move_order(session, order, WorkOrderAction.TRANSFER, caller.actor, now, told)
    order.unit_id, order.state_reason = unit.id, reason
    return order


def set_priority(
    session: Session, caller: Caller, order_id: int, priority: float | None, reason: str, now: datetime
) -> WorkOrder:
    """A person's priority in place of the defect's; None gives that back."""
    order = lock_order(session, caller, order_id, WorkOrderAction.ASSIGN)
    if order.priority_set != priority:
        told = {"before": order.priority_set, "priority": priority, "reason": reason}
        order.priority_set = priority
        record_order(session, order, "prioritise", caller.actor, now, from_state=order.state, data=told)
        after_priority(session, order, session.get_one(Defect, order.defect_id), now)
    return order


def _refused_before(session: Session, caller: Caller, order_id: int) -> WorkOrder | None:
    """The order that this unit has just refused and therefore sees no longer."""
    if caller.role is not Role.UNIT:
        return None
    statement = visible(select(WorkOrder), WorkOrder.municipality_id, caller).where(WorkOrder.id == order_id)
    order = session.scalar(statement)
    if order is None or not was_last(session, order, WorkOrderAction.REFUSE):
        return None
    own = select(Event.data).where(
        Event.subject_kind == "work_order", Event.subject_id == order_id, Event.action == WorkOrderAction.REFUSE.value
    )
    last = session.scalar(own.order_by(Event.id.desc()).limit(1)) or {}
    return order if last.get("unit_id") == caller.unit_id else None
