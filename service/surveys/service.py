"""Receives frames: each one becomes exactly one row, whatever it is and however often it comes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import takewhile
from pathlib import PurePath

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.models import Vehicle
from service.core.errors import NotFound
from service.core.events import SYSTEM, Actor, record
from service.core.queue import enqueue
from service.core.storage import Store
from service.core.telemetry import FRAMES_RECEIVED
from service.surveys.blurring import BlurredUpload
from service.surveys.models import FootageUse, Frame, FrameState, Survey
from service.surveys.placing import DELETED, settle, write_stated
from service.surveys.reading import Refusal, Upload

PROCESS_SURVEY = "process_survey"  # the job; its name is the contract between this room and `service.jobs`
ALONE_AFTER, MAX_ATTEMPTS = 2, 5


class Outcome(StrEnum):
    NEW = "new"
    AGAIN = "again"
    REFUSED = "refused"


@dataclass(frozen=True)
class Receipt:
    frame: Frame
    outcome: Outcome


def receive_frame(
    session: Session, store: Store, vehicle: Vehicle, upload: Upload, blur: Callable[[], BlurredUpload], filename: str,
    survey_name: str | None, now: datetime, came_by: str = "multipart",
) -> Receipt:  # fmt: skip
    """Stores what `blur` leaves of the image, writes its row and asks for processing, all or nothing.

    Safe to call again with the same bytes: a frame that was refused for its place or time, or failed in
    processing, is taken when it comes again; one that a person deleted is not. The blob is put before the row: a crash
    between the two leaves at most a file without a row, which the next try overwrites.
    """
    survey = survey_of(session, vehicle, survey_name or f"{_day(upload, now)}")
    frame, fresh = _frame_row(session, vehicle, survey, upload, filename)
    wanted = fresh or (frame.state in {FrameState.REFUSED, FrameState.FAILED} and frame.reason_code != DELETED)
    if not wanted:
        return _receipt(frame, Outcome.AGAIN)
    before = None if fresh else frame.state.value
    if upload.media_type:
        blurred = blur()
        digest = hashlib.sha256(blurred.data).hexdigest()
        frame.blob_key, frame.blur = f"frames/{digest[:2]}/{digest}", blurred.told
        store.put(frame.blob_key, blurred.data)
    frame.survey_id, frame.attempts, frame.came_by = survey.id, 0, came_by
    _describe(session, frame, upload, now)
    if frame.state.value != before:
        record(
            session, at=now, actor=Actor("vehicle", vehicle.id), subject_kind="frame", subject_id=frame.id,
            action="receive", municipality_id=frame.municipality_id, from_state=before, to_state=frame.state.value,
            data={"reason": frame.reason_code} if frame.reason_code else {},
        )  # fmt: skip
    if frame.state is FrameState.REFUSED:
        return _receipt(frame, Outcome.REFUSED)
    enqueue_survey(session, survey.id)
    return _receipt(frame, Outcome.NEW)


def visible_frames(caller: Caller) -> Select[Frame]:
    """A user sees the frames of their municipalities, a vehicle only its own."""
    statement = select(Frame)
    if caller.vehicle:
        return statement.where(Frame.vehicle_id == caller.vehicle.id)
    return visible(statement, Frame.municipality_id, caller)


def get_frame(session: Session, caller: Caller, frame_id: int) -> Frame:
    frame = session.scalar(visible_frames(caller).where(Frame.id == frame_id))
    if frame is None:
        raise NotFound("frame.unknown", f"expected a frame that you may see, got id {frame_id}")
    return frame


def visible_surveys(caller: Caller) -> Select[Survey]:
    statement = select(Survey)
    if caller.vehicle:
        return statement.where(Survey.vehicle_id == caller.vehicle.id)
    return visible(statement, Survey.municipality_id, caller)


def count_frames(session: Session, survey_ids: list[int]) -> dict[int, dict[FrameState, int]]:
    """Frames by state for each survey."""
    rows = session.execute(
        select(Frame.survey_id, Frame.state, func.count())
        .where(Frame.survey_id.in_(survey_ids))
        .group_by(Frame.survey_id, Frame.state)
    )
    counts: dict[int, dict[FrameState, int]] = {survey_id: {} for survey_id in survey_ids}
    for survey_id, state, count in rows:
        counts[survey_id][state] = count
    return counts


def take_batch(session: Session, survey_id: int, limit: int, now: datetime) -> list[Frame]:
    """The next received frames of a survey in the order they were taken, each counted as one attempt.

    Commit before working on them: a frame that kills the worker is then found with its attempts counted. From the
    second failure on a frame is tried alone, so that its neighbours pass; after MAX_ATTEMPTS it is failed.
    """
    waiting = (
        select(Frame)
        .where(Frame.survey_id == survey_id, Frame.state == FrameState.RECEIVED)
        .order_by(Frame.captured_at, Frame.id)
        .limit(limit)
        .with_for_update()
    )
    frames = list(session.scalars(waiting))
    for frame in frames:
        if frame.attempts >= MAX_ATTEMPTS:
            detail = (
                f"processing was tried {MAX_ATTEMPTS} times and did not end; see the worker's log, then send it again"
            )
            finish_frame(session, frame, FrameState.FAILED, now, Refusal("processing.gave_up", detail))
    live = [frame for frame in frames if frame.state is FrameState.RECEIVED]
    batch = list(takewhile(lambda frame: frame.attempts < ALONE_AFTER, live)) or live[:1]
    for frame in batch:
        frame.attempts += 1
    return batch


def lock_received(session: Session, frame_ids: list[int]) -> list[Frame]:
    """Those of the frames that nobody has finished meanwhile, in the order they were taken, locked for change."""
    own = select(Frame).where(Frame.id.in_(frame_ids), Frame.state == FrameState.RECEIVED)
    return list(session.scalars(own.order_by(Frame.captured_at, Frame.id).with_for_update()))


def finish_frame(
    session: Session, frame: Frame, state: FrameState, now: datetime, reason: Refusal | None = None
) -> None:
    """Ends a received frame as processed, or as failed with its reason."""
    before, frame.state, frame.processed_at = frame.state, state, now
    frame.reason_code, frame.reason_detail = (reason.code, reason.detail[:500]) if reason else (None, None)
    record(
        session, at=now, actor=SYSTEM, subject_kind="frame", subject_id=frame.id, action="process",
        municipality_id=frame.municipality_id, from_state=before.value, to_state=state.value,
        data={"reason": reason.code} if reason else {},
    )  # fmt: skip


def enqueue_waiting_surveys(session: Session, received_before: datetime) -> int:
    """Asks again for every survey whose frames wait longer than they should; the net under a lost job."""
    waiting = (
        select(Frame.survey_id)
        .where(Frame.state == FrameState.RECEIVED, Frame.received_at < received_before)
        .distinct()
    )
    survey_ids = list(session.scalars(waiting))
    for survey_id in survey_ids:
        enqueue_survey(session, survey_id)
    return len(survey_ids)


def enqueue_survey(session: Session, survey_id: int) -> None:
    enqueue(session, PROCESS_SURVEY, lock=f"survey:{survey_id}", survey_id=survey_id)


def survey_of(session: Session, vehicle: Vehicle, name: str) -> Survey:
    """The vehicle's survey of that name, made if it is new; two requests at once get the same one."""
    values = {"vehicle_id": vehicle.id, "municipality_id": vehicle.municipality_id, "name": name}
    session.execute(insert(Survey).values(values).on_conflict_do_nothing())
    return session.scalars(select(Survey).where(Survey.vehicle_id == vehicle.id, Survey.name == name)).one()


