"""When an order is due while an incident lasts at its place, and that all is as it was afterwards."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from service.core.events import SYSTEM, Event
from service.incidents.lookup import close_hours_of
from service.incidents.models import Incident
from service.work_orders.models import WorkOrder
from service.work_orders.moves import record_order
from service.work_orders.service_levels_changes import follow_due, stamp_now
from service.work_orders.sla import StepKind
from service.work_orders.states import CLOCK_STOPPED, WorkOrderAction


def hurry(session: Session, order: WorkOrder, incidents: Sequence[Incident], now: datetime) -> bool:
    """Sets when the order is due by the incidents at its place, and back once there are none; True where it changed.

    The hours count from the incident's start for what was open before, without those in which the order was on hold or
    referred. The row must be locked.
    """
    usual = order.due_before_incident or order.due_at
    hours = close_hours_of(incidents, order.class_key)
    wanted = usual if hours is None else min(usual, _deadline(session, order, incidents, timedelta(hours=hours)))
    if wanted == usual:
        order.due_before_incident = None
    if wanted == order.due_at:
        return False
    stamp_now(session, order, now)
    told = {
        "due_at": wanted.isoformat(),
        "before": order.due_at.isoformat(),
        "incidents": [one.id for one in incidents],
    }
    order.due_at, order.due_before_incident = wanted, None if wanted == usual else usual
    back = _not_yet(session, order) if order.due_before_incident is None else ()
    follow_due(session, order, now, back)
    action = "hurry" if order.due_before_incident else "unhurry"
    record_order(session, order, action, SYSTEM, now, from_state=order.state, data=told)
    return True


def _deadline(session: Session, order: WorkOrder, incidents: Sequence[Incident], hours: timedelta) -> datetime:
    """Moved by every stop of the clock that began before it; a transfer that starts the clock anew starts this too."""
    begun_at = max([order.opened_at, *(one.starts_at for one in incidents)])
    if begun_at + hours == order.due_at:
        return order.due_at  # as ever: the order was not stopped since
    begun_at = max(begun_at, _restarted_at(session, order) or begun_at)
    deadline = begun_at + hours
    for first, last in _stops(session, order):
        if max(first, begun_at) < deadline:
            deadline += max(last - max(first, begun_at), timedelta(0))
    return deadline


def _stops(session: Session, order: WorkOrder) -> list[tuple[datetime, datetime]]:
    """From when to when the clock stood still since the order was opened; not a stop that still lasts."""
    found, since = [], None
    own = select(Event.at, Event.to_state).where(*_since(order, order.opened_at), Event.to_state.is_not(None))
    for at, state in session.execute(own.order_by(Event.id)):
        if state in CLOCK_STOPPED:
            since = since or at
        elif since is not None:
            found.append((since, at))
            since = None
    return found


def _restarted_at(session: Session, order: WorkOrder) -> datetime | None:
    anew = (Event.action == "reschedule", Event.data["because"].astext == "transfer")
    own = select(Event.at).where(*_since(order, order.opened_at), *anew)
    return session.scalar(own.order_by(Event.id.desc()).limit(1))


def _not_yet(session: Session, order: WorkOrder) -> Collection[tuple[StepKind, int]]:
    """What the hurry left out and the usual due time brings back: a warning, a late start, unless they came to pass."""
    since = _restarted_at(session, order) or order.opened_at
    past = set(session.scalars(select(Event.action).where(*_since(order, since))))
    back = {(StepKind.WARN, 0)} if StepKind.WARN not in past else set()
    if not past & {StepKind.LATE_START, WorkOrderAction.START}:
        back.add((StepKind.LATE_START, 0))
    return back


def _since(order: WorkOrder, at: datetime) -> tuple[ColumnElement[bool], ...]:
    return Event.subject_kind == "work_order", Event.subject_id == order.id, Event.at >= at
