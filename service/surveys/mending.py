"""Mends frames in bulk: a new place or time, a shift of times, acceptance against the track's rules, another try,
deletion. Each call may come twice, each frame has its own answer, and nothing is lost without an event.

A processed frame may be changed as long as nothing rests on it that would not go with it: no detection, no check. It
was counted as coverage, so its day is asked to be counted anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.core.events import Event, record
from service.core.queue import enqueue
from service.core.runtime import Runtime
from service.core.tables import Base, JsonObject
from service.surveys.geotag import BadGeotag, check_geotag, compass, keepable
from service.surveys.models import Frame, FrameState
from service.surveys.placing import DELETED, settle
from service.surveys.service import enqueue_survey, visible_frames
from service.surveys.track_checks import OUTSIDE, RULES

DELETE_BLOB = "delete_blob"  # the jobs; their names are the contract between this room and `service.jobs`
RECOUNT_COVERAGE = "recount_coverage"
ACCEPTABLE = {*RULES, OUTSIDE}


class MendOutcome(StrEnum):
    CHANGED = "changed"
    UNCHANGED = "unchanged"  # it was so already
    NOT_DONE = "not_done"


@dataclass(frozen=True)
class MendResult:
    """What became of one frame. `code` and `detail` say why it was not done; `state` and `reason_code` are the frame's
    own afterwards: a mended frame may still be refused for another reason."""

    frame_id: int
    outcome: MendOutcome
    state: FrameState | None = None
    reason_code: str | None = None
    code: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Mend:
    """What is told of one frame; None leaves a part as it is. A place is both coordinates."""

    lat: float | None = None
    lon: float | None = None
    captured_at: datetime | None = None
    heading_deg: float | None = None


class NotDone(Exception):
    """Why one frame stays as it is; never leaves this module."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


PlaceDay: TypeAlias = tuple[int, date]  # a municipality and a UTC day
Change: TypeAlias = Callable[[Frame], bool]  # whether it changed anything; raises NotDone or BadGeotag before it did


def mend_frames(session: Session, caller: Caller, told: dict[int, Mend], now: datetime) -> list[MendResult]:
    """Gives each frame the place, time or heading told of it and takes it in if it now can be."""

    def change(frame: Frame) -> bool:
        _refuse_held(session, frame)
        _refuse_without_picture(frame)
        return _tell(session, frame, told[frame.id], "person" if caller.user else "metadata", now)

    return _each(session, caller, list(told), "mend", change, now)


def shift_times(
    session: Session, caller: Caller, frame_ids: Sequence[int], shift_s: float, request_id: str, now: datetime
) -> list[MendResult]:
    """Moves the frames' times by `shift_s`; a frame that was moved under this `request_id` stays where it is."""
    moved = _moved_before(session, frame_ids, request_id)

    def change(frame: Frame) -> bool:
        if frame.id in moved:
            return False
        _refuse_held(session, frame)
        _refuse_without_picture(frame)
        if frame.captured_at is None:
            raise NotDone("time.missing", "expected a frame with a time; give it one, or confirm the survey's clock")
        try:
            later = frame.captured_at + timedelta(seconds=shift_s)
        except OverflowError as error:
            raise NotDone("time.out_of_range", f"expected a time after the shift, got {shift_s} s") from error
        return _tell(session, frame, Mend(captured_at=later), "person" if caller.user else "metadata", now)

    return _each(session, caller, frame_ids, "shift", change, now, {"request_id": request_id, "shift_s": shift_s})


def accept_frames(session: Session, caller: Caller, frame_ids: Sequence[int], now: datetime) -> list[MendResult]:
    """A person's word that frames are right in spite of the track: they are not set aside again."""

    def change(frame: Frame) -> bool:
        if frame.accepted_as_is and frame.reason_code not in ACCEPTABLE:
            return False
        _refuse_without_picture(frame)
        if frame.lat is None or (frame.state is not FrameState.RECEIVED and frame.reason_code not in ACCEPTABLE):
            raise NotDone(
                "frame.not_acceptable", f"expected one of {sorted(ACCEPTABLE)}, got {frame.reason_code}; mend it"
            )
        frame.accepted_as_is = True
        settle(session, frame, now)
        return True

    return _each(session, caller, frame_ids, "accept", change, now)


