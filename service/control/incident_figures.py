"""What became of an incident: what was found in its area, what was done, how soon, and what still waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.defects.models import Defect
from service.defects.states import DefectState
from service.incidents.lookup import covers
from service.incidents.models import Incident
from service.work_orders.models import Unit, WorkOrder
from service.work_orders.sla import WAITING
from service.work_orders.states import WorkOrderState

HOUR = timedelta(hours=1)
_FOUND = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


@dataclass(frozen=True)
class ClassFigures:
    """Of one class in an incident's area and time."""

    class_key: str
    found: int  # seen or reported for the first time while it lasted
    to_review: int  # of these, nobody has looked at yet
    orders: int  # that waited when it began or were opened while it lasted
    waiting: int
    closed: int
    late: int  # closed after they were due, or waiting and due before now
    hours_to_close: float | None  # the median, from the opening or the incident's start


@dataclass(frozen=True)
class UnitFigures:
    """Of one unit; None: nobody was sent yet."""

    unit_id: int | None
    key: str | None
    name_en: str | None
    name_ar: str | None
    waiting: int
    in_progress: int
    closed: int


@dataclass(frozen=True)
class IncidentFigures:
    """All of it, until `until`: now while it lasts, its end afterwards."""

    until: datetime
    hours: float
    classes: tuple[ClassFigures, ...]
    units: tuple[UnitFigures, ...]

    @property
    def orders(self) -> int:
        return sum(one.orders for one in self.classes)

    @property
    def waiting(self) -> int:
        return sum(one.waiting for one in self.classes)

    @property
    def closed(self) -> int:
        return sum(one.closed for one in self.classes)


def figures_of(session: Session, incident: Incident, now: datetime) -> IncidentFigures:
    until = incident.ended_at or now
    defects = _defects(session, incident, until)
    orders = _orders(session, incident, until)
    keys = sorted({one.class_key for one in defects} | {order.class_key for order, _ in orders})
    classes = tuple(_of_class(key, incident, defects, orders, until) for key in keys)
    hours = round((until - incident.starts_at) / HOUR, 2)
    return IncidentFigures(until, hours, classes, _of_units(session, orders, until))


def _defects(session: Session, incident: Incident, until: datetime) -> list[Defect]:
    found = select(Defect).where(
        Defect.municipality_id == incident.municipality_id, Defect.state.in_(_FOUND),
        Defect.first_seen_at >= incident.starts_at, Defect.first_seen_at <= until,
    )  # fmt: skip
    return [one for one in session.scalars(found.order_by(Defect.id)) if covers(incident, one.lat, one.lon)]


def _orders(session: Session, incident: Incident, until: datetime) -> list[tuple[WorkOrder, Defect]]:
    """Those that were still to be done at its start, and those opened since."""
    rows = session.execute(
        select(WorkOrder, Defect)
        .join(Defect, Defect.id == WorkOrder.defect_id)
        .where(WorkOrder.municipality_id == incident.municipality_id, WorkOrder.opened_at <= until)
        .where(WorkOrder.state != WorkOrderState.CANCELLED)
        .where((WorkOrder.closed_at.is_(None)) | (WorkOrder.closed_at >= incident.starts_at))
        .order_by(WorkOrder.id)
    )
    return [(order, defect) for order, defect in rows if covers(incident, defect.lat, defect.lon)]


def _of_class(
    key: str, incident: Incident, defects: Sequence[Defect], orders: Sequence[tuple[WorkOrder, Defect]],
    until: datetime,
) -> ClassFigures:  # fmt: skip
    own = [one for one in defects if one.class_key == key]
    ours = [order for order, _ in orders if order.class_key == key]
    closed = [order for order in ours if _closed(order, until)]
    took = [(order.closed_at - max(order.opened_at, incident.starts_at)) / HOUR for order in closed if order.closed_at]
    late = [order for order in ours if order.due_at < min(order.closed_at or until, until)]
    return ClassFigures(
        key, len(own), sum(one.state is DefectState.CANDIDATE for one in own), len(ours), len(ours) - len(closed),
        len(closed), len(late), round(median(took), 2) if took else None,
    )  # fmt: skip


def _of_units(session: Session, orders: Sequence[tuple[WorkOrder, Defect]], until: datetime) -> tuple[UnitFigures, ...]:
    ids = {order.unit_id for order, _ in orders}
    known = [unit_id for unit_id in ids if unit_id is not None]
    units = {unit.id: unit for unit in session.scalars(select(Unit).where(Unit.id.in_(known)))}
    ordered = sorted(ids, key=lambda unit_id: (unit_id is None, unit_id or 0))
    return tuple(
        _of_unit(units.get(unit_id or 0), [order for order, _ in orders if order.unit_id == unit_id], until)
        for unit_id in ordered
    )


def _of_unit(unit: Unit | None, own: Sequence[WorkOrder], until: datetime) -> UnitFigures:
    return UnitFigures(
        unit_id=unit.id if unit else None,
        key=unit.key if unit else None,
        name_en=unit.name_en if unit else None,
        name_ar=unit.name_ar if unit else None,
        waiting=sum(not _closed(order, until) and order.state in WAITING for order in own),
        in_progress=sum(order.state is WorkOrderState.IN_PROGRESS for order in own),
        closed=sum(_closed(order, until) for order in own),
    )


def _closed(order: WorkOrder, until: datetime) -> bool:
    return order.closed_at is not None and order.closed_at <= until
