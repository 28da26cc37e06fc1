"""Upload sets as Panoramax has them, over our own rows: a set is one survey, a file of it one frame.

A file is the set's picture exactly when its frame belongs to the set's survey and is not refused. So a set needs no
state of its own beside `completed_at`: a frame that is mended, processed or failed shows in the set at once.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, exists, func, not_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.models import Vehicle
from service.core.errors import Conflict, NotFound, RasidError
from service.core.events import Actor, record
from service.core.runtime import Runtime
from service.core.tables import JsonObject
from service.intake.models import UploadSet, UploadSetFile
from service.intake.panoramax_schemas import MAX_FILES, ItemsStatus, RejectionReason
from service.surveys.door import take_frame
from service.surveys.models import Frame, FrameState, Survey
from service.surveys.schemas import FrameMetadata
from service.surveys.service import Outcome

MAX_NAME = 120  # of survey.name
REASONS: dict[str, RejectionReason] = {  # by our own code, else by its first word
    "frame.duplicate": "capture_duplicate",
    "track.stationary": "capture_duplicate",
    "position.outside": "in_excluded_area",
    "image": "invalid_file",
    "position": "invalid_metadata",
    "time": "invalid_metadata",
    "track": "invalid_metadata",
}
NO_KEY = {"key_share": True}  # FOR NO KEY UPDATE: rows that refer to the locked one may still be inserted


@dataclass(frozen=True)
class Sent:
    """One file as a client sent it. `told` is kept with the file as it is."""

    data: bytes
    filename: str
    picture_id: UUID | None
    place: FrameMetadata
    told: JsonObject


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a set and its frame, of which only this is needed: a set may hold MAX_FILES."""

    public_id: UUID
    filename: str
    content_md5: str
    created_at: datetime
    size_bytes: int
    frame_id: int
    state: FrameState
    reason_code: str | None
    reason_detail: str | None
    own: bool  # the frame is of the set's survey


@dataclass(frozen=True)
class Added:
    """`again`: the set had this very file already, and nothing was changed."""

    file: Listed
    again: bool


def open_set(session: Session, vehicle: Vehicle, told: JsonObject, now: datetime) -> UploadSet:
    """A new set with its survey. One that is still empty and was asked for in the same words is given again, so that
    a request whose answer was lost leaves no second set."""
    session.get_one(Vehicle, vehicle.id, with_for_update=NO_KEY)  # one creation at a time
    empty = select(UploadSet).where(
        UploadSet.vehicle_id == vehicle.id,
        UploadSet.completed_at.is_(None),
        UploadSet.told == told,
        not_(exists().where(UploadSetFile.upload_set_id == UploadSet.id)),
    )
    found = session.scalars(empty.order_by(UploadSet.id.desc()).limit(1)).first()
    if found:
        return found
    public_id = uuid4()
    survey_id = _open_survey(session, vehicle, str(told["title"]), public_id)
    upload_set = UploadSet(public_id=public_id, vehicle_id=vehicle.id, survey_id=survey_id, told=told, created_at=now)
    session.add(upload_set)
    session.flush()
    _record(session, upload_set, vehicle, now, "create", None)
    return upload_set


def get_set(session: Session, vehicle: Vehicle, public_id: UUID) -> UploadSet:
    """One of the vehicle's own sets; another vehicle's is as unknown as none."""
    own = select(UploadSet).where(UploadSet.public_id == public_id, UploadSet.vehicle_id == vehicle.id)
    found = session.scalar(own)
    if found is None:
        raise NotFound("upload_set.unknown", f"expected an upload set of this vehicle, got {public_id}; open one first")
    return found


def add_file(
    session: Session, runtime: Runtime, vehicle: Vehicle, upload_set: UploadSet, sent: Sent, now: datetime
) -> Added:
    """Takes the frame and lists it in the set, all or nothing; the caller tells by `rejection` what became of it."""
    place = sent.place.model_copy(update={"survey": upload_set.survey.name})
    receipt = take_frame(session, runtime, vehicle, sent.data, sent.filename, place, "panoramax", now)
    row, fresh = _list_file(session, upload_set, receipt.frame, sent)
    again = not fresh and receipt.outcome is Outcome.AGAIN
    if not again:
        row.filename, row.told = plain(PurePath(sent.filename.replace("\\", "/")).name, 255), sent.told
        session.flush()
        _follow_completion(session, vehicle, upload_set, now, fresh)
    return Added(list_files(session, upload_set, receipt.frame)[0], again)


def complete_set(session: Session, vehicle: Vehicle, upload_set: UploadSet, now: datetime) -> None:
    """The client says that nothing more will come; said twice it is said once."""
    session.refresh(upload_set, with_for_update=NO_KEY)
    if upload_set.completed_at is None:
        upload_set.completed_at = now
        _record(session, upload_set, vehicle, now, "complete", "open")


