"""When an order is due while an incident lasts at its place."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.core.events import SYSTEM
from service.incidents.lookup import close_hours_of
from service.incidents.models import Incident
from service.work_orders.models import WorkOrder
from service.work_orders.moves import record_order
from service.work_orders.service_levels_changes import follow_due


def hurry(session: Session, order: WorkOrder, incidents: Sequence[Incident], now: datetime) -> bool:
    """Sets when the order is due by the incidents at its place, and back once there are none; True where it changed.

    The hours count from the incident's start for what was open before. The row must be locked.
    """
    usual = order.due_before_incident or order.due_at
    hours = close_hours_of(incidents, order.class_key)
    begun_at = max([order.opened_at, *(one.starts_at for one in incidents)])
    wanted = usual if hours is None else min(usual, begun_at + timedelta(hours=hours))
    if wanted == order.due_at:
        return False
    told = {
        "due_at": wanted.isoformat(),
        "before": order.due_at.isoformat(),
        "incidents": [one.id for one in incidents],
    }
    order.due_at, order.due_before_incident = wanted, None if wanted == usual else usual
    action = "hurry" if order.due_before_incident else "unhurry"
    follow_due(session, order, now)
    record_order(session, order, action, SYSTEM, now, from_state=order.state, data=told)
    return True
