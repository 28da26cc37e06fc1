"""What became of an incident: what was found in its area, what was done, how soon, and what still waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import ColumnElement, DateTime, func, literal_column, select
from sqlalchemy.orm import Session

from service.control.incident_outside import AgencyFigures, ReportFigures, agencies_of, reports_of
from service.core.events import Event
from service.defects.models import Defect
from service.defects.states import DefectState
from service.incidents.lookup import covers
from service.incidents.models import Incident
from service.work_orders.models import Unit, WorkOrder
from service.work_orders.sla import WAITING
from service.work_orders.states import CLOCK_STOPPED, WorkOrderAction, WorkOrderState

HOUR = timedelta(hours=1)
_NEVER: ColumnElement[datetime] = literal_column("'infinity'::timestamp with time zone", DateTime(timezone=True))
_FOUND = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)
_NOT_COUNTED = (WorkOrderState.CANCELLED, WorkOrderState.MERGED)  # a merged one is done with the order it went into


@dataclass(frozen=True)
class ClassFigures:
    """Of one class in an incident's area and time."""

    class_key: str
    found: int  # seen or reported for the first time while it lasted
    to_review: int  # of these, nobody has looked at yet
    orders: int  # that waited when it began or were opened while it lasted
    waiting: int
    closed: int
    late: int  # done after they were due, or due before now and not done
    in_time: int  # of the closed ones
    hours_to_start: float | None  # the median, from the opening or the incident's start
    hours_to_close: float | None  # the same
    quantity: float  # measured on the closed ones
    quantity_unit: str | None


@dataclass(frozen=True)
class UnitFigures:
    """Of one unit; None: nobody was sent yet, or an agency has it."""

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
    hours_to_start: float | None
    hours_to_close: float | None
    classes: tuple[ClassFigures, ...]
    units: tuple[UnitFigures, ...]
    agencies: tuple[AgencyFigures, ...]
    reports: ReportFigures

    @property
    def orders(self) -> int:
        return sum(one.orders for one in self.classes)

    @property
    def waiting(self) -> int:
        return sum(one.waiting for one in self.classes)

    @property
    def closed(self) -> int:
        return sum(one.closed for one in self.classes)

    @property
    def late(self) -> int:
        return sum(one.late for one in self.classes)

    @property
    def in_time(self) -> int:
        return sum(one.in_time for one in self.classes)


@dataclass(frozen=True)
class Job:
    """An order of the incident with its place, and when work on it began while the incident lasted."""

    order: WorkOrder
    defect: Defect
    started_at: datetime | None
    incident_began_at: datetime
    until: datetime

    @property
    def closed(self) -> bool:
        return self.order.closed_at is not None and self.order.closed_at <= self.until

    @property
    def finished_at(self) -> datetime | None:
        at = self.order.done_at or self.order.closed_at
        return at if at is not None and at <= self.until else None

    @property
    def late(self) -> bool:
        stopped = self.order.held_at if self.order.state in CLOCK_STOPPED else None
        return self.order.due_at < (self.finished_at or stopped or self.until)

    def hours_until(self, at: datetime) -> float:
        return (at - max(self.order.opened_at, self.incident_began_at)) / HOUR


def figures_of(session: Session, incident: Incident, now: datetime) -> IncidentFigures:
    until = incident.ended_at or now
    defects, jobs = _defects(session, incident, until), jobs_of(session, incident, until)
    keys = sorted({one.class_key for one in defects} | {one.order.class_key for one in jobs})
    return IncidentFigures(
        until=until,
        hours=round((until - incident.starts_at) / HOUR, 2),
        hours_to_start=_to_start(jobs),
        hours_to_close=_to_close(jobs),
        classes=tuple(_of_class(key, defects, jobs) for key in keys),
        units=_of_units(session, jobs),
        agencies=agencies_of(session, incident, until),
        reports=reports_of(session, incident, until),
    )


