"""HTTP for blurring: say that a face or plate is legible, or that too much was blurred, and settle such reports."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from sqlalchemy import select

from service.accounts.caller import Caller, CallerDep, visible
from service.accounts.permissions import Permission, may
from service.core.api import (
    PROBLEMS,
    AfterQuery,
    LimitQuery,
    NowDep,
    Page,
    RuntimeDep,
    SessionDep,
    paginate,
)
from service.core.errors import Forbidden
from service.core.fields import NO_NUL, RowId
from service.privacy import reports
from service.privacy.models import BlurReport, BlurReportState
from service.privacy.reports import ReportKind

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["privacy"])


class BlurReportIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: ReportKind
    box_xyxy_px: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] = Field(description="upright pixels")
    note: str | None = Field(None, min_length=1, max_length=500, pattern=NO_NUL)


class BlurReportOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    municipality_id: int
    frame_id: int
    kind: ReportKind
    box_xyxy_px: tuple[float, float, float, float] = Field(description="upright pixels")
    note: str | None
    state: BlurReportState
    reported_by_id: int
    decided_by_id: int | None
    decided_at: datetime | None
    created_at: datetime


def person(permission: Permission, caller: Caller) -> Caller:
    if caller.user is None or not may(caller.role, permission):
        raise Forbidden("auth.permission", f"expected a user whose role may {permission.value}")
    return caller


def reporter(caller: CallerDep) -> Caller:
    """Whoever may look at frames may say what they see there."""
    return person(Permission.VIEW_FRAMES, caller)


def settler(caller: CallerDep) -> Caller:
    return person(Permission.MEND_FRAMES, caller)


ReporterDep = Annotated[Caller, Depends(reporter)]
SettlerDep = Annotated[Caller, Depends(settler)]


@router.post(
    "/frames/{frame_id}/blur-reports",
    status_code=201,
    responses={200: {"model": BlurReportOut, "description": "You reported this before, and it is still open"}},
)
def report_blur(
    frame_id: RowId, body: BlurReportIn, caller: ReporterDep, session: SessionDep, now: NowDep, response: Response
) -> BlurReportOut:
    """missing: a face or plate can be made out there. too_much: what was blurred there hides nobody."""
    report, new = reports.report_blur(session, caller, frame_id, body.kind, body.box_xyxy_px, body.note, now)
    response.status_code = 201 if new else 200
    return _out(report)


@router.get("/blur-reports")
def list_blur_reports(
    caller: SettlerDep, session: SessionDep, state: BlurReportState | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[BlurReportOut]:  # fmt: skip
    """The queue, oldest first."""
    statement = visible(select(BlurReport), BlurReport.municipality_id, caller)
    if state:
        statement = statement.where(BlurReport.state == state)
    rows, following = paginate(session, statement, BlurReport.id, after, limit)
    return Page(items=[_out(row) for row in rows], next=following)


@router.post("/blur-reports/{report_id}/blur")
def blur(report_id: RowId, caller: SettlerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep) -> BlurReportOut:
    """Makes the reported region illegible in the stored picture, for good; the picture before it is deleted."""
    return _out(reports.blur_reported(session, runtime, caller, report_id, now))


@router.post("/blur-reports/{report_id}/acknowledge")
def acknowledge(report_id: RowId, caller: SettlerDep, session: SessionDep, now: NowDep) -> BlurReportOut:
    """Closes a report of too much blurring as right; what lies under it was never kept."""
    return _out(reports.acknowledge(session, caller, report_id, now))


@router.post("/blur-reports/{report_id}/decline")
def decline(report_id: RowId, caller: SettlerDep, session: SessionDep, now: NowDep) -> BlurReportOut:
    """Closes a report as unfounded."""
    return _out(reports.decline(session, caller, report_id, now))


def _out(report: BlurReport) -> BlurReportOut:
    box = (report.x0_px, report.y0_px, report.x1_px, report.y1_px)
    fields = {name: getattr(report, name) for name in BlurReportOut.model_fields if name != "box_xyxy_px"}
    return BlurReportOut(**fields, box_xyxy_px=box)
