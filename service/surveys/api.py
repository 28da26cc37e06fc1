"""HTTP for surveys: send a frame, see every frame's state and the reason for it."""

from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, Response, UploadFile
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from sqlalchemy import select

from service.accounts.caller import Caller, CallerDep
from service.accounts.permissions import Permission, may
from service.core.api import (
    PICTURE_HEADERS,
    PROBLEMS,
    AfterQuery,
    LimitQuery,
    NowDep,
    Page,
    RuntimeDep,
    SessionDep,
    paginate,
    problems,
)
from service.core.errors import Forbidden, NotFound, RasidError, TooLarge, Unprocessable, UnsupportedMedia
from service.core.events import Event
from service.core.fields import NO_NUL, RowId
from service.core.storage import BlobMissing
from service.surveys import service
from service.surveys.door import take_frame
from service.surveys.models import Frame, FrameState, Survey
from service.surveys.schemas import EventOut, FrameMetadata, FrameOut, SurveyOut

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["surveys"])


def vehicle_caller(caller: CallerDep) -> Caller:
    if caller.vehicle is None:
        raise Forbidden("auth.vehicle", "expected a vehicle's key; register a vehicle and send its key")
    return caller


def viewer(caller: CallerDep) -> Caller:
    """A vehicle may see what became of its own frames; a user needs the permission."""
    if caller.vehicle is None and not may(caller.role, Permission.VIEW_FRAMES):
        raise Forbidden("auth.permission", "expected a role that may view frames")
    return caller


ViewerDep = Annotated[Caller, Depends(viewer)]
ReasonQuery = Annotated[str | None, Query(description="as /frames/reasons counts them", max_length=60, pattern=NO_NUL)]


@router.post(
    "/frames",
    response_model=FrameOut,
    status_code=201,
    responses=problems(413, 415) | {200: {"model": FrameOut, "description": "These bytes are here already"}},
)
def send_frame(
    caller: Annotated[Caller, Depends(vehicle_caller)],
    session: SessionDep,
    runtime: RuntimeDep,
    now: NowDep,
    response: Response,
    image: Annotated[UploadFile, File(description="JPEG, PNG or WebP")],
    metadata: Annotated[str, Form(description="FrameMetadata as JSON; what is left out is read from EXIF")] = "{}",
) -> FrameOut | Response:
    """Sends one frame. 201: new. 200: the same bytes came before. Otherwise a problem document that names the reason;
    a refused frame stays visible under its id with that reason and may be sent again with better metadata."""
    assert caller.vehicle is not None
    told = _parse_metadata(metadata)
    data = image.file.read(runtime.settings.max_image_bytes + 1)
    receipt = take_frame(session, runtime, caller.vehicle, data, image.filename or "", told, "multipart", now)
    if receipt.outcome is service.Outcome.REFUSED:
        return _refusal(receipt.frame)
    response.status_code = 201 if receipt.outcome is service.Outcome.NEW else 200
    return FrameOut.model_validate(receipt.frame)


@router.get("/frames")
def list_frames(
    caller: ViewerDep, session: SessionDep, state: FrameState | None = None, survey_id: RowId | None = None,
    reason_code: ReasonQuery = None, after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[FrameOut]:  # fmt: skip
    statement = service.visible_frames(caller)
    if state:
        statement = statement.where(Frame.state == state)
    if survey_id is not None:
        statement = statement.where(Frame.survey_id == survey_id)
    if reason_code is not None:
        statement = statement.where(Frame.reason_code == reason_code)
    rows, following = paginate(session, statement, Frame.id, after, limit)
    return Page(items=[FrameOut.model_validate(row) for row in rows], next=following)


@router.get("/frames/{frame_id}")
def get_frame(frame_id: RowId, caller: ViewerDep, session: SessionDep) -> FrameOut:
    return FrameOut.model_validate(service.get_frame(session, caller, frame_id))


@router.get("/frames/{frame_id}/events")
def list_frame_events(frame_id: RowId, caller: ViewerDep, session: SessionDep) -> list[EventOut]:
    service.get_frame(session, caller, frame_id)
    own = select(Event).where(Event.subject_kind == "frame", Event.subject_id == frame_id).order_by(Event.id)
    return [EventOut.model_validate(event) for event in session.scalars(own)]


@router.get(
    "/frames/{frame_id}/image",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "image/png": {}, "image/webp": {}}}},
)
def get_frame_image(frame_id: RowId, caller: ViewerDep, session: SessionDep, runtime: RuntimeDep) -> Response:
    """The image as stored; browsers turn it upright by its orientation tag."""
    frame = service.get_frame(session, caller, frame_id)
    if frame.blob_key is None:
        raise NotFound("frame.no_image", f"frame {frame_id} has no image: {frame.reason_code}")
    try:
        data = runtime.store.get(frame.blob_key)
    except BlobMissing as error:
        raise NotFound("image.missing", str(error)) from error
    return Response(data, media_type=frame.media_type, headers=PICTURE_HEADERS)


@router.get("/surveys")
def list_surveys(
    caller: ViewerDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[SurveyOut]:
    rows, following = paginate(session, service.visible_surveys(caller), Survey.id, after, limit)
    counts = service.count_frames(session, [row.id for row in rows])
    items = [
        SurveyOut(
            id=row.id,
            vehicle_id=row.vehicle_id,
            municipality_id=row.municipality_id,
            name=row.name,
            created_at=row.created_at,
            clock_offset_s=row.clock_offset_s,
            clock_spread_s=row.clock_spread_s,
            clock_frames=row.clock_frames,
            clock_applied_s=row.clock_applied_s,
            lens_code=row.lens_code,
            lens_share=row.lens_share,
            lens_checked_at=row.lens_checked_at,
            frames_by_state=counts[row.id],
        )
        for row in rows
    ]
    return Page(items=items, next=following)


def _parse_metadata(text: str) -> FrameMetadata:
    try:
        return FrameMetadata.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "metadata"
        raise Unprocessable("metadata.invalid", f"expected FrameMetadata as JSON; {where}: {first['msg']}") from error


def _refusal(frame: Frame) -> Response:
    """A problem document as an answer, not as an exception: the refused row must be committed."""
    code, detail = frame.reason_code or "", frame.reason_detail or ""
    kind: type[RasidError] = Unprocessable
    if code == "image.unsupported_format":
        kind = UnsupportedMedia
    elif code == "image.too_many_pixels":
        kind = TooLarge
    problem = kind(code, detail, frame_id=frame.id).problem()
    return JSONResponse(problem, status_code=kind.status, media_type="application/problem+json")
