"""Receives whole surveys in one file, a ZIP or a video: each is kept once, unpacked by a job, its state visible."""

from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

import structlog
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.models import Vehicle
from service.core.errors import Conflict, NotFound, TooLarge, UnsupportedMedia
from service.core.events import SYSTEM, Actor, record
from service.core.queue import enqueue
from service.core.runtime import Runtime
from service.intake import archive_files
from service.intake.archive_files import Kind, sniff
from service.intake.archive_progress import Progress
from service.intake.models import Archive, ArchiveState
from service.intake.unpacking import unpack_archive
from service.surveys.models import Survey
from service.surveys.service import survey_of

__all__ = [
    "UNPACK_ARCHIVE", "delete_stale_archives", "enqueue_waiting_archives", "get_archive", "receive_archive",
    "retry_archive", "sniff", "unpack_archive", "visible_archives",
]  # fmt: skip

log = structlog.get_logger()
UNPACK_ARCHIVE = "unpack_archive"  # the job; its name is the contract between this room and `service.jobs`


def receive_archive(
    session: Session, runtime: Runtime, vehicle: Vehicle, path: Path, filename: str, sha256: str,
    survey_name: str | None, now: datetime, spacing_m: float | None = None, captured_at: datetime | None = None,
) -> Archive:  # fmt: skip
    """Keeps the file and asks for its unpacking, all or nothing; the same bytes again are the same archive.

    The file at `path` stays the caller's to delete. `captured_at` is a video's start, `spacing_m` the metres between
    its frames. An archive that was refused begins anew, with what is told now.
    """
    kind = sniff(path)
    if kind is None:
        raise UnsupportedMedia("archive.unsupported", "expected a ZIP, an MP4 or a MOV; the bytes are none of these")
    size, most = path.stat().st_size, runtime.settings.max_archive_bytes
    if size > most:
        raise TooLarge("archive.too_many_bytes", f"expected at most {most} bytes, got {size}; send it in several parts")
    name = _plain_name(filename)
    survey = survey_of(session, vehicle, survey_name or PurePosixPath(name).stem[:120] or sha256[:12])
    archive, fresh = _archive_row(session, vehicle, survey, kind, path, name, sha256)
    if not fresh and not _wanted(runtime, archive):
        return archive
    before = None if fresh else archive.state.value
    archive.spool_name = f"{vehicle.id}-{sha256}"
    archive_files.keep(runtime.settings, path, archive.spool_name)  # before the row: a crash leaves at most a file
    archive.survey_id, archive.filename = survey.id, name
    archive.spacing_m = spacing_m if spacing_m is not None else archive.spacing_m
    _begin_anew(archive, captured_at)
    _record(session, archive, Actor("vehicle", vehicle.id), "receive", before, now)
    _enqueue(session, archive)
    return archive


def retry_archive(
    session: Session, runtime: Runtime, archive: Archive, actor: Actor, now: datetime,
    captured_at: datetime | None = None, spacing_m: float | None = None,
) -> None:  # fmt: skip
    """Unpacks a refused archive again, after its survey got a track or with what is told now."""
    if archive.state is not ArchiveState.REFUSED:
        raise Conflict("archive.state", f"expected a refused archive, this one is {archive.state}; there is no need")
    if archive.spool_name is None or not (archive_files.folder(runtime.settings) / archive.spool_name).exists():
        raise Conflict("archive.gone", "expected the archive's file, it is deleted by now; send the archive again")
    archive.spacing_m = spacing_m if spacing_m is not None else archive.spacing_m
    _begin_anew(archive, captured_at)
    _record(session, archive, actor, "retry", ArchiveState.REFUSED.value, now)
    _enqueue(session, archive)


def visible_archives(caller: Caller) -> Select[Archive]:
    """A user sees the archives of their municipalities, a vehicle only its own."""
    if caller.vehicle:
        return select(Archive).where(Archive.vehicle_id == caller.vehicle.id)
    return visible(select(Archive), Archive.municipality_id, caller)


