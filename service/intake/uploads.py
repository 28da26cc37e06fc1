"""Resumable uploads: the row says how many bytes count, the spool holds them, a whole one is handed over once."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from obstore.exceptions import BaseError
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.models import Vehicle
from service.core.errors import Conflict, NotFound, TooManyRequests
from service.core.events import SYSTEM, Actor, record
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.intake import tus
from service.intake.handover import HandedOver, hand_over
from service.intake.models import Upload, UploadState
from service.intake.spool import Spool, SpoolBusy, SpoolFile
from service.surveys.pressure import refuse_under_pressure
from service.surveys.reading import Refusal

log = structlog.get_logger()
UNTOUCHED = timedelta(minutes=10)  # an upload without a byte for so long: its client never got the answer
EXPIRED = "upload.expired"
LIMIT_RETRY_S = 60


def spool_of(settings: Settings) -> Spool:
    return Spool(settings.data_dir / "spool" / "tus")


def create(runtime: Runtime, vehicle: Vehicle, length_bytes: int, metadata_header: str, now: datetime) -> Upload:
    """A new upload without a byte. Raises StorageFull, or TooManyRequests when too many are open already."""
    with runtime.database.transaction() as session:
        refuse_under_pressure(session, runtime, length_bytes)
        _make_room(session, runtime.settings, vehicle.id, now)
        upload = Upload(
            public_id=uuid4(), vehicle_id=vehicle.id, state=UploadState.OPEN, length_bytes=length_bytes,
            offset_bytes=0, metadata_header=metadata_header, created_at=now,
            expires_at=now + timedelta(hours=runtime.settings.tus_expires_h),
        )  # fmt: skip
        session.add(upload)
    return upload


def visible_uploads(caller: Caller) -> Select[Upload]:
    """A user sees the uploads of their municipalities' vehicles, a vehicle only its own."""
    if caller.vehicle:
        return select(Upload).where(Upload.vehicle_id == caller.vehicle.id)
    return visible(select(Upload).join(Vehicle), Vehicle.municipality_id, caller)


def get_upload(session: Session, caller: Caller, public_id: str) -> Upload:
    upload = session.scalar(visible_uploads(caller).where(Upload.public_id == _name(public_id)))
    if upload is None:
        raise _unknown(public_id)
    return upload


def find(session: Session, vehicle: Vehicle, public_id: str, now: datetime) -> Upload:
    """The vehicle's own upload. Raises NotFound, or Gone for one that has expired."""
    own = select(Upload).where(Upload.vehicle_id == vehicle.id, Upload.public_id == _name(public_id))
    upload = session.scalar(own)
    if upload is None:
        raise _unknown(public_id)
    if upload.reason_code == EXPIRED or _overdue(upload, now):
        raise tus.Gone(EXPIRED, f"expected an upload that has not expired, {public_id} has; create it again")
    return upload


def settle(runtime: Runtime, upload_id: int, file: SpoolFile, now: datetime) -> Upload:
    """Makes row and file agree, and hands over what is whole."""
    return finish(runtime, begin(runtime, upload_id, file), file, now)


def begin(runtime: Runtime, upload_id: int, file: SpoolFile) -> Upload:
    """The row as it is now that nobody else writes, and the file cut to the bytes that count.

    Where the file is shorter (restored from a backup, another disk) only what is there counts: the client sends on.
    """
    with runtime.database.transaction() as session:
        upload = _locked(session, upload_id)
        if upload.state is not UploadState.OPEN:
            file.remove()
            return upload
        file.cut(upload.offset_bytes)
        if (size := file.size()) < upload.offset_bytes:
            log.warning("upload.bytes_missing", upload_id=upload.id, counted=upload.offset_bytes, found=size)
            upload.offset_bytes = size
    return upload


def advance(runtime: Runtime, upload: Upload, offset_bytes: int, now: datetime) -> None:
    """Lets the bytes up to `offset_bytes` count; they are on disk. `upload` follows."""
    expires_at = now + timedelta(hours=runtime.settings.tus_expires_h)
    still = [Upload.id == upload.id, Upload.state == UploadState.OPEN, Upload.offset_bytes == upload.offset_bytes]
    change = update(Upload).where(*still).values(offset_bytes=offset_bytes, expires_at=expires_at)
    with runtime.database.transaction() as session:
        if session.scalar(change.returning(Upload.id)) is None:
            raise Conflict("upload.moved", "expected nobody else to change this upload, somebody did; ask by HEAD")
    upload.offset_bytes, upload.expires_at = offset_bytes, expires_at


def finish(runtime: Runtime, upload: Upload, file: SpoolFile, now: datetime) -> Upload:
    """Hands a whole upload over, exactly once whoever asks and however often; after that its bytes are gone."""
    if not _is_whole(upload):
        return upload
    with runtime.database.transaction() as session:
        upload = _locked(session, upload.id)
        if _is_whole(upload):
            told = tus.parse_metadata(upload.metadata_header)
            handed = hand_over(session, runtime, upload.vehicle, file.path, told, "tus", now)
            _end(session, runtime.settings, upload, handed, Actor("vehicle", upload.vehicle_id), now)
    file.remove()
    return upload


def terminate(runtime: Runtime, upload_id: int, file: SpoolFile, now: datetime) -> None:
    """Forgets the upload and its bytes; what was handed over stays."""
    with runtime.database.transaction() as session:
        upload = _locked(session, upload_id)
        record(
            session, at=now, actor=Actor("vehicle", upload.vehicle_id), subject_kind="upload", subject_id=upload.id,
            action="terminate", municipality_id=upload.vehicle.municipality_id, from_state=upload.state.value,
            data={"offset_bytes": upload.offset_bytes, "length_bytes": upload.length_bytes},
        )  # fmt: skip
        session.delete(upload)
    file.remove()


