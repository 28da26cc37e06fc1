"""HTTP for what was refused: why, and the ways to mend it, in bulk; tracks and clocks of surveys.

Register this router before the surveys' own: /frames/reasons must not be read as a frame's id.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, File, Response, UploadFile
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, CallerDep
from service.accounts.permissions import Permission, may
from service.core.api import PROBLEMS, NowDep, RuntimeDep, SessionDep, problems
from service.core.errors import Forbidden, TooLarge, Unprocessable
from service.core.fields import RowId
from service.surveys import clock_service, mending
from service.surveys.api import ViewerDep
from service.surveys.mending import MendResult
from service.surveys.mending_schemas import (
    MOST_FRAMES,
    ClockIn,
    ClockOut,
    FrameMendOut,
    MendIn,
    MendOut,
    ReasonOut,
    SelectionIn,
    ShiftIn,
    TrackOut,
    TrackReceiptOut,
)
from service.surveys.models import Frame, FrameState, Survey, Track
from service.surveys.service import survey_of, visible_frames
from service.surveys.tracks import TrackRefused, keep_track

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["surveys"])


def mender(caller: CallerDep) -> Caller:
    """A vehicle may mend its own frames; a user needs the permission."""
    if caller.vehicle is None and not may(caller.role, Permission.MEND_FRAMES):
        raise Forbidden("auth.permission", "expected a role that may mend frames")
    return caller


def person(caller: Annotated[Caller, Depends(mender)]) -> Caller:
    if caller.user is None:
        raise Forbidden("auth.person", "expected a person's word; sign in as a user that may mend frames")
    return caller


MenderDep = Annotated[Caller, Depends(mender)]
PersonDep = Annotated[Caller, Depends(person)]
TrackFile = Annotated[UploadFile, File(description="GPX 1.0 or 1.1, or mapillary_image_description.json")]


@router.get("/frames/reasons")
def count_reasons(
    caller: ViewerDep, session: SessionDep, survey_id: RowId | None = None, state: FrameState | None = None
) -> list[ReasonOut]:
    """How many frames there are in each state and for each reason, most first."""
    own = visible_frames(caller)
    own = own.where(Frame.survey_id == survey_id) if survey_id is not None else own
    own = own.where(Frame.state == state) if state else own
    counted = own.with_only_columns(Frame.state, Frame.reason_code, func.count()).group_by(
        Frame.state, Frame.reason_code
    )
    rows = session.execute(counted.order_by(func.count().desc(), Frame.state, Frame.reason_code))
    return [ReasonOut(state=state, reason_code=code, frames=count) for state, code, count in rows]


@router.post("/frames/mend")
def mend(told: MendIn, caller: MenderDep, session: SessionDep, now: NowDep) -> MendOut:
    """Gives frames the place, time or heading that they lack or have wrong."""
    mends = {one.id: mending.Mend(one.lat, one.lon, one.captured_at, one.heading_deg) for one in told.frames}
    return _answer(session, told.dry_run, lambda: mending.mend_frames(session, caller, mends, now))


@router.post("/frames/shift")
def shift(told: ShiftIn, caller: MenderDep, session: SessionDep, now: NowDep) -> MendOut:
    """Moves the times of a selection by seconds: for a clock that was wrong by a known amount."""
    ids, following = _chosen(session, caller, told)
    key = str(told.request_id)
    return _answer(
        session, told.dry_run, lambda: mending.shift_times(session, caller, ids, told.shift_s, key, now), following
    )


@router.post("/frames/accept")
def accept(told: SelectionIn, caller: PersonDep, session: SessionDep, now: NowDep) -> MendOut:
    """Takes frames as they are in spite of the rule that set them aside."""
    ids, following = _chosen(session, caller, told)
    return _answer(session, told.dry_run, lambda: mending.accept_frames(session, caller, ids, now), following)


@router.post("/frames/retry")
def retry(told: SelectionIn, caller: MenderDep, session: SessionDep, now: NowDep) -> MendOut:
    """Takes refused and failed frames in again where they now can be."""
    ids, following = _chosen(session, caller, told)
    return _answer(session, told.dry_run, lambda: mending.retry_frames(session, caller, ids, now), following)


@router.post("/frames/delete")
def delete(told: SelectionIn, caller: MenderDep, session: SessionDep, now: NowDep) -> MendOut:
    """Deletes the pictures of frames that were not processed; their rows stay and say who did it."""
    ids, following = _chosen(session, caller, told)
    return _answer(session, told.dry_run, lambda: mending.delete_frames(session, caller, ids, now), following)


@router.post(
    "/surveys/{survey:path}/tracks",
    response_model=TrackReceiptOut,
    status_code=201,
    responses=problems(413) | {200: {"model": TrackReceiptOut, "description": "These bytes are here already"}},
)
def send_track(
    survey: str, track: TrackFile, caller: MenderDep, session: SessionDep, runtime: RuntimeDep, now: NowDep,
    response: Response,
) -> TrackReceiptOut:  # fmt: skip
    """Where the vehicle was: places the frames of the survey that state no place of their own, those that came and
    those that will. A vehicle names its survey, new or not; a user gives the id."""
    limit = runtime.settings.max_image_bytes
    data = track.file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge("track.too_many_bytes", f"expected at most {limit} bytes, got more; send one drive a file")
    try:
        receipt = keep_track(session, _survey(session, caller, survey), data, track.filename or "", now, caller.actor)
    except TrackRefused as refused:
        raise Unprocessable(refused.code, refused.detail) from refused
    response.status_code = 201 if receipt.new else 200
    return TrackReceiptOut(**_track_out(receipt.track).model_dump(), placed=receipt.placed)


@router.get("/surveys/{survey_id}/tracks")
def list_tracks(survey_id: RowId, caller: ViewerDep, session: SessionDep) -> list[TrackOut]:
    survey = clock_service.find_survey(session, caller, survey_id)
    own = select(Track).where(Track.survey_id == survey.id).order_by(Track.id)
    return [_track_out(track) for track in session.scalars(own)]


@router.get("/surveys/{survey_id}/clock")
def show_clock(survey_id: RowId, caller: ViewerDep, session: SessionDep) -> ClockOut:
    """The camera's clock against GPS time, measured over the survey's frames, and what is done with it."""
    return _clock_out(session, clock_service.find_survey(session, caller, survey_id))


@router.post("/surveys/{survey_id}/clock")
def set_clock(survey_id: RowId, told: ClockIn, caller: PersonDep, session: SessionDep, now: NowDep) -> ClockOut:
    """Confirms what to take off the camera's times, or takes it back before it is used."""
    return _clock_out(session, clock_service.confirm_clock(session, caller, survey_id, told.offset_s, now))


