"""Unpacks an archive piece by piece, each in its own transaction with its count: stopped anywhere, it goes on there."""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from obstore.exceptions import BaseError
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import Vehicle
from service.core.clock import utc_now
from service.core.errors import RasidError, TooManyRequests
from service.core.events import SYSTEM, record
from service.core.runtime import Runtime
from service.intake import archive_files
from service.intake.archive_progress import Progress
from service.intake.models import Archive, ArchiveState
from service.intake.pieces import ArchiveRefused, Contents, Passed, Picture, Piece, Spoilt, TrackFile
from service.intake.videos import Drive, read_video
from service.intake.zips import Limits, read_zip
from service.surveys import tracks
from service.surveys.door import take_frame
from service.surveys.models import Survey
from service.surveys.placing import known_of
from service.surveys.pressure import StorageFull
from service.surveys.service import Outcome
from service.surveys.track_points import TrackPoint

log = structlog.get_logger()
MAX_TRIES = 3  # starts without a further piece: the next one kills the worker, or waits for ever


@dataclass(frozen=True)
class Begun:
    """What unpacking needs of the row, so that no transaction is open while it reads the file."""

    path: Path
    kind: str
    done: int
    drive: Drive


def unpack_archive(runtime: Runtime, archive_id: int) -> None:
    """Takes every frame and track of a received archive; does nothing for any other.

    Whatever the file holds, the archive ends as unpacked or refused. Too many waiting frames or a full disk end the
    job early; it is asked for again and goes on where it was.
    """
    try:
        begun = _begin(runtime, archive_id)
        if begun is None:
            return
        contents = _open(runtime, begun)
        _note(runtime, archive_id, contents)
        with closing(contents.pieces) as pieces:
            for index, piece in enumerate(pieces, begun.done):
                if not _take(runtime, archive_id, index, piece):
                    return
        _finish(runtime, archive_id)
    except ArchiveRefused as refused:
        _finish(runtime, archive_id, refused)
    except (BaseError, OSError):  # of the store or the disk, not of the archive: no piece is passed over for it
        _forgive(runtime, archive_id)
        raise


def _begin(runtime: Runtime, archive_id: int) -> Begun | None:
    """Counts the start before anything is read: a piece that kills the worker is found by it, and passed over."""
    with runtime.database.transaction() as session:
        archive = _locked(session, archive_id)
        if archive is None or archive.state is not ArchiveState.RECEIVED:
            return None
        progress = Progress.of(archive)
        progress.tries += 1
        if progress.tries > MAX_TRIES and archive.kind == "zip" and progress.done < progress.total:
            progress.refuse(f"file {progress.done + 1}", "archive.gave_up")
            progress.done, progress.tries = progress.done + 1, 1
        progress.save(archive)
        path = archive_files.folder(runtime.settings) / (archive.spool_name or "-")
        track = _track(session, archive.survey_id) if archive.kind == "video" else ()
        spacing_m = archive.spacing_m or runtime.settings.video_spacing_m
        drive = Drive(archive.filename, spacing_m, progress.captured_at, track)
    if progress.tries > MAX_TRIES:
        detail = f"unpacking was tried {MAX_TRIES} times and did not end; see the worker's log, then retry"
        raise ArchiveRefused("archive.gave_up", detail)
    return Begun(path, archive.kind, progress.done, drive)


def _open(runtime: Runtime, begun: Begun) -> Contents:
    settings = runtime.settings
    try:
        if begun.kind == "zip":
            return read_zip(begun.path, begun.done, Limits.of(settings))
        return read_video(begun.path, begun.done, begun.drive, settings.max_image_pixels, settings.video_max_frames)
    except OSError as error:
        detail = f"expected the archive's file in the spool, got: {error.strerror}; send the archive again"
        raise ArchiveRefused("archive.lost", detail) from error


def _note(runtime: Runtime, archive_id: int, contents: Contents) -> None:
    with runtime.database.transaction() as session:
        if archive := _locked(session, archive_id):
            progress = Progress.of(archive)
            progress.total, progress.notes = contents.total, contents.notes
            progress.save(archive)


def _take(runtime: Runtime, archive_id: int, index: int, piece: Piece) -> bool:
    """Takes one piece and counts it, both or neither. False: another worker has it, or this one has to make way."""
    with runtime.database.transaction() as session:
        archive = _locked(session, archive_id)
        if archive is None or archive.state is not ArchiveState.RECEIVED:
            return False
        progress = Progress.of(archive)
        if progress.done != index:
            return False
        try:
            _apply(session, runtime, archive, progress, piece)
            progress.done, progress.tries = progress.done + 1, 1  # this start is the first of the next piece too
        except (StorageFull, TooManyRequests) as pressure:
            log.info("archive.paused", archive_id=archive_id, reason=pressure.code)
            progress.tries = 0
        progress.save(archive)
    return progress.done > index


