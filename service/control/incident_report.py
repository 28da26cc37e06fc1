"""Draws up what remains of an incident, and keeps it in the event of its end, so that the report never changes.

Orders go on after an incident: they are due as before, closed, opened again. So the report is drawn up in the
transaction that ends it, before the usual rules hold, and read from there ever after.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from shapely.geometry import shape
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.control.incident_figures import Job, figures_of, jobs_of
from service.control.incident_schemas import (
    ClosingOut,
    IncidentFiguresOut,
    IncidentOut,
    IncidentReportOut,
    OpenOrderOut,
    PhaseOut,
    PlacesBeforeOut,
)
from service.control.recurrence import places_before
from service.core.events import Event, record
from service.core.plane import metres_per_degree
from service.core.tables import JsonObject
from service.incidents import service as incidents
from service.incidents.models import Incident
from service.work_orders.emergencies import apply_incidents
from service.work_orders.referral_models import Agency, Referral
from service.work_orders.states import WorkOrderState

STEPS = ("declare", "change", "end")
KEPT = "report"  # the action of the event that holds it


def end_incident(session: Session, caller: Caller, incident_id: int, now: datetime) -> Incident:
    """Ends it, keeps its report, and lets the usual rules hold again; ended once more it stays as it is."""
    incident = incidents.end(session, caller, incident_id, now)
    if incident.ended_at == now and _kept(session, incident) is None:
        session.flush()
        closing = draw_up(session, incident, now).model_dump(mode="json")
        record(
            session, at=now, actor=caller.actor, subject_kind="incident", subject_id=incident.id, action=KEPT,
            municipality_id=incident.municipality_id, to_state="ended", data=closing,
        )  # fmt: skip
    apply_incidents(session, incident.municipality_id, now)
    return incident


def report_of(session: Session, incident: Incident, now: datetime) -> IncidentReportOut:
    """As it was kept; of an incident that lasts, or that ended before reports were kept, from the rows as they are."""
    kept = _kept(session, incident) if incident.ended_at else None
    closing = ClosingOut.model_validate(kept) if kept is not None else draw_up(session, incident, now)
    told = {**closing.model_dump(), "incident": IncidentOut.model_validate(incident).model_dump()}
    report = IncidentReportOut.model_validate(told | {"final": incident.ended_at is not None, "sha256": ""})
    return report.model_copy(update={"sha256": _sha256(report)})


def figures_at(session: Session, incident: Incident, now: datetime) -> IncidentFiguresOut:
    """How it stands; after its end as its report says, whatever became of its orders since."""
    kept = _kept(session, incident) if incident.ended_at else None
    if kept is not None:
        return ClosingOut.model_validate(kept).figures
    return IncidentFiguresOut.model_validate(figures_of(session, incident, now))


def draw_up(session: Session, incident: Incident, now: datetime) -> ClosingOut:
    until = incident.ended_at or now
    jobs, before = jobs_of(session, incident, until), places_before(session, incident, until)
    phases = _phases(session, incident)
    return ClosingOut(
        municipality_en=incident.municipality.name_en,
        municipality_ar=incident.municipality.name_ar,
        declared_at=phases[0].at if phases else incident.created_at,
        area_km2=_area_km2(incident),
        phases=phases,
        figures=IncidentFiguresOut.model_validate(figures_of(session, incident, now)),
        places_before=PlacesBeforeOut.model_validate(before) if before else None,
        open_orders=_open_orders(session, [one for one in jobs if not one.closed]),
        closed_places=[_place(one) for one in jobs if one.closed],
    )


def _kept(session: Session, incident: Incident) -> JsonObject | None:
    own = select(Event.data).where(
        Event.subject_kind == "incident", Event.subject_id == incident.id, Event.action == KEPT
    )
    return session.scalar(own.order_by(Event.id).limit(1))


def _sha256(report: IncidentReportOut) -> str:
    told = report.model_dump(mode="json", exclude={"sha256"})
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _phases(session: Session, incident: Incident) -> list[PhaseOut]:
    steps = select(Event).where(
        Event.subject_kind == "incident", Event.subject_id == incident.id, Event.action.in_(STEPS)
    )
    return [
        PhaseOut(at=one.at, action=one.action, name=one.data.get("name"), rules=one.data.get("rules"))
        for one in session.scalars(steps.order_by(Event.id))
    ]


def _open_orders(session: Session, jobs: Sequence[Job]) -> list[OpenOrderOut]:
    agencies = _agencies(session, [one.order.id for one in jobs if one.order.state is WorkOrderState.REFERRED])
    ordered = sorted(jobs, key=lambda one: (one.order.due_at, one.order.id))
    return [_open_order(one, agencies.get(one.order.id)) for one in ordered]


def _open_order(job: Job, agency: Agency | None) -> OpenOrderOut:
    order, (lat, lon) = job.order, _place(job)
    holder = agency or order.unit
    return OpenOrderOut(
        order_id=order.id,
        class_key=order.class_key,
        state=order.state.value,
        unit_en=holder.name_en if holder else None,
        unit_ar=holder.name_ar if holder else None,
        due_at=order.due_at,
        late=job.late,
        lat=lat,
        lon=lon,
    )


def _agencies(session: Session, order_ids: Sequence[int]) -> dict[int, Agency]:
    waiting = (Referral.work_order_id.in_(order_ids), Referral.outcome.is_(None))
    rows = session.execute(
        select(Referral.work_order_id, Agency).join(Agency, Agency.id == Referral.agency_id).where(*waiting)
    )
    return {row[0]: row[1] for row in rows}


def _place(job: Job) -> tuple[float, float]:
    return round(job.defect.lat, 6), round(job.defect.lon, 6)


def _area_km2(incident: Incident) -> float | None:
    if incident.area is None:
        return None
    area = shape(incident.area)
    per_lat_m, per_lon_m = (float(one) for one in metres_per_degree(area.centroid.y))
    return round(float(area.area) * per_lat_m * per_lon_m / 1e6, 2)
