"""Moves a work order through its life; each action may arrive twice and then changes nothing the second time.

Every function raises Forbidden for a role that may not, NotFound for an order that the caller does not see,
and Conflict where the state does not allow the action.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.core.errors import Conflict, Unprocessable
from service.core.events import SYSTEM, Actor
from service.defects.models import Defect
from service.defects.service import reopen_defect
from service.defects.states import DefectState
from service.work_orders.access import lock_order, unit_for
from service.work_orders.families import cancel_order, mended, settle
from service.work_orders.models import Inspection, VerifiedBy, WorkOrder
from service.work_orders.moves import move_order, restart_clock, stop_clock, was_last
from service.work_orders.opening import open_work_order, reopen_order
from service.work_orders.repairs import refuse_repair, verify_repair
from service.work_orders.states import WorkOrderAction, WorkOrderState


def assign(session: Session, caller: Caller, order_id: int, unit_id: int | None, now: datetime) -> WorkOrder:
    """Gives the order to a unit, without `unit_id` to the one that routing chose."""
    order = lock_order(session, caller, order_id, WorkOrderAction.ASSIGN)
    wanted = unit_id if unit_id is not None else order.unit_id
    if was_last(session, order, WorkOrderAction.ASSIGN) and wanted == order.unit_id:
        return order
    unit = unit_for(session, order, wanted)
    move_order(session, order, WorkOrderAction.ASSIGN, caller.actor, now, {"unit_id": unit.id})
    order.unit_id, order.state_reason = unit.id, None
    return order


def start(session: Session, caller: Caller, order_id: int, now: datetime) -> WorkOrder:
    order = lock_order(session, caller, order_id, WorkOrderAction.START)
    if not was_last(session, order, WorkOrderAction.START):
        move_order(session, order, WorkOrderAction.START, caller.actor, now)
    return order


def inspect(
    session: Session, caller: Caller, order_id: int, *, passed: bool, note: str | None, now: datetime
) -> WorkOrder:
    """A good repair closes the order and resolves its defect; a bad one goes back to the unit with the
    reason."""
    action = WorkOrderAction.PASS if passed else WorkOrderAction.FAIL
    order = lock_order(session, caller, order_id, action)
    if was_last(session, order, action):
        return order
    if not passed and not note:
        raise Unprocessable("inspection.note", "expected a note that tells the unit what to mend, got none")
    move_order(session, order, action, caller.actor, now, {"note": note} if note else None)
    session.add(Inspection(work_order_id=order.id, user_id=caller.actor.id, passed=passed, note=note))
    if not passed:
        refuse_repair(session, order, now)
        for defect in mended(session, order):
            defect.absence, defect.absence_at = None, None
        order.state_reason, order.done_at = note, None
        return order
    verify_repair(session, order, VerifiedBy.PERSON, now)
    order.state_reason, order.closed_at = None, now
    settle(session, order, caller.actor, VerifiedBy.PERSON, now)
    return order


def hold(session: Session, caller: Caller, order_id: int, reason: str, now: datetime) -> WorkOrder:
    """Stops the clock of the service level until the order is resumed."""
    order = lock_order(session, caller, order_id, WorkOrderAction.HOLD)
    if was_last(session, order, WorkOrderAction.HOLD):
        return order
    before = order.state
    move_order(session, order, WorkOrderAction.HOLD, caller.actor, now, {"reason": reason})
    stop_clock(order, now, reason, before)
    return order


def resume(session: Session, caller: Caller, order_id: int, now: datetime) -> WorkOrder:
    """Returns the order to where it was, with the working time that was left to it."""
    order = lock_order(session, caller, order_id, WorkOrderAction.RESUME)
    if was_last(session, order, WorkOrderAction.RESUME):
        return order
    move_order(session, order, WorkOrderAction.RESUME, caller.actor, now)
    restart_clock(order)
    return order


def cancel(session: Session, caller: Caller, order_id: int, reason: str, now: datetime) -> WorkOrder:
    """Ends the order, and those merged into it, without a repair; its parts go on. Its
    defect stays confirmed: accepting it again opens a new order."""
    order = lock_order(session, caller, order_id, WorkOrderAction.CANCEL)
    if was_last(session, order, WorkOrderAction.CANCEL):
        return order
    cancel_order(session, order, caller.actor, now, reason)
    return order


def reopen(session: Session, caller: Caller, order_id: int, reason: str, now: datetime) -> WorkOrder:
    """Takes a closed order up again, and its defect with it: the repair did not last."""
    order = lock_order(session, caller, order_id, WorkOrderAction.REOPEN)
    if was_last(session, order, WorkOrderAction.REOPEN):
        return order
    if order.state is WorkOrderState.MERGED and order.closed_at is None:
        raise Conflict(
            "work_order.merged", f"expected an order whose repair ended, got one that is done with work order "
            f"{order.merged_into_id}; work on that one"
        )  # fmt: skip
    defect = _defect(session, order)
    reopen_order(session, order, defect, caller.actor, now, reason)
    if defect.state is DefectState.RESOLVED:
        reopen_defect(session, defect, caller.actor, now, {"work_order_id": order.id, "reason": reason})
    return order


def reopen_after_sighting(session: Session, defect: Defect, now: datetime, actor: Actor = SYSTEM) -> WorkOrder:
    """Puts the order of a defect that was seen again after its repair (`Recorded.reopened`) back to open.

    Call it in the transaction of the sighting, which has locked the defect. Safe to run twice.
    """
    order = open_work_order(session, defect, actor, now)
    if order.state is WorkOrderState.CLOSED:
        reopen_order(session, order, defect, actor, now, "seen again after the repair")
    return order


def _defect(session: Session, order: WorkOrder) -> Defect:
    """The order's defect, which `lock_order` has locked and read anew."""
    return session.get_one(Defect, order.defect_id)