def count_items(session: Session, upload_set: UploadSet) -> ItemsStatus:
    def number(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(and_(*conditions))

    own, received = _is_picture(upload_set), Frame.state == FrameState.RECEIVED
    counts = select(
        number(own, Frame.state == FrameState.PROCESSED),
        number(own, received, Frame.attempts > 0),
        number(own, Frame.state == FrameState.FAILED),
        number(not_(own)),
        number(own, received),
    ).select_from(UploadSetFile)
    counts = counts.join(Frame).where(UploadSetFile.upload_set_id == upload_set.id)
    prepared, preparing, broken, rejected, waiting = session.execute(counts).one()
    return ItemsStatus(prepared=prepared, preparing=preparing, broken=broken, rejected=rejected, not_processed=waiting)


def list_files(session: Session, upload_set: UploadSet, frame: Frame | None = None) -> list[Listed]:
    """Every file of the set in the order they came, or the one with this frame."""
    columns = select(
        UploadSetFile.public_id, UploadSetFile.filename, UploadSetFile.content_md5, UploadSetFile.created_at,
        Frame.size_bytes, Frame.id, Frame.state, Frame.reason_code, Frame.reason_detail,
        Frame.survey_id == upload_set.survey_id,
    ).select_from(UploadSetFile)  # fmt: skip
    files = columns.join(Frame).where(UploadSetFile.upload_set_id == upload_set.id).order_by(UploadSetFile.id)
    if frame:
        files = files.where(Frame.id == frame.id)
    return [Listed(*tuple(row)) for row in session.execute(files)]


def rejection(file: Listed) -> RejectionReason | None:
    """Why a file is not a picture of the set, in Panoramax's words; None: it is one."""
    if not file.own:
        return "file_duplicate"
    if file.state is not FrameState.REFUSED:
        return None
    code = file.reason_code or ""
    return REASONS.get(code) or REASONS.get(code.partition(".")[0], "other_error")


def sets_with(session: Session, frame_id: int) -> list[UUID]:
    """The sets whose picture the frame is."""
    listed = select(UploadSet.public_id).join(UploadSetFile).join(Frame).where(Frame.id == frame_id)
    return list(session.scalars(listed.where(UploadSet.survey_id == Frame.survey_id).order_by(UploadSet.id)))


def plain(text: str, limit: int) -> str:
    """The text on one line, without what the database cannot hold (NUL, halves of characters)."""
    printable = "".join(" " if ord(letter) < 32 else letter for letter in text)
    return printable.encode("utf-8", "replace").decode()[:limit]


def _open_survey(session: Session, vehicle: Vehicle, title: str, public_id: UUID) -> int:
    """The title is the survey's name; where the vehicle has such a survey already, the set's id tells them apart."""
    name = " ".join(plain(title, 1000).split()) or "upload"
    suffix = f" {public_id}"
    for candidate in (name[:MAX_NAME], name[: MAX_NAME - len(suffix)] + suffix):
        values = {"vehicle_id": vehicle.id, "municipality_id": vehicle.municipality_id, "name": candidate}
        made = session.execute(insert(Survey).values(values).on_conflict_do_nothing().returning(Survey.id)).scalar()
        if made is not None:
            return made
    raise Conflict("survey.name", f"expected a name that this vehicle has not used, got {candidate!r}; try again")


def _list_file(session: Session, upload_set: UploadSet, frame: Frame, sent: Sent) -> tuple[UploadSetFile, bool]:
    """The row of this frame in the set, and whether it was made just now; `take_frame` has locked the frame."""
    values = {
        "public_id": sent.picture_id or uuid4(),
        "upload_set_id": upload_set.id,
        "frame_id": frame.id,
        "filename": "",
        "content_md5": hashlib.md5(sent.data, usedforsecurity=False).hexdigest(),
        "told": {},
    }
    made = session.execute(insert(UploadSetFile).values(values).on_conflict_do_nothing().returning(UploadSetFile.id))
    fresh = made.scalar() is not None
    listed = select(UploadSetFile).where(
        UploadSetFile.upload_set_id == upload_set.id, UploadSetFile.frame_id == frame.id
    )
    row = session.scalar(listed)
    if row is None:
        detail = f"expected a picture_id that no other picture has, got {sent.picture_id}; leave it out or take another"
        raise Conflict("picture.id", detail, existing_item={"id": str(sent.picture_id)})
    return row, fresh


def _follow_completion(session: Session, vehicle: Vehicle, upload_set: UploadSet, now: datetime, fresh: bool) -> None:
    """A set completes itself at the number of files it was announced with, and a file after completion opens it again:
    nobody knows whether more will come."""
    session.refresh(upload_set, with_for_update=NO_KEY)
    if upload_set.completed_at:
        upload_set.completed_at = None
        _record(session, upload_set, vehicle, now, "reopen", "completed")
        return
    own = select(func.count()).select_from(UploadSetFile).where(UploadSetFile.upload_set_id == upload_set.id)
    count = session.scalar(own) or 0
    if fresh and count > MAX_FILES:
        raise RasidError("upload_set.full", f"expected at most {MAX_FILES} files in a set, got more; open another set")
    if count == upload_set.told.get("estimated_nb_files"):
        upload_set.completed_at = now
        _record(session, upload_set, vehicle, now, "complete", "open")


def _is_picture(upload_set: UploadSet) -> ColumnElement[bool]:
    return and_(Frame.survey_id == upload_set.survey_id, Frame.state != FrameState.REFUSED)


def _record(
    session: Session, upload_set: UploadSet, vehicle: Vehicle, now: datetime, action: str, before: str | None
) -> None:
    record(
        session, at=now, actor=Actor("vehicle", vehicle.id), subject_kind="upload_set", subject_id=upload_set.id,
        action=action, municipality_id=vehicle.municipality_id, from_state=before,
        to_state="completed" if upload_set.completed_at else "open",
    )  # fmt: skip
