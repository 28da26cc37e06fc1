"""What vehicles send: a survey is one drive, a frame one image with its place, its state and the reason for it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import Municipality, Vehicle
from service.core.tables import Base, CreatedAt, Id, JsonObject, status_column


class FrameState(StrEnum):
    """received -> processed | failed; a frame that cannot be used is refused with a reason and can be sent again."""

    RECEIVED = "received"
    PROCESSED = "processed"
    REFUSED = "refused"
    FAILED = "failed"


class FootageUse(StrEnum):
    """What a frame is good for: finding defects, showing only that the street was driven, or nothing."""

    DEFECTS = "defects"
    COVERAGE = "coverage"
    NOTHING = "nothing"


class Survey(Base):
    __tablename__ = "survey"
    __table_args__ = (UniqueConstraint("vehicle_id", "name"),)

    id: Mapped[Id]
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"))
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))  # given by the vehicle, or the UTC day of the first frame
    created_at: Mapped[CreatedAt]
    clock_offset_s: Mapped[float | None]  # camera clock minus GPS clock: the median of the frames that carry both
    clock_spread_s: Mapped[float | None]  # between the quartiles of those frames
    clock_frames: Mapped[int] = mapped_column(default=0, server_default="0")  # how many carry both
    clock_applied_s: Mapped[float | None]  # taken off the camera's times; None: not decided
    mounting: Mapped[JsonObject | None]  # how the camera really hung: identity.calibration.Mounting; None: not measured
    clock_confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # None: unambiguous
    lens_code: Mapped[str | None] = mapped_column(String(40))  # quality.lens_dirty by the last frames; None: nothing
    lens_share: Mapped[float | None]  # of the street's part of the picture that is soft; None: nothing is known yet
    lens_checked_at: Mapped[datetime | None]  # when the newest frame was taken that told it
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
    blob_key: Mapped[str | None] = mapped_column(String(200), index=True)  # None when the image could not be read
    captured_at: Mapped[datetime | None]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    heading_deg: Mapped[float | None]  # clockwise from north
    position_source: Mapped[str | None] = mapped_column(String(20))  # metadata exif track mapillary person
    time_source: Mapped[str | None] = mapped_column(String(20))  # metadata gps camera clock mapillary person
    heading_source: Mapped[str | None] = mapped_column(String(20))  # as of position; course: the vehicle's, from EXIF
    camera_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))  # the camera's own stamp, zone unknown
    gps_at: Mapped[datetime | None]
    speed_mps: Mapped[float | None]
    gps_dop: Mapped[float | None]  # this and the next: of the place above, from where it came
    gps_sd_m: Mapped[float | None]  # per axis, as the receiver states it
    picture_hash: Mapped[int | None]  # surveys.reading.picture_hash: near-identical pictures differ in few bits
    accepted_as_is: Mapped[bool] = mapped_column(default=False, server_default="false")  # a person overruled the track
    quality: Mapped[JsonObject | None]  # inference.quality.FootageQuality as numbers
    quality_code: Mapped[str | None] = mapped_column(String(40))  # None: nothing wrong with the picture
    footage_use: Mapped[FootageUse] = mapped_column(status_column(FootageUse), server_default="defects")
    blur: Mapped[JsonObject | None]  # {"model", "boxes_xyxy_px"}: what was made illegible; None: nobody looked
    came_by: Mapped[str] = mapped_column(String(12), server_default="multipart")  # multipart tus panoramax archive
    image_deleted_at: Mapped[datetime | None]  # by retention or by a person; the row stays
    received_at: Mapped[CreatedAt]
    processed_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")  # times a worker has taken it
    survey: Mapped[Survey] = relationship()
    vehicle: Mapped[Vehicle] = relationship()
    municipality: Mapped[Municipality] = relationship()


class Track(Base):
    """Where a vehicle was, second by second: a GPX or mapillary file that came beside the frames of a survey."""

    __tablename__ = "track"
    __table_args__ = (UniqueConstraint("survey_id", "sha256"),)

    id: Mapped[Id]
    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(255))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    points: Mapped[JsonObject]  # TrackPoints.to_json: {"at_s": [...], "lat": [...], "lon": [...]} and more
    created_at: Mapped[CreatedAt]
    survey: Mapped[Survey] = relationship()