def _forgive(runtime: Runtime, archive_id: int) -> None:
    with runtime.database.transaction() as session:
        if archive := _locked(session, archive_id):
            progress = Progress.of(archive)
            progress.tries = 0
            progress.save(archive)


def _apply(session: Session, runtime: Runtime, archive: Archive, progress: Progress, piece: Piece) -> None:
    match piece:
        case Passed(name):
            progress.skip(name)
        case Spoilt(name, code):
            progress.refuse(name, code)
        case Picture():
            _take_picture(session, runtime, archive, progress, piece, utc_now())
        case TrackFile():
            _take_track(session, archive, progress, piece, utc_now())


def _take_picture(
    session: Session, runtime: Runtime, archive: Archive, progress: Progress, picture: Picture, now: datetime
) -> None:
    vehicle = session.get_one(Vehicle, archive.vehicle_id)
    told = picture.told.model_copy(update={"survey": session.get_one(Survey, archive.survey_id).name})
    try:
        with session.begin_nested():
            receipt = take_frame(session, runtime, vehicle, picture.data, picture.name, told, "archive", now)
    except (StorageFull, TooManyRequests):
        raise
    except RasidError as error:
        progress.refuse(picture.name, error.code)
        return
    if receipt.outcome is Outcome.REFUSED:
        progress.refuse(picture.name, receipt.frame.reason_code or "unknown")
    elif receipt.outcome is Outcome.NEW:
        progress.frames += 1
    else:
        progress.again += 1


def _take_track(session: Session, archive: Archive, progress: Progress, file: TrackFile, now: datetime) -> None:
    try:
        with session.begin_nested():
            tracks.receive_track(session, session.get_one(Survey, archive.survey_id), file.data, file.name, now)
    except tracks.TrackRefused as error:
        progress.refuse(file.name, error.code)
        return
    progress.tracks += 1


def _finish(runtime: Runtime, archive_id: int, refused: ArchiveRefused | None = None) -> None:
    """Ends the archive; its file goes once that is kept, unless it was refused and may be retried."""
    now = utc_now()
    with runtime.database.transaction() as session:
        archive = _locked(session, archive_id)
        if archive is None or archive.state is not ArchiveState.RECEIVED:
            return
        progress, spool_name = Progress.of(archive), archive.spool_name
        refused = refused or _barren(progress)
        archive.state, archive.finished_at = ArchiveState.REFUSED if refused else ArchiveState.UNPACKED, now
        if refused:
            archive.reason_code, archive.reason_detail = refused.code, refused.detail[:500].replace("\0", "")
        else:
            archive.spool_name = None
        record(
            session, at=now, actor=SYSTEM, subject_kind="archive", subject_id=archive.id, action="unpack",
            municipality_id=archive.municipality_id, from_state=ArchiveState.RECEIVED.value,
            to_state=archive.state.value, data={"reason": refused.code} if refused else {},
        )  # fmt: skip
    if not refused and spool_name:
        archive_files.remove(runtime.settings, spool_name)
    log.info("archive.finished", archive_id=archive_id, state=archive.state.value, frames=progress.frames,
             again=progress.again, refused=progress.refused, skipped=progress.skipped)  # fmt: skip


def _barren(progress: Progress) -> ArchiveRefused | None:
    """An archive that gave nothing is refused, with its commonest reason, so that somebody looks at it."""
    if not progress.fruitless:
        return None
    code = max(progress.refused, key=lambda one: (progress.refused[one], one), default="archive.no_frames")
    counts = ", ".join(f"{count} {one}" for one, count in sorted(progress.refused.items()))
    detail = f"expected at least one frame or track, got {progress.skipped} other files and {counts or 'no image'}"
    return ArchiveRefused(code, f"{detail}; mend what is named and retry")


def _locked(session: Session, archive_id: int) -> Archive | None:
    return session.scalar(select(Archive).where(Archive.id == archive_id).with_for_update())


def _track(session: Session, survey_id: int) -> tuple[TrackPoint, ...]:
    """The points of all tracks of the survey, ascending."""
    tracks = known_of(session, survey_id).tracks
    points = (track.point(index) for track in tracks for index in range(len(track)))
    return tuple(sorted(points, key=lambda point: point.at))