def _frame_row(session: Session, vehicle: Vehicle, survey: Survey, upload: Upload, filename: str) -> tuple[Frame, bool]:
    """The row of these bytes, locked, and whether it was made just now; a second sender waits for the first."""
    values = {
        "survey_id": survey.id,
        "vehicle_id": vehicle.id,
        "municipality_id": vehicle.municipality_id,
        "sha256": upload.sha256,
        "filename": _plain_name(filename),
        "state": FrameState.REFUSED,
        "size_bytes": upload.size_bytes,
    }
    made = session.execute(insert(Frame).values(values).on_conflict_do_nothing().returning(Frame.id)).scalar()
    same = select(Frame).where(Frame.vehicle_id == vehicle.id, Frame.sha256 == upload.sha256).with_for_update()
    frame: Frame = session.scalars(same).one()
    return frame, made is not None


def _plain_name(filename: str) -> str:
    """The last part of whatever path came, without what the database cannot hold (NUL, halves of characters)."""
    name = PurePath(filename.replace("\\", "/").replace("\0", "")).name
    return name.encode("utf-8", "replace").decode()[:255]


def _describe(session: Session, frame: Frame, upload: Upload, now: datetime) -> None:
    """Writes what the upload turned out to be: received with a place and a time, or refused with a reason."""
    frame.media_type, frame.width, frame.height = upload.media_type, upload.width, upload.height
    frame.reason_code = upload.refusal.code if upload.refusal else None
    frame.reason_detail = upload.refusal.detail[:500] if upload.refusal else None
    if upload.media_type is None:
        frame.state = FrameState.REFUSED
        return
    frame.picture_hash = upload.picture_hash
    if quality := upload.quality:
        frame.quality, frame.quality_code = quality.to_json(), quality.code
        frame.footage_use = FootageUse(quality.use)
    write_stated(frame, upload.stated)
    settle(session, frame, now)


def _day(upload: Upload, now: datetime) -> str:
    return (upload.geotag.captured_at if upload.geotag else now).astimezone(UTC).date().isoformat()


def _receipt(frame: Frame, outcome: Outcome) -> Receipt:
    FRAMES_RECEIVED.labels(outcome.value).inc()
    return Receipt(frame, outcome)
