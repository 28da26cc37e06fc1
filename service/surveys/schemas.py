"""What vehicles send and what is told of their frames."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from service.core.fields import NO_NUL
from service.core.tables import JsonObject
from service.surveys.geotag import MAX_DOP, MAX_FIX_SD_M
from service.surveys.models import FootageUse, FrameState


class FrameMetadata(BaseModel):
    """What the vehicle knows of a frame; anything left out is read from the image's EXIF."""

    model_config = ConfigDict(extra="forbid")

    lat: float | None = Field(None, description="WGS 84 degrees")
    lon: float | None = Field(None, description="WGS 84 degrees")
    captured_at: datetime | None = Field(None, description="with zone, e.g. 2026-11-22T08:30:00+03:00")
    heading_deg: float | None = Field(None, description="clockwise from north")
    gps_sd_m: float | None = Field(
        None, gt=0, le=MAX_FIX_SD_M,
        description="error of the fix: standard deviation per axis; of a 68 % radius (a telephone's accuracy), "
        "send the radius / 1.51",
    )  # fmt: skip
    gps_dop: float | None = Field(None, gt=0, lt=MAX_DOP, description="HDOP of the fix, where gps_sd_m is not known")
    survey: str | None = Field(None, min_length=1, max_length=120, pattern=NO_NUL, description="name of the drive")


class FrameOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    survey_id: int
    vehicle_id: int
    municipality_id: int
    sha256: str
    filename: str
    state: FrameState
    reason_code: str | None
    reason_detail: str | None
    width: int | None = Field(description="upright pixels")
    height: int | None
    size_bytes: int
    captured_at: datetime | None
    lat: float | None
    lon: float | None
    heading_deg: float | None
    position_source: str | None
    time_source: str | None
    heading_source: str | None
    camera_at: datetime | None = Field(description="the camera's own clock, zone unknown")
    gps_at: datetime | None
    speed_mps: float | None
    gps_dop: float | None
    gps_sd_m: float | None = Field(description="error of the fix per axis, as stated with the place; null: not stated")
    accepted_as_is: bool = Field(description="a person overruled what the drive says against it")
    quality_code: str | None = Field(description="what is wrong with the picture; null: nothing")
    footage_use: FootageUse
    came_by: str
    image_deleted_at: datetime | None
    received_at: datetime
    processed_at: datetime | None


class SurveyOut(BaseModel):
    id: int
    vehicle_id: int
    municipality_id: int
    name: str
    created_at: datetime
    clock_offset_s: float | None = Field(description="camera clock minus GPS clock, median")
    clock_spread_s: float | None = Field(description="between the quartiles")
    clock_frames: int = Field(description="how many frames carry both clocks")
    clock_applied_s: float | None = Field(description="taken off the camera's times; null: not decided")
    lens_code: str | None = Field(description="quality.lens_dirty: clean the lens; null: its last frames show no dirt")
    lens_share: float | None = Field(description="of the street's part of the picture that is soft; null: not known")
    lens_checked_at: datetime | None = Field(description="when the newest frame was taken that told it")
    frames_by_state: dict[FrameState, int]


class EventOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    at: datetime
    actor_kind: str
    actor_id: int | None
    action: str
    from_state: str | None
    to_state: str | None
    data: JsonObject
