"""While an incident lasts, what it names comes first and is due sooner; afterwards all is as it was."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.core.database import Database
from service.core.events import SYSTEM
from service.defects.access import lock_defects, lock_matching
from service.defects.models import Defect
from service.defects.priorities import LIVE, set_priorities
from service.incidents.lookup import close_hours_of, covers, lasting, points_of, rules_of
from service.incidents.models import Incident
from service.work_orders.models import WorkOrder
from service.work_orders.moves import record_order
from service.work_orders.service_levels_changes import follow_due
from service.work_orders.sla import WAITING
from service.work_orders.states import WorkOrderState

_HURRIED = (*WAITING, WorkOrderState.ON_HOLD)


def apply_all(database: Database, now: datetime) -> int:
    """`apply_incidents` wherever an incident lasts or has left something behind; returns how many things changed."""
    with database.transaction() as session:
        ids = set(session.scalars(select(Incident.municipality_id).where(Incident.ended_at.is_(None))))
        ids |= set(session.scalars(select(Defect.municipality_id).where(Defect.incident_points > 0).distinct()))
        ids |= set(
            session.scalars(
                select(WorkOrder.municipality_id).where(WorkOrder.due_before_incident.is_not(None)).distinct()
            )
        )
    changed = 0
    for municipality_id in sorted(ids):
        with database.transaction() as session:
            changed += apply_incidents(session, municipality_id, now)
    return changed


def apply_incidents(session: Session, municipality_id: int, now: datetime) -> int:
    """Gives every live defect and order of a municipality what the incidents that last now say; returns how many it
    changed. Safe to run twice."""
    lock_matching(session, municipality_id)
    incidents = lasting(session, municipality_id, now)
    defects = _named(session, municipality_id, incidents)
    moved = []
    for defect in defects:
        points = points_of([one for one in incidents if covers(one, defect.lat, defect.lon)], defect.class_key)
        if defect.incident_points != points:
            defect.incident_points = points
            moved.append(defect.id)
    set_priorities(session, moved, now)
    return len(moved) + sum(
        hurry(session, order, [one for one in incidents if covers(one, defect.lat, defect.lon)], now)
        for order, defect in _orders(session, municipality_id, incidents)
    )


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
    follow_due(session, order, now)
    action = "hurry" if order.due_before_incident else "unhurry"
    follow_due(session, order, now)
    record_order(session, order, action, SYSTEM, now, from_state=order.state, data=told)
    return True


def _named(session: Session, municipality_id: int, incidents: Sequence[Incident]) -> list[Defect]:
    """Live defects of classes that an incident names, and those that one has named before; locked."""
    named = _classes(incidents, "points")
    touched = or_(Defect.incident_points > 0, Defect.class_key.in_(named))
    return lock_defects(session, Defect.municipality_id == municipality_id, Defect.state.in_(LIVE), touched)


def _orders(session: Session, municipality_id: int, incidents: Sequence[Incident]) -> list[tuple[WorkOrder, Defect]]:
    touched = or_(
        WorkOrder.due_before_incident.is_not(None), WorkOrder.class_key.in_(_classes(incidents, "close_hours"))
    )
    rows = session.execute(
        select(WorkOrder, Defect)
        .join(Defect, Defect.id == WorkOrder.defect_id)
        .where(WorkOrder.municipality_id == municipality_id, WorkOrder.state.in_(_HURRIED), touched)
        .order_by(WorkOrder.id)
        .with_for_update(of=WorkOrder)
    )
    return [(order, defect) for order, defect in rows]


def _classes(incidents: Collection[Incident], part: str) -> set[str]:
    return {key for one in incidents for key in getattr(rules_of(one), part)}
