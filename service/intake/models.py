"""What is on its way in: resumable uploads, archives, upload sets."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import Vehicle
from service.core.tables import Base, CreatedAt, Id, JsonObject, status_column
from service.surveys.models import Frame, Survey


class UploadState(StrEnum):
    OPEN = "open"
    FINISHED = "finished"  # handed over: to a frame, an archive or a track
    REFUSED = "refused"  # whole, but nothing we take


class Upload(Base):
    """A tus upload: its bytes so far are the spool file named by public_id."""

    __tablename__ = "upload"
    __table_args__ = (Index("ix_upload_open", "vehicle_id", postgresql_where=text("state = 'open'")),)

    id: Mapped[Id]
    public_id: Mapped[UUID] = mapped_column(unique=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"), index=True)
    state: Mapped[UploadState] = mapped_column(status_column(UploadState))
    length_bytes: Mapped[int]
    offset_bytes: Mapped[int]
    metadata_header: Mapped[str] = mapped_column(Text)  # Upload-Metadata as the client gave it
    reason_code: Mapped[str | None] = mapped_column(String(60))
    reason_detail: Mapped[str | None] = mapped_column(String(500))
    # What became of it; the upload was finished all the same when that is deleted later.
    frame_id: Mapped[int | None] = mapped_column(ForeignKey("frame.id", ondelete="SET NULL"), index=True)
    archive_id: Mapped[int | None] = mapped_column(ForeignKey("archive.id", ondelete="SET NULL"))
    track_id: Mapped[int | None] = mapped_column(ForeignKey("track.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    created_at: Mapped[CreatedAt]
    vehicle: Mapped[Vehicle] = relationship()


class ArchiveState(StrEnum):
    RECEIVED = "received"
    UNPACKED = "unpacked"
    REFUSED = "refused"


class Archive(Base):
    """A ZIP of frames or a video: a whole survey in one file, unpacked by a job."""

    __tablename__ = "archive"
    __table_args__ = (UniqueConstraint("vehicle_id", "sha256"),)

    id: Mapped[Id]
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"))
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"), index=True)
    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(8))  # zip | video
    size_bytes: Mapped[int]
    spacing_m: Mapped[float | None]  # of a video: metres between two frames
    state: Mapped[ArchiveState] = mapped_column(status_column(ArchiveState))
    reason_code: Mapped[str | None] = mapped_column(String(60))
    reason_detail: Mapped[str | None] = mapped_column(String(500))
    entries: Mapped[JsonObject]  # counts: {"frames", "again", "refused", "skipped", ...}
    spool_name: Mapped[str | None] = mapped_column(String(80))  # None: unpacked and gone
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]


class UploadSet(Base):
    """A Panoramax upload set: the client names it, sends files into it, and says when it is complete."""

    __tablename__ = "upload_set"

    id: Mapped[Id]
    public_id: Mapped[UUID] = mapped_column(unique=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"), index=True)
    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    told: Mapped[JsonObject]  # what the client asked for: title, estimated_nb_files, ...
    completed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    survey: Mapped[Survey] = relationship()


class UploadSetFile(Base):
    __tablename__ = "upload_set_file"
    __table_args__ = (UniqueConstraint("upload_set_id", "frame_id"),)

    id: Mapped[Id]
    public_id: Mapped[UUID] = mapped_column(unique=True)  # Panoramax's picture_id
    upload_set_id: Mapped[int] = mapped_column(ForeignKey("upload_set.id", ondelete="CASCADE"))
    frame_id: Mapped[int] = mapped_column(ForeignKey("frame.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(String(255))
    content_md5: Mapped[str] = mapped_column(String(32))  # of the bytes as sent: clients compare it with their file
    told: Mapped[JsonObject]  # what the client said of the file: isBlurred, override_Exif.…
    created_at: Mapped[CreatedAt]
    frame: Mapped[Frame] = relationship()