def get_archive(session: Session, caller: Caller, archive_id: int, *, lock: bool = False) -> Archive:
    statement = visible_archives(caller).where(Archive.id == archive_id)
    archive = session.scalar(statement.with_for_update() if lock else statement)
    if archive is None:
        raise NotFound("archive.unknown", f"expected an archive that you may see, got id {archive_id}")
    return archive


def enqueue_waiting_archives(session: Session, received_before: datetime) -> int:
    """Asks again for every archive that waits longer than it should: its job was lost, or made way for others."""
    waiting = select(Archive).where(Archive.state == ArchiveState.RECEIVED, Archive.created_at < received_before)
    archives = list(session.scalars(waiting))
    for archive in archives:
        _enqueue(session, archive)
    return len(archives)


def delete_stale_archives(runtime: Runtime, now: datetime) -> int:
    """Deletes the files of long refused archives and those that no row names; returns how many."""
    with runtime.database.transaction() as session:
        refused = select(Archive).where(
            Archive.state == ArchiveState.REFUSED, Archive.spool_name.is_not(None),
            Archive.finished_at < now - timedelta(hours=runtime.settings.keep_refused_archives_h),
        )  # fmt: skip
        stale = list(session.scalars(refused.with_for_update()))
        names = [archive.spool_name for archive in stale if archive.spool_name]
        for archive in stale:
            archive.spool_name = None
            _record(session, archive, SYSTEM, "delete_file", ArchiveState.REFUSED.value, now)
    for name in names:
        archive_files.remove(runtime.settings, name)
    with runtime.database.transaction() as session:
        wanted = set(session.scalars(select(Archive.spool_name).where(Archive.spool_name.is_not(None))))
    orphans = archive_files.remove_orphans(runtime.settings, {name for name in wanted if name}, now)
    log.info("archives.stale_deleted", refused=len(names), orphans=orphans)
    return len(names) + orphans


def _archive_row(
    session: Session, vehicle: Vehicle, survey: Survey, kind: Kind, path: Path, name: str, sha256: str
) -> tuple[Archive, bool]:
    """The row of these bytes, locked, and whether it was made just now; a second sender waits for the first."""
    values = {
        "vehicle_id": vehicle.id, "municipality_id": vehicle.municipality_id, "survey_id": survey.id,
        "sha256": sha256, "filename": name, "kind": kind, "size_bytes": path.stat().st_size,
        "state": ArchiveState.RECEIVED, "entries": {},
    }  # fmt: skip
    made = session.scalar(insert(Archive).values(values).on_conflict_do_nothing().returning(Archive.id))
    same = select(Archive).where(Archive.vehicle_id == vehicle.id, Archive.sha256 == sha256).with_for_update()
    return session.scalars(same).one(), made is not None


def _wanted(runtime: Runtime, archive: Archive) -> bool:
    """Whether its bytes are needed once more: it was refused, or the disk lost them before they were unpacked."""
    if archive.state is ArchiveState.RECEIVED:
        return not (archive_files.folder(runtime.settings) / (archive.spool_name or "-")).exists()
    return archive.state is ArchiveState.REFUSED


def _begin_anew(archive: Archive, captured_at: datetime | None) -> None:
    told = captured_at or Progress.of(archive).captured_at
    Progress(captured_at=told).save(archive)
    archive.state, archive.reason_code, archive.reason_detail = ArchiveState.RECEIVED, None, None
    archive.finished_at = None


def _record(session: Session, archive: Archive, actor: Actor, action: str, before: str | None, now: datetime) -> None:
    record(
        session, at=now, actor=actor, subject_kind="archive", subject_id=archive.id, action=action,
        municipality_id=archive.municipality_id, from_state=before, to_state=archive.state.value,
    )  # fmt: skip


def _enqueue(session: Session, archive: Archive) -> None:
    enqueue(session, UNPACK_ARCHIVE, lock=f"archive:{archive.id}", archive_id=archive.id)


def _plain_name(filename: str) -> str:
    name = PurePosixPath(filename.replace("\\", "/").replace("\0", "")).name
    return name.encode("utf-8", "replace").decode()[:255]
