"""HTTP for the reports centre: the list, one report, and what a person does with it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Response, UploadFile
from pydantic import Json

from service.accounts.caller import Caller, require
from service.accounts.permissions import Permission
from service.core.api import (
    PICTURE_HEADERS,
    PROBLEMS,
    AfterQuery,
    LimitQuery,
    NowDep,
    Page,
    RuntimeDep,
    SessionDep,
    problems,
)
from service.core.errors import NotFound
from service.core.fields import NO_NUL, RowId
from service.core.i18n import Language
from service.core.sheets import FILES, FileFormat, download
from service.defects.schemas import ClassKey, defect_out
from service.reports import centre
from service.reports.access import ReportFilter, get_photo, get_report, list_reports, list_updates
from service.reports.intake import NewReport, file_report
from service.reports.merging import merge_report, open_candidate, proposals_for
from service.reports.models import Report, ReportSource
from service.reports.people import Person, delete_reporter, read_reporter
from service.reports.photos import is_public, read_photo
from service.reports.schemas import (
    CandidateIn,
    MergeIn,
    NoteIn,
    PhotoOut,
    ProposalOut,
    ReferIn,
    ReopenIn,
    ReportDetail,
    ReporterOut,
    ReportIn,
    ReportOut,
    TakeIn,
    UpdateOut,
)
from service.reports.sheets import report_sheet
from service.reports.states import ReportState, allowed

READER = "GET /api/v1/reports/{report_id}/reporter"
router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["reports"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_REPORTS))]
AgentDep = Annotated[Caller, Depends(require(Permission.MANAGE_REPORTS))]
IMAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/*": {}}, "description": "the photo"}}


def wanted_reports(
    state: ReportState | None = None, class_key: ClassKey | None = None, municipality_id: RowId | None = None,
    source: ReportSource | None = None, defect_id: RowId | None = None,
    number: Annotated[str | None, Query(max_length=60, pattern=NO_NUL)] = None, unplaced: bool | None = None,
    since: datetime | None = None, until: datetime | None = None,
) -> ReportFilter:  # fmt: skip
    return ReportFilter(state, class_key, municipality_id, source, defect_id, number, unplaced, since, until)


WantedDep = Annotated[ReportFilter, Depends(wanted_reports)]


@router.get("/reports")
def get_reports(
    caller: ViewerDep, session: SessionDep, wanted: WantedDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[ReportOut]:
    """Reports of the caller's municipalities, the newest first; `state=received` waits for a person."""
    rows, following = list_reports(session, caller, wanted, after, limit)
    return Page(items=[ReportOut.model_validate(row) for row in rows], next=following)


@router.get("/reports.{format}", response_class=Response, responses=FILES)
def export_reports(
    format: FileFormat, caller: ViewerDep, runtime: RuntimeDep, wanted: WantedDep,  # noqa: A002
    lang: Language = Language.ENGLISH,
) -> Response:  # fmt: skip
    """All reports of the filter as CSV or Excel; who sent them is not in it."""
    return download("reports", format, report_sheet(runtime.database, caller, wanted, lang))


@router.post(
    "/reports", status_code=201,
    responses={**problems(413, 415), 200: {"model": ReportDetail, "description": "This very report is here already"}},
)  # fmt: skip
def create_report(
    caller: AgentDep, session: SessionDep, runtime: RuntimeDep, now: NowDep, response: Response,
    report: Annotated[Json[ReportIn], Form(description="JSON of the report")],
    photos: Annotated[list[UploadFile] | None, File()] = None,
) -> ReportDetail:  # fmt: skip
    """Writes down what somebody tells on the telephone; photos may come with it."""
    if report.municipality_id is not None and not caller.sees(report.municipality_id):
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {report.municipality_id}")
    told = report.model_dump(exclude={"person", "source"})
    if report.lat is None and report.municipality_id is None and len(own := [*(caller.municipality_ids or ())]) == 1:
        told["municipality_id"] = own[0]  # an address that was told to the desk of one municipality
    new = NewReport(**told, source=ReportSource(report.source), person=Person(**report.person.model_dump()))
    filed, is_new = file_report(session, runtime, new, [one.file.read() for one in photos or []], caller.actor, now)
    get_report(session, caller, filed.id)  # a place in a neighbour's municipality is none of the caller's
    response.status_code = 201 if is_new else 200
    return _detail(session, filed)


@router.get("/reports/{report_id}")
def show_report(report_id: RowId, caller: ViewerDep, session: SessionDep) -> ReportDetail:
    """A report with its photos and public steps."""
    return _detail(session, get_report(session, caller, report_id))


@router.get("/reports/{report_id}/proposals")
def get_proposals(report_id: RowId, caller: ViewerDep, session: SessionDep) -> list[ProposalOut]:
    """The known defects that it may mean, the likeliest first, with the evidence."""
    return [
        ProposalOut(
            defect=defect_out(one.proposal.defect), distance_m=one.proposal.distance_m,
            mahalanobis=one.proposal.mahalanobis2**0.5, log_ratio=one.proposal.log_ratio, chance=one.chance,
        )
        for one in proposals_for(session, get_report(session, caller, report_id))
    ]  # fmt: skip


