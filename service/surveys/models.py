"""What vehicles send: a survey is one drive, a frame one image with its place, its state and the reason for it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import Municipality, Vehicle
from service.core.tables import Base, CreatedAt, Id, status_column


class FrameState(StrEnum):
    """received -> processed | failed; a frame that cannot be used is refused with a reason and can be sent again."""

    RECEIVED = "received"
    PROCESSED = "processed"
    REFUSED = "refused"
    FAILED = "failed"


class Survey(Base):
    __tablename__ = "survey"
    __table_args__ = (UniqueConstraint("vehicle_id", "name"),)

    id: Mapped[Id]
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"))
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))  # given by the vehicle, or the UTC day of the first frame
    created_at: Mapped[CreatedAt]
    vehicle: Mapped[Vehicle] = relationship()


class Frame(Base):
    __tablename__ = "frame"
    __table_args__ = (
        UniqueConstraint("vehicle_id", "sha256"),
        Index("ix_frame_survey_state", "survey_id", "state", "captured_at", "id"),
        Index("ix_frame_municipality_state", "municipality_id", "state", "id"),
        Index("ix_frame_waiting", "received_at", postgresql_where=text("state = 'received'")),
    )

    id: Mapped[Id]
    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"))
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))  # by position, else the vehicle's
    sha256: Mapped[str] = mapped_column(String(64))  # of the bytes as sent: the idempotency key
    filename: Mapped[str] = mapped_column(String(255))
    state: Mapped[FrameState] = mapped_column(status_column(FrameState))
    reason_code: Mapped[str | None] = mapped_column(String(60))
    reason_detail: Mapped[str | None] = mapped_column(String(500))
    media_type: Mapped[str | None] = mapped_column(String(40))
    size_bytes: Mapped[int]
    width: Mapped[int | None]  # upright pixels
    height: Mapped[int | None]
    blob_key: Mapped[str | None] = mapped_column(String(200))  # None when the image could not be read
    captured_at: Mapped[datetime | None]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    heading_deg: Mapped[float | None]  # clockwise from north
    position_source: Mapped[str | None] = mapped_column(String(20))  # metadata | exif
    received_at: Mapped[CreatedAt]
    processed_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")  # times a worker has taken it
    survey: Mapped[Survey] = relationship()
    vehicle: Mapped[Vehicle] = relationship()
    municipality: Mapped[Municipality] = relationship()
