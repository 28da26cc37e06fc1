"""HTTP for incidents: declare, change, end, follow while they last, report when they are over; water over the years."""

from datetime import date, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select

from service.accounts.caller import Caller, CallerDep, require, visible
from service.accounts.models import Municipality
from service.accounts.permissions import Permission
from service.control.incident_figures import IncidentFigures, figures_of
from service.control.recurrence import ZONE, as_geojson, recurrences
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.errors import NotFound, Unprocessable
from service.core.fields import Note, RowId
from service.coverage.api import GeoJsonResponse
from service.defects.schemas import ClassKey
from service.incidents import service as incidents
from service.incidents.models import Incident
from service.incidents.rules import DEFAULTS, IncidentKind
from service.work_orders.emergencies import apply_incidents

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["incidents"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]
LONGEST_YEARS = 20


class IncidentIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    municipality_id: RowId
    kind: IncidentKind
    name: str = Field(min_length=1, max_length=120)
    starts_at: AwareDatetime = Field(description="with the kind it tells a repeated request from a new incident")
    area: dict[str, Any] | None = Field(default=None, description="GeoJSON polygon; null: the whole municipality")
    rules: dict[str, Any] | None = Field(
        default=None, description="points, close_hours, capacity; null: the kind's own"
    )
    note: Note | None = None


class IncidentChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=120)
    area: dict[str, Any] | None = None
    rules: dict[str, Any]
    note: Note | None = None


class IncidentOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    municipality_id: int
    kind: IncidentKind
    name: str
    area: dict[str, Any] | None
    rules: dict[str, Any]
    starts_at: datetime
    ended_at: datetime | None
    note: str | None
    declared_by_id: int


class ClassFiguresOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    class_key: str = Field(serialization_alias="class")
    found: int
    to_review: int
    orders: int
    waiting: int
    closed: int
    late: int
    hours_to_close: float | None = Field(description="the median, from the opening or the incident's start")


class UnitFiguresOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    unit_id: int | None = Field(description="null: nobody was sent yet")
    key: str | None
    name_en: str | None
    name_ar: str | None
    waiting: int
    in_progress: int
    closed: int


class IncidentFiguresOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    until: datetime
    hours: float
    orders: int
    waiting: int
    closed: int
    classes: list[ClassFiguresOut]
    units: list[UnitFiguresOut]


class IncidentReportOut(BaseModel):
    """What is kept of an incident that is over; while it lasts, how it stands."""

    incident: IncidentOut
    figures: IncidentFiguresOut
    final: bool = Field(description="false while it lasts")


@router.get("/incident-kinds")
def list_kinds(caller: ViewerDep) -> dict[IncidentKind, dict[str, Any]]:
    """The rules that hold for each kind unless an incident has its own."""
    return {kind: rules.as_json() for kind, rules in DEFAULTS.items()}


@router.post("/incidents", status_code=201)
def declare_incident(body: IncidentIn, caller: CallerDep, session: SessionDep, now: NowDep) -> IncidentOut:
    """Declares an incident and applies its rules to what is there; sent again it returns the same one."""
    incident = incidents.declare(session, caller, **body.model_dump(), now=now)
    apply_incidents(session, incident.municipality_id, now)
    return IncidentOut.model_validate(incident)


@router.get("/incidents")
def list_incidents(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None,
    lasting: Annotated[bool | None, Query(description="true: those that have not ended")] = None,
    after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[IncidentOut]:  # fmt: skip
    """The newest first."""
    statement = incidents.visible_incidents(caller)
    if municipality_id is not None:
        statement = statement.where(Incident.municipality_id == municipality_id)
    if lasting is not None:
        statement = statement.where(Incident.ended_at.is_(None) if lasting else Incident.ended_at.is_not(None))
    rows, following = paginate(session, statement, Incident.id, after, limit, descending=True)
    return Page(items=[IncidentOut.model_validate(row) for row in rows], next=following)


@router.get("/incidents/{incident_id}")
def get_incident(incident_id: RowId, caller: ViewerDep, session: SessionDep) -> IncidentOut:
    return IncidentOut.model_validate(incidents.get_incident(session, caller, incident_id))


@router.put("/incidents/{incident_id}")
def change_incident(
    incident_id: RowId, body: IncidentChange, caller: CallerDep, session: SessionDep, now: NowDep
) -> IncidentOut:
    """Another area or other rules, at once."""
    incident = incidents.change(session, caller, incident_id, **body.model_dump(), now=now)
    apply_incidents(session, incident.municipality_id, now)
    return IncidentOut.model_validate(incident)


@router.post("/incidents/{incident_id}/end")
def end_incident(incident_id: RowId, caller: CallerDep, session: SessionDep, now: NowDep) -> IncidentOut:
    """From now on the usual rules hold again, for what is still open too."""
    incident = incidents.end(session, caller, incident_id, now)
    apply_incidents(session, incident.municipality_id, now)
    return IncidentOut.model_validate(incident)


@router.get("/incidents/{incident_id}/figures")
def get_figures(incident_id: RowId, caller: ViewerDep, session: SessionDep, now: NowDep) -> IncidentFiguresOut:
    """How it stands now; after its end, how it stood then."""
    incident = incidents.get_incident(session, caller, incident_id)
    return _figures_out(figures_of(session, incident, now))


@router.get("/incidents/{incident_id}/report")
def get_report(incident_id: RowId, caller: ViewerDep, session: SessionDep, now: NowDep) -> IncidentReportOut:
    """The closing report."""
    incident = incidents.get_incident(session, caller, incident_id)
    return IncidentReportOut(
        incident=IncidentOut.model_validate(incident),
        figures=_figures_out(figures_of(session, incident, now)),
        final=incident.ended_at is not None,
    )


@router.get("/recurrences.geojson", response_class=GeoJsonResponse)
def get_recurrences(
    caller: ViewerDep, session: SessionDep, now: NowDep, municipality_id: RowId,
    class_key: Annotated[ClassKey, Query(alias="class")] = "standing_water",
    first: Annotated[date | None, Query(description="without it five years before `last`")] = None,
    last: Annotated[date | None, Query(description="inclusive; without it today")] = None,
    least: Annotated[int, Query(ge=1, le=1000, description="episodes in the period, at least")] = 2,
) -> GeoJsonResponse:  # fmt: skip
    """Cells of 130 m where a class came back, and in which years: evidence for works that end it."""
    own = visible(select(Municipality.id), Municipality.id, caller).where(Municipality.id == municipality_id)
    if session.scalar(own) is None:
        raise NotFound("municipality.unknown", f"expected one of your municipalities, got id {municipality_id}")
    until = last or now.astimezone(ZONE).date()
    since = first or until.replace(year=until.year - 5, day=min(until.day, 28))
    if not since <= until or until.year - since.year > LONGEST_YEARS:
        raise Unprocessable("recurrence.period", f"expected first <= last within {LONGEST_YEARS} years")
    begins, ends = datetime.combine(since, time(), ZONE), datetime.combine(until, time.max, ZONE)
    return GeoJsonResponse(as_geojson(recurrences(session, municipality_id, class_key, begins, ends, least)))


def _figures_out(figures: IncidentFigures) -> IncidentFiguresOut:
    return IncidentFiguresOut.model_validate(figures)