def retry_frames(session: Session, caller: Caller, frame_ids: Sequence[int], now: datetime) -> list[MendResult]:
    """Takes refused and failed frames in again where they now can be; the others keep their reason."""

    def change(frame: Frame) -> bool:
        if frame.state in (FrameState.RECEIVED, FrameState.PROCESSED):
            return False
        _refuse_without_picture(frame)
        before = frame.reason_code
        settle(session, frame, now)
        if frame.state is FrameState.REFUSED and frame.reason_code == before:
            raise NotDone(frame.reason_code or "", frame.reason_detail or "")
        return True

    return _each(session, caller, frame_ids, "retry", change, now)


def delete_frames(session: Session, caller: Caller, frame_ids: Sequence[int], now: datetime) -> list[MendResult]:
    """Deletes the pictures; each row stays and says who did it. A frame that a detection rests on is kept."""

    def change(frame: Frame) -> bool:
        if frame.reason_code == DELETED:
            return False
        _refuse_held(session, frame)
        if frame.blob_key:
            enqueue(session, DELETE_BLOB, lock=f"blob:{frame.blob_key}", key=frame.blob_key)
        frame.state, frame.reason_code, frame.blob_key = FrameState.REFUSED, DELETED, None
        frame.reason_detail = f"deleted by {caller.actor.kind} {caller.actor.id}"
        frame.image_deleted_at = frame.image_deleted_at or now
        return True

    return _each(session, caller, frame_ids, "delete", change, now)


def delete_blob(runtime: Runtime, key: str) -> None:
    """Deletes a stored file unless a frame still has it: two vehicles may have sent the same picture."""
    with runtime.database.transaction() as session:
        if session.scalar(select(func.count(Frame.id)).where(Frame.blob_key == key)):
            return
    runtime.store.delete(key)


def _each(
    session: Session, caller: Caller, frame_ids: Sequence[int], action: str, change: Change, now: datetime,
    data: JsonObject | None = None,
) -> list[MendResult]:  # fmt: skip
    """One result for each id in the order given, whatever becomes of the others."""
    own = visible_frames(caller).where(Frame.id.in_(frame_ids)).order_by(Frame.captured_at, Frame.id).with_for_update()
    frames = list(session.scalars(own))
    counted = {frame.id: _place_day(frame) for frame in frames if frame.state is FrameState.PROCESSED}
    results = {frame.id: _one(session, caller, frame, action, change, now, data or {}) for frame in frames}
    session.flush()
    _recount(session, {counted.get(one.frame_id) for one in results.values() if one.outcome is MendOutcome.CHANGED})
    received = select(Frame.survey_id).distinct().where(
        Frame.id.in_([one.frame_id for one in results.values() if one.outcome is MendOutcome.CHANGED]),
        Frame.state == FrameState.RECEIVED,
    )  # fmt: skip
    for survey_id in session.scalars(received.order_by(Frame.survey_id)):
        enqueue_survey(session, survey_id)
    return [results.get(frame_id) or _unknown(frame_id) for frame_id in dict.fromkeys(frame_ids)]


def _one(
    session: Session, caller: Caller, frame: Frame, action: str, change: Change, now: datetime, data: JsonObject
) -> MendResult:
    state, reason, said = frame.state, frame.reason_code, _said(frame)
    try:
        changed = change(frame)
    except (NotDone, BadGeotag) as why:
        return MendResult(frame.id, MendOutcome.NOT_DONE, frame.state, frame.reason_code, why.code, why.detail)
    if not changed:
        return MendResult(frame.id, MendOutcome.UNCHANGED, frame.state, frame.reason_code)
    frame.attempts = 0
    record(
        session, at=now, actor=caller.actor, subject_kind="frame", subject_id=frame.id, action=action,
        municipality_id=frame.municipality_id, from_state=state.value, to_state=frame.state.value,
        data=data | {"reason_before": reason, "reason": frame.reason_code, "before": said, "after": _said(frame)},
    )  # fmt: skip
    return MendResult(frame.id, MendOutcome.CHANGED, frame.state, frame.reason_code)