def _chosen(session: Session, caller: Caller, told: SelectionIn) -> tuple[list[int], int | None]:
    """The ids of the selection, at most MOST_FRAMES, and where to go on. Ids that were named stay, visible or not:
    each has its answer."""
    if told.frame_ids is not None:
        return told.frame_ids, None
    own = visible_frames(caller).where(Frame.id > told.after)
    own = own.where(Frame.survey_id == told.survey_id) if told.survey_id else own
    own = own.where(Frame.state == told.state) if told.state else own
    own = own.where(Frame.reason_code == told.reason_code) if told.reason_code else own
    ids = list(session.scalars(own.with_only_columns(Frame.id).order_by(Frame.id).limit(MOST_FRAMES + 1)))
    return ids[:MOST_FRAMES], (ids[MOST_FRAMES - 1] if len(ids) > MOST_FRAMES else None)


def _answer(
    session: Session, dry_run: bool, work: Callable[[], Sequence[MendResult]], following: int | None = None
) -> MendOut:
    """A dry run is the real work, rolled back."""
    if not dry_run:
        results = work()
    else:
        with session.begin_nested() as attempt:
            results = work()
            attempt.rollback()
    return MendOut(dry_run=dry_run, results=[FrameMendOut.model_validate(one) for one in results], next=following)


def _survey(session: Session, caller: Caller, told: str) -> Survey:
    if told.isascii() and told.isdigit() and len(told) < 19:
        return clock_service.find_survey(session, caller, int(told))
    if caller.vehicle is None:
        raise Unprocessable("survey.id", f"expected the id of a survey, got {told[:80]!r}")
    if not 0 < len(told) <= 120 or "\0" in told:
        raise Unprocessable("survey.name", f"expected a name of 1 to 120 characters, got {len(told)}")
    return survey_of(session, caller.vehicle, told)


def _track_out(track: Track) -> TrackOut:
    return TrackOut(
        id=track.id, survey_id=track.survey_id, filename=track.filename, sha256=track.sha256,
        starts_at=track.starts_at, ends_at=track.ends_at, points=len(track.points["at_s"]),
        created_at=track.created_at,
    )  # fmt: skip


def _clock_out(session: Session, survey: Survey) -> ClockOut:
    state = clock_service.read_clock(session, survey)
    reading = state.reading
    return ClockOut(
        survey_id=survey.id,
        offset_s=reading.offset_s if reading else None,
        zone_s=reading.zone_s if reading else None,
        drift_s=reading.drift_s if reading else None,
        spread_s=reading.spread_s if reading else None,
        frames=reading.frames if reading else 0,
        doubt=state.doubt,
        applied_s=survey.clock_applied_s,
        confirmed_by_id=survey.clock_confirmed_by_id,
        frames_used=state.used,
        frames_waiting=state.waiting,
    )