def jobs_of(session: Session, incident: Incident, until: datetime) -> list[Job]:
    """Those that were still to be done at its start, and those opened since."""
    ours = (
        select(WorkOrder, Defect)
        .join(Defect, Defect.id == WorkOrder.defect_id)
        .where(WorkOrder.municipality_id == incident.municipality_id, WorkOrder.opened_at <= until)
        .where(WorkOrder.state.not_in(_NOT_COUNTED))
        .where(func.coalesce(WorkOrder.closed_at, _NEVER) >= incident.starts_at)  # as in the index
    )
    rows = session.execute(ours.order_by(WorkOrder.id)).all()
    started = _started(session, incident, until)
    return [
        Job(order, defect, _first(started.get(order.id, ()), order.opened_at), incident.starts_at, until)
        for order, defect in rows
        if covers(incident, defect.lat, defect.lon)
    ]


def _started(session: Session, incident: Incident, until: datetime) -> Mapping[int, Sequence[datetime]]:
    """By order the times at which work began while it lasted, oldest first."""
    begun = select(Event.subject_id, Event.at).where(
        Event.subject_kind == "work_order", Event.municipality_id == incident.municipality_id,
        Event.action == WorkOrderAction.START.value, Event.at >= incident.starts_at, Event.at <= until,
    )  # fmt: skip
    found: dict[int, list[datetime]] = {}
    for order_id, at in session.execute(begun.order_by(Event.id)):
        found.setdefault(order_id, []).append(at)
    return found


def _first(times: Sequence[datetime], since: datetime) -> datetime | None:
    return next((at for at in times if at >= since), None)


def _defects(session: Session, incident: Incident, until: datetime) -> list[Defect]:
    found = select(Defect).where(
        Defect.municipality_id == incident.municipality_id, Defect.state.in_(_FOUND),
        Defect.first_seen_at >= incident.starts_at, Defect.first_seen_at <= until,
    )  # fmt: skip
    return [one for one in session.scalars(found.order_by(Defect.id)) if covers(incident, one.lat, one.lon)]


def _of_class(key: str, defects: Sequence[Defect], jobs: Sequence[Job]) -> ClassFigures:
    own = [one for one in defects if one.class_key == key]
    ours = [one for one in jobs if one.order.class_key == key]
    closed = [one for one in ours if one.closed]
    return ClassFigures(
        class_key=key,
        found=len(own),
        to_review=sum(one.state is DefectState.CANDIDATE for one in own),
        orders=len(ours),
        waiting=len(ours) - len(closed),
        closed=len(closed),
        late=sum(one.late for one in ours),
        in_time=sum(not one.late for one in closed),
        hours_to_start=_to_start(ours),
        hours_to_close=_to_close(ours),
        quantity=round(sum(one.order.quantity_measured or 0.0 for one in closed), 3),
        quantity_unit=ours[0].order.quantity_unit if ours else None,
    )


def _to_start(jobs: Sequence[Job]) -> float | None:
    return _median([one.hours_until(one.started_at) for one in jobs if one.started_at])


def _to_close(jobs: Sequence[Job]) -> float | None:
    return _median([one.hours_until(one.order.closed_at) for one in jobs if one.closed and one.order.closed_at])


def _median(hours: Sequence[float]) -> float | None:
    return round(median(hours), 2) if hours else None


def _of_units(session: Session, jobs: Sequence[Job]) -> tuple[UnitFigures, ...]:
    ids = {one.order.unit_id for one in jobs}
    known = [unit_id for unit_id in ids if unit_id is not None]
    units = {unit.id: unit for unit in session.scalars(select(Unit).where(Unit.id.in_(known)))}
    ordered = sorted(ids, key=lambda unit_id: (unit_id is None, unit_id or 0))
    return tuple(
        _of_unit(units.get(unit_id or 0), [one for one in jobs if one.order.unit_id == unit_id]) for unit_id in ordered
    )


def _of_unit(unit: Unit | None, own: Sequence[Job]) -> UnitFigures:
    return UnitFigures(
        unit_id=unit.id if unit else None,
        key=unit.key if unit else None,
        name_en=unit.name_en if unit else None,
        name_ar=unit.name_ar if unit else None,
        waiting=sum(not one.closed and one.order.state in WAITING for one in own),
        in_progress=sum(one.order.state is WorkOrderState.IN_PROGRESS for one in own),
        closed=sum(one.closed for one in own),
    )
