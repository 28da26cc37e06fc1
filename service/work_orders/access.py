"""Who may read and change which work orders, and the lock under which they change."""

from sqlalchemy import Select, false, select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.permissions import Permission, Role, may
from service.core.errors import Conflict, NotFound, Unprocessable
from service.defects.access import lock_defects, permit
from service.defects.models import Defect
from service.work_orders.families import mended_ids
from service.work_orders.models import Inspection, Proof, Unit, WorkOrder
from service.work_orders.states import PERMISSIONS, WorkOrderAction, allowed


def visible_orders(caller: Caller) -> Select[WorkOrder]:
    """Those of the caller's municipalities; a unit's user sees that unit's orders alone."""
    statement = visible(select(WorkOrder), WorkOrder.municipality_id, caller)
    if caller.role is not Role.UNIT:
        return statement
    return statement.where(WorkOrder.unit_id == caller.unit_id if caller.unit_id is not None else false())


def get_order(session: Session, caller: Caller, order_id: int) -> WorkOrder:
    """Raises Forbidden without the permission and NotFound outside what the caller sees."""
    permit(caller, {Permission.VIEW_WORK_ORDERS})
    found = session.scalar(visible_orders(caller).where(WorkOrder.id == order_id))
    if found is None:
        raise NotFound("work_order.unknown", f"expected a work order that you may see, got id {order_id}")
    return found


def lock_order(session: Session, caller: Caller, order_id: int, action: WorkOrderAction) -> WorkOrder:
    """The order as it is now and the defects that it mends, locked for an action that the caller may do; defects
    first, as everywhere, so that two transactions never wait for each other."""
    permit(caller, PERMISSIONS[action])
    seen = get_order(session, caller, order_id)
    defect_ids = mended_ids(session, seen)
    lock_defects(session, Defect.id.in_(defect_ids))
    statement = visible_orders(caller).where(WorkOrder.id == order_id).with_for_update()
    order = session.scalar(statement, execution_options={"populate_existing": True})
    if order is None:  # given to another unit since
        raise NotFound("work_order.unknown", f"expected a work order that you may see, got id {order_id}")
    if mended_ids(session, order) != defect_ids:
        raise Conflict("work_order.moved", "expected an order that nobody merges meanwhile; reload and choose again")
    return order


def unit_for(session: Session, order: WorkOrder, unit_id: int | None) -> Unit:
    """A unit that the order can be given to; raises Unprocessable for any other."""
    if unit_id is None:
        raise Unprocessable("work_order.unit", f"expected a unit_id, order {order.id} waits without a unit; name one")
    unit = session.get(Unit, unit_id)
    if unit is None or unit.municipality_id != order.municipality_id or not unit.active:
        raise Unprocessable(
            "work_order.unit",
            f"expected an active unit of municipality {order.municipality_id}, got id {unit_id}",
        )
    return unit


def list_proofs(session: Session, order_id: int) -> list[Proof]:
    return list(session.scalars(select(Proof).where(Proof.work_order_id == order_id).order_by(Proof.id)))


def list_inspections(session: Session, order_id: int) -> list[Inspection]:
    own = select(Inspection).where(Inspection.work_order_id == order_id)
    return list(session.scalars(own.order_by(Inspection.id)))


def actions_of(caller: Caller, order: WorkOrder) -> list[str]:
    """What the state of the order and the role of the caller allow."""
    return [
        action
        for action in allowed(order.state)
        if any(may(caller.role, permission) for permission in PERMISSIONS[WorkOrderAction(action)])
    ]
