"""The one way a work order changes its state: by the table, with an event, once."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.events import Actor, Event, record
from service.core.tables import JsonObject
from service.work_orders.models import WorkOrder
from service.work_orders.service_levels_changes import follow_move
from service.work_orders.states import WorkOrderAction, WorkOrderState, advance

UNDO = "undo"  # of an action on many orders: what was last before it may be done again


def move_order(
    session: Session, order: WorkOrder, action: WorkOrderAction, actor: Actor, now: datetime,
    data: JsonObject | None = None,
) -> None:  # fmt: skip
    """Changes the state and records it; raises Conflict where the table has no such move. The row must be
    locked."""
    before, order.state = order.state, advance(order.state, action, order.held_from)
    follow_move(session, order, action, before, now)
    record_order(session, order, action.value, actor, now, from_state=before, data=data)


def record_order(
    session: Session, order: WorkOrder, action: str, actor: Actor, now: datetime, *,
    from_state: WorkOrderState | None, data: JsonObject | None = None,
) -> None:  # fmt: skip
    record(
        session,
        at=now,
        actor=actor,
        subject_kind="work_order",
        subject_id=order.id,
        action=action,
        municipality_id=order.municipality_id,
        from_state=from_state and from_state.value,
        to_state=order.state.value,
        data=data,
    )


def stop_clock(order: WorkOrder, now: datetime, reason: str, held_from: WorkOrderState | None) -> None:
    """The due time stands still; `held_from`: where the order returns when it is resumed."""
    order.state_reason, order.held_from, order.held_at = reason, held_from, now


def restart_clock(order: WorkOrder) -> None:
    """It goes on; `service_levels_changes` has given back the time for which it stood still."""
    order.state_reason, order.held_from, order.held_at = None, None, None


def was_last(session: Session, order: WorkOrder, action: WorkOrderAction) -> bool:
    """Whether this action brought the order where it is: the same request again then changes nothing."""
    own = (Event.subject_kind == "work_order", Event.subject_id == order.id, Event.action.in_([*WorkOrderAction, UNDO]))
    latest = select(Event.action).where(*own).order_by(Event.id.desc()).limit(1)
    return session.scalar(latest) == action.value
