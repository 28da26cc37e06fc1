"""While an incident lasts, what it names comes first and is due sooner; afterwards all is as it was."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from service.core.database import Database
from service.core.events import SYSTEM
from service.defects.access import lock_defects, lock_matching
from service.defects.models import Defect
from service.defects.priorities import LIVE, set_priorities
from service.incidents.lookup import covers, lasting, points_of, rules_of
from service.incidents.models import Incident
from service.work_orders.dispatch import route_again
from service.work_orders.hurrying import hurry
from service.work_orders.models import RoutingRule, WorkOrder
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
    routed = sum(route_again(session, order, SYSTEM, now) for order in _routed_by_incidents(session, municipality_id))
    return (
        len(moved)
        + routed
        + sum(
            hurry(session, order, [one for one in incidents if covers(one, defect.lat, defect.lon)], now)
            for order, defect in _orders(session, municipality_id, incidents)
        )
    )


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


def _routed_by_incidents(session: Session, municipality_id: int) -> list[WorkOrder]:
    """Orders that no unit has taken yet, where a rule of the municipality asks about incidents; locked. Not those that
    a unit refused or an agency sent back, which wait for a person, nor parts, whose unit a person chose."""
    asks = select(RoutingRule.id).where(
        RoutingRule.municipality_id == municipality_id, func.cardinality(RoutingRule.incident_kinds) > 0
    )
    if session.scalar(asks.limit(1)) is None:
        return []
    waiting = (WorkOrder.municipality_id == municipality_id, WorkOrder.state == WorkOrderState.OPEN)
    own = (WorkOrder.part_of_id.is_(None), or_(WorkOrder.unit_id.is_not(None), WorkOrder.state_reason.is_(None)))
    return list(session.scalars(select(WorkOrder).where(*waiting, *own).order_by(WorkOrder.id).with_for_update()))


def _classes(incidents: Collection[Incident], part: str) -> set[str]:
    return {key for one in incidents for key in getattr(rules_of(one), part)}