@router.get("/reports/{report_id}/photos/{photo_id}", response_class=Response, responses=IMAGE)
def show_photo(
    report_id: RowId, photo_id: RowId, caller: ViewerDep, session: SessionDep, runtime: RuntimeDep
) -> Response:
    """A photo as it is stored."""
    photo = get_photo(session, get_report(session, caller, report_id), photo_id)
    data, media_type = read_photo(runtime, photo, photo_id)
    return Response(data, media_type=media_type, headers=PICTURE_HEADERS)


@router.get("/reports/{report_id}/reporter")
def show_reporter(report_id: RowId, caller: AgentDep, session: SessionDep, now: NowDep) -> ReporterOut:
    """Who sent it. That you read this is recorded."""
    found = read_reporter(session, get_report(session, caller, report_id), caller.actor, READER, now)
    if found is None:
        raise NotFound("report.reporter", f"expected a reporter who is kept, report {report_id} has none")
    return ReporterOut.model_validate(found)


@router.delete("/reports/{report_id}/reporter", status_code=204)
def forget_reporter(report_id: RowId, caller: AgentDep, session: SessionDep, now: NowDep) -> None:
    """Deletes who sent it, at their wish; the report stays."""
    delete_reporter(session, get_report(session, caller, report_id), caller.actor, "asked for", now)


@router.post("/reports/{report_id}/take")
def take(
    report_id: RowId, body: TakeIn, caller: AgentDep, session: SessionDep, runtime: RuntimeDep, now: NowDep
) -> ReportDetail:
    """You look after it; says what it is and where, where that was missing."""
    found = get_report(session, caller, report_id)
    return _detail(session, centre.take(session, runtime.settings, caller, found, now, **body.model_dump()))


@router.post("/reports/{report_id}/merge")
def merge(report_id: RowId, body: MergeIn, caller: AgentDep, session: SessionDep, now: NowDep) -> ReportDetail:
    """It means this known defect."""
    found = get_report(session, caller, report_id)
    return _detail(session, merge_report(session, found, body.defect_id, caller.actor, now))


@router.post("/reports/{report_id}/candidate")
def make_candidate(
    report_id: RowId, body: CandidateIn, caller: AgentDep, session: SessionDep, now: NowDep
) -> ReportDetail:
    """It means nothing that is known: opens a candidate defect for inspection."""
    found = get_report(session, caller, report_id)
    return _detail(session, open_candidate(session, found, body.class_key, caller.actor, now))


@router.post("/reports/{report_id}/refer")
def refer(report_id: RowId, body: ReferIn, caller: AgentDep, session: SessionDep, now: NowDep) -> ReportDetail:
    """Hands it to another agency; with a connection it is posted there."""
    found = get_report(session, caller, report_id)
    return _detail(session, centre.refer(session, caller, found, body.agency, body.note, body.connection, now))


@router.post("/reports/{report_id}/answer")
def answer(report_id: RowId, body: NoteIn, caller: AgentDep, session: SessionDep, now: NowDep) -> UpdateOut:
    """Writes to the reporter; the words are public."""
    found = get_report(session, caller, report_id)
    return UpdateOut.model_validate(centre.answer(session, caller, found, body.note, now))


@router.post("/reports/{report_id}/reject")
def reject(report_id: RowId, body: NoteIn, caller: AgentDep, session: SessionDep, now: NowDep) -> ReportDetail:
    """Nothing will be done, for a reason that the reporter is told."""
    return _detail(session, centre.reject(session, caller, get_report(session, caller, report_id), body.note, now))


@router.post("/reports/{report_id}/close")
def close(report_id: RowId, body: NoteIn, caller: AgentDep, session: SessionDep, now: NowDep) -> ReportDetail:
    """Ends it with an answer; reports of a defect close by themselves."""
    return _detail(session, centre.close(session, caller, get_report(session, caller, report_id), body.note, now))


@router.post("/reports/{report_id}/reopen")
def reopen(report_id: RowId, body: ReopenIn, caller: AgentDep, session: SessionDep, now: NowDep) -> ReportDetail:
    """Takes up again what was closed or rejected."""
    return _detail(session, centre.reopen(session, caller, get_report(session, caller, report_id), body.note, now))


def _detail(session: SessionDep, report: Report) -> ReportDetail:
    own = f"/api/v1/reports/{report.id}"
    kept = [one for one in report.photos if one.blob_key is not None]
    return ReportDetail(
        **ReportOut.model_validate(report).model_dump(),
        actions=allowed(report.state),
        photos=[PhotoOut(id=one.id, url=f"{own}/photos/{one.id}", public=is_public(one)) for one in kept],
        updates=[UpdateOut.model_validate(one) for one in list_updates(session, report.id)],
    )
