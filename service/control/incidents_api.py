"""HTTP for incidents: declare, change, end, follow while they last, report when they are over; water over the years."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, CallerDep, require, visible
from service.accounts.models import Municipality
from service.accounts.permissions import Permission, Role
from service.control import incident_report
from service.control.incident_paper import report_pdf
from service.control.incident_schemas import (
    IncidentChange,
    IncidentFiguresOut,
    IncidentIn,
    IncidentOut,
    IncidentReportOut,
)
from service.control.recurrence import HEAD, Recurrence, as_geojson, as_rows, period, recurrences
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.errors import Forbidden, NotFound
from service.core.fields import RowId
from service.core.i18n import Language
from service.core.sheets import FileFormat, Sheet, download
from service.coverage.api import GeoJsonResponse
from service.defects.schemas import ClassKey
from service.incidents import service as incidents
from service.incidents.models import Incident
from service.incidents.rules import DEFAULTS, IncidentKind
from service.work_orders.emergencies import apply_incidents

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["incidents"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]


def not_of_a_unit(caller: ViewerDep) -> Caller:
    """What names the orders and costs of all units is not for the users of one."""
    if caller.role is Role.UNIT:
        raise Forbidden("auth.permission", "expected a role that sees the orders of all units, got unit")
    return caller


OfficeDep = Annotated[Caller, Depends(not_of_a_unit)]
PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}}}
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
ClassQuery = Annotated[ClassKey, Query(alias="class")]
FirstQuery = Annotated[date | None, Query(description="without it five years before `last`")]
LastQuery = Annotated[date | None, Query(description="inclusive; without it today")]
LeastQuery = Annotated[int, Query(ge=1, le=1000, description="episodes in the period, at least")]


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
    """From now on the usual rules hold again, for what is still open too; its report is kept as it is now."""
    incident = incident_report.end_incident(session, caller, incident_id, now)
    return IncidentOut.model_validate(incident)


@router.get("/incidents/{incident_id}/figures")
def get_figures(incident_id: RowId, caller: ViewerDep, session: SessionDep, now: NowDep) -> IncidentFiguresOut:
    """How it stands now; after its end, how it stood then."""
    incident = incidents.get_incident(session, caller, incident_id)
    return incident_report.figures_at(session, incident, now)


@router.get("/incidents/{incident_id}/report")
def get_report(incident_id: RowId, caller: OfficeDep, session: SessionDep, now: NowDep) -> IncidentReportOut:
    """The closing report, as it was kept when the incident ended; while it lasts, how it stands."""
    incident = incidents.get_incident(session, caller, incident_id)
    return incident_report.report_of(session, incident, now)


@router.get("/incidents/{incident_id}/report.pdf", response_class=Response, responses=PDF)
def get_report_pdf(
    incident_id: RowId, caller: OfficeDep, session: SessionDep, now: NowDep, language: Language = Language.ARABIC
) -> Response:
    """The same as a document; of an incident that has ended always the same bytes."""
    incident = incidents.get_incident(session, caller, incident_id)
    data = report_pdf(incident_report.report_of(session, incident, now), language)
    name = f"incident-{incident_id}-{'closing' if incident.ended_at else 'interim'}-{language.value}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(data, media_type="application/pdf", headers=headers)


@router.get("/recurrences.geojson", response_class=GeoJsonResponse)
def get_recurrences(
    caller: OfficeDep, session: SessionDep, now: NowDep, municipality_id: RowId,
    class_key: ClassQuery = "standing_water", first: FirstQuery = None, last: LastQuery = None, least: LeastQuery = 2,
) -> GeoJsonResponse:  # fmt: skip
    """Cells of 130 m where a class came back, in which years, with how many orders and at what cost: evidence for works
    that end it."""
    return GeoJsonResponse(as_geojson(_found(session, caller, now, municipality_id, class_key, first, last, least)))


@router.get("/recurrences.csv", response_class=Response, responses=CSV)
def get_recurrence_table(
    caller: OfficeDep, session: SessionDep, now: NowDep, municipality_id: RowId,
    class_key: ClassQuery = "standing_water", first: FirstQuery = None, last: LastQuery = None, least: LeastQuery = 2,
) -> Response:  # fmt: skip
    """The same cells as a table, the place their middle."""
    found = _found(session, caller, now, municipality_id, class_key, first, last, least)
    return download(f"recurrences-{class_key}", FileFormat.CSV, Sheet(HEAD, as_rows(found)))


def _found(
    session: Session, caller: Caller, now: datetime, municipality_id: int, class_key: str, first: date | None,
    last: date | None, least: int,
) -> list[Recurrence]:  # fmt: skip
    own = visible(select(Municipality.id), Municipality.id, caller).where(Municipality.id == municipality_id)
    if session.scalar(own) is None:
        raise NotFound("municipality.unknown", f"expected one of your municipalities, got id {municipality_id}")
    return recurrences(session, municipality_id, class_key, *period(first, last, now), least)