def _tell(session: Session, frame: Frame, told: Mend, source: str, now: datetime) -> bool:
    """Checks what is told before anything is written; whether it said anything new. Raises BadGeotag."""
    placed = told.lat is not None or told.lon is not None
    stamp = told.captured_at
    if stamp and keepable(stamp) is None:
        raise BadGeotag("time.out_of_range", f"expected a time of this century, got {stamp.isoformat()}")
    check_geotag(told.lat if placed else 1, told.lon if placed else 1, stamp or now, None, source, now)
    before = _said(frame)
    if placed and (told.lat, told.lon) != (frame.lat, frame.lon):
        frame.gps_dop = frame.gps_sd_m = None  # they were of the place before
    if placed:
        frame.lat, frame.lon, frame.position_source = told.lat, told.lon, source
    if stamp:
        frame.captured_at, frame.time_source = stamp, source
    if told.heading_deg is not None:
        frame.heading_deg, frame.heading_source = compass(told.heading_deg), source
    if frame.state in (FrameState.RECEIVED, FrameState.PROCESSED) and _said(frame) == before:
        return False
    state, reason = frame.state, frame.reason_code
    settle(session, frame, now)
    return (frame.state, frame.reason_code, _said(frame)) != (state, reason, before)


def _place_day(frame: Frame) -> PlaceDay | None:
    """Where and on which UTC day a processed frame counts as coverage."""
    return (frame.municipality_id, frame.captured_at.astimezone(UTC).date()) if frame.captured_at else None


def _recount(session: Session, days: set[PlaceDay | None]) -> None:
    """By a job each, kept or lost with the change: coverage lies above this room, and a day takes a while to count."""
    for municipality_id, day in sorted(one for one in days if one):
        lock = f"coverage:{municipality_id}:{day}"
        enqueue(session, RECOUNT_COVERAGE, lock=lock, municipality_id=municipality_id, day=day.isoformat())


def _refuse_without_picture(frame: Frame) -> None:
    if frame.reason_code == DELETED:
        raise NotDone(DELETED, "expected a frame with its picture, this one was deleted; send another picture")
    if frame.blob_key is None or frame.image_deleted_at:
        raise NotDone("frame.no_image", f"expected a readable picture, got {frame.reason_code}; send the file again")


def _refuse_held(session: Session, frame: Frame) -> None:
    """A processed frame is held by what refers to it and would not go with it: foreign keys without ON DELETE."""
    if frame.state is not FrameState.PROCESSED:
        return
    keys = (key for table in Base.metadata.tables.values() for key in table.foreign_keys)
    holders = [key.parent for key in keys if key.column is Frame.__table__.c.id and key.ondelete is None]
    for holder in holders:
        if session.scalar(select(literal(1)).where(holder == frame.id).limit(1)):
            detail = f"expected a frame on which nothing rests, a {holder.table.name} rests on this one; it stays"
            raise NotDone("frame.processed", detail)


def _moved_before(session: Session, frame_ids: Sequence[int], request_id: str) -> set[int]:
    moved = select(Event.subject_id).where(
        Event.subject_kind == "frame", Event.subject_id.in_(frame_ids), Event.action == "shift",
        Event.data["request_id"].astext == request_id,
    )  # fmt: skip
    return set(session.scalars(moved))


def _said(frame: Frame) -> JsonObject:
    """Place, time and heading as an event keeps them."""
    at = frame.captured_at.isoformat() if frame.captured_at else None
    return {"lat": frame.lat, "lon": frame.lon, "captured_at": at, "heading_deg": frame.heading_deg}


def _unknown(frame_id: int) -> MendResult:
    detail = f"expected a frame that you may see, got id {frame_id}"
    return MendResult(frame_id, MendOutcome.NOT_DONE, code="frame.unknown", detail=detail)