def finish_stranded(runtime: Runtime, now: datetime) -> int:
    """Hands over the uploads that were whole when the server died; returns how many."""
    whole = select(Upload).where(Upload.state == UploadState.OPEN, Upload.offset_bytes == Upload.length_bytes)
    with runtime.database.transaction() as session:
        waiting = list(session.scalars(whole.order_by(Upload.id)))
    finished = 0
    for upload in waiting:
        try:
            with spool_of(runtime.settings).take(upload.public_id, upload.length_bytes) as file:
                finished += settle(runtime, upload.id, file, now).state is not UploadState.OPEN
        except (SpoolBusy, NotFound):
            continue  # somebody is at it
        except (OSError, SQLAlchemyError, BaseError):
            log.exception("upload.stranded", upload_id=upload.id)  # the next hour tries again
    return finished


def delete_expired(runtime: Runtime, now: datetime) -> int:
    """Ends the uploads that got no byte for too long, forgets those that ended long ago, and deletes files that no
    open upload needs; returns how many uploads it ended or forgot."""
    late = select(Upload).where(Upload.state == UploadState.OPEN, Upload.expires_at <= now)
    with runtime.database.transaction() as session:
        overdue = [upload for upload in session.scalars(late) if _overdue(upload, now)]
    ended = sum(_expire(runtime, upload, now) for upload in overdue)
    old = delete(Upload).where(Upload.state != UploadState.OPEN, Upload.expires_at <= now).returning(Upload.id)
    with runtime.database.transaction() as session:
        forgotten = len(session.scalars(old).all())
    _sweep(runtime)
    return ended + forgotten


def _make_room(session: Session, settings: Settings, vehicle_id: int, now: datetime) -> None:
    """Keeps to the limit of open uploads. Untouched ones, whose client never heard of them, make room."""
    session.execute(select(Vehicle.id).where(Vehicle.id == vehicle_id).with_for_update(key_share=True))  # one at a time
    own = select(Upload).where(Upload.vehicle_id == vehicle_id, Upload.state == UploadState.OPEN)
    if (session.scalar(select(func.count()).select_from(own.subquery())) or 0) < settings.tus_open_uploads:
        return
    for upload in session.scalars(own.where(Upload.offset_bytes == 0, Upload.created_at < now - UNTOUCHED)):
        try:
            with spool_of(settings).take(upload.public_id, 0) as file:
                file.remove()
        except SpoolBusy:
            continue  # its first bytes are coming
        session.delete(upload)
        return
    detail = f"expected at most {settings.tus_open_uploads} unfinished uploads of a vehicle; finish or delete some"
    raise TooManyRequests("upload.too_many_open", detail, retry_after_s=LIMIT_RETRY_S)


def _expire(runtime: Runtime, upload: Upload, now: datetime) -> bool:
    try:
        file = spool_of(runtime.settings).take(upload.public_id, upload.length_bytes)
    except SpoolBusy:
        return False
    with file:
        with runtime.database.transaction() as session:
            fresh = session.get(Upload, upload.id, with_for_update=True)
            if fresh is None or not _overdue(fresh, now):
                return False
            detail = f"expected {fresh.length_bytes} bytes, {fresh.offset_bytes} came until {fresh.expires_at}"
            refused = HandedOver(refusal=Refusal(EXPIRED, f"{detail}; send the file again"))
            _end(session, runtime.settings, fresh, refused, SYSTEM, now)
        file.remove()
    return True


def _sweep(runtime: Runtime) -> None:
    """What a crash left between the end of an upload and the deletion of its bytes."""
    spool = spool_of(runtime.settings)
    names = spool.names()
    with runtime.database.transaction() as session:
        needed = select(Upload.public_id).where(Upload.public_id.in_(names), Upload.state == UploadState.OPEN)
        names -= set(session.scalars(needed))
    for name in names:
        try:
            with spool.take(name, 0) as file:
                file.remove()
        except SpoolBusy:
            continue


def _end(session: Session, settings: Settings, upload: Upload, handed: HandedOver, actor: Actor, now: datetime) -> None:
    before = upload.state
    upload.state = UploadState.REFUSED if handed.refusal else UploadState.FINISHED
    upload.frame_id, upload.archive_id, upload.track_id = handed.frame_id, handed.archive_id, handed.track_id
    upload.expires_at = now + timedelta(hours=settings.tus_keep_h)
    if handed.refusal:
        upload.reason_code, upload.reason_detail = handed.refusal.code, handed.refusal.detail[:500]
    record(
        session, at=now, actor=actor, subject_kind="upload", subject_id=upload.id, action="hand_over",
        municipality_id=upload.vehicle.municipality_id, from_state=before.value, to_state=upload.state.value,
        data={"reason": upload.reason_code} if handed.refusal else {},
    )  # fmt: skip


def _locked(session: Session, upload_id: int) -> Upload:
    upload = session.get(Upload, upload_id, with_for_update=True)
    if upload is None:
        raise _unknown(upload_id)
    return upload


def _is_whole(upload: Upload) -> bool:
    return upload.state is UploadState.OPEN and upload.offset_bytes == upload.length_bytes


def _overdue(upload: Upload, now: datetime) -> bool:
    """A whole upload never is: its bytes have come, and are to be handed over."""
    return upload.state is UploadState.OPEN and not _is_whole(upload) and upload.expires_at <= now


def _name(public_id: str) -> UUID:
    try:
        return UUID(public_id)
    except ValueError as error:
        raise _unknown(public_id) from error


def _unknown(name: object) -> NotFound:
    return NotFound("upload.unknown", f"expected an upload of this vehicle, got {name}")
