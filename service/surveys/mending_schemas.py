"""What is told to mend frames, tracks and clocks of surveys, and what is answered."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from service.core.fields import RowId
from service.surveys.mending import MendOutcome
from service.surveys.models import FrameState

MOST_FRAMES = 1000  # in one request: about a second
LONGEST_SHIFT_S = 20 * 365 * 86_400


class Told(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class FrameMendIn(Told):
    id: RowId
    lat: float | None = Field(None, description="WGS 84 degrees")
    lon: float | None = Field(None, description="WGS 84 degrees")
    captured_at: AwareDatetime | None = Field(None, description="with zone")
    heading_deg: float | None = Field(None, description="clockwise from north")

    @model_validator(mode="after")
    def _both_coordinates(self) -> "FrameMendIn":
        if (self.lat is None) != (self.lon is None):
            raise ValueError("expected both lat and lon, or neither")
        return self


class MendIn(Told):
    frames: Annotated[list[FrameMendIn], Field(min_length=1, max_length=MOST_FRAMES)]
    dry_run: bool = Field(False, description="answer what would become of each frame, and change nothing")


class SelectionIn(Told):
    """Frames by id, or by survey, state and reason: then the next 1000 after `after`."""

    frame_ids: Annotated[list[RowId], Field(max_length=MOST_FRAMES)] | None = None
    survey_id: RowId | None = None
    state: FrameState | None = None
    reason_code: Annotated[str, Field(max_length=60, pattern=r"^[a-z_.]+$")] | None = None
    after: int = Field(0, ge=0, le=2**63 - 1, description="`next` of the answer before")
    dry_run: bool = Field(False, description="answer what would become of each frame, and change nothing")

    @model_validator(mode="after")
    def _some_choice(self) -> "SelectionIn":
        if self.frame_ids is None and self.survey_id is None and self.reason_code is None:
            raise ValueError("expected frame_ids, survey_id or reason_code")
        return self


class ShiftIn(SelectionIn):
    shift_s: float = Field(ge=-LONGEST_SHIFT_S, le=LONGEST_SHIFT_S, description="added to every time")
    request_id: UUID = Field(description="your own; a frame is shifted once under it, however often it comes")


class FrameMendOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    frame_id: int
    outcome: MendOutcome
    state: FrameState | None = Field(description="of the frame afterwards")
    reason_code: str | None
    code: str | None = Field(description="why it was not done")
    detail: str | None


class MendOut(BaseModel):
    dry_run: bool
    results: list[FrameMendOut]
    next: int | None = Field(description="pass as `after` for the following frames of the selection; null at the end")


class ReasonOut(BaseModel):
    state: FrameState
    reason_code: str | None
    frames: int


class TrackOut(BaseModel):
    id: int
    survey_id: int
    filename: str
    sha256: str
    starts_at: datetime
    ends_at: datetime
    points: int
    created_at: datetime


class TrackReceiptOut(TrackOut):
    placed: int = Field(description="frames that were refused until this track came")


class ClockIn(Told):
    offset_s: float | None = Field(description="camera clock minus UTC; null: take nothing off, whatever is measured")


class ClockOut(BaseModel):
    survey_id: int
    offset_s: float | None = Field(description="camera clock minus GPS clock, median of the frames with both")
    zone_s: int | None = Field(description="its whole quarter-hours")
    drift_s: float | None = Field(description="the rest")
    spread_s: float | None = Field(description="between the quartiles")
    frames: int = Field(description="that carry both times")
    doubt: str | None = Field(description="why the measured offset is not applied without a person; null: it is")
    applied_s: float | None
    confirmed_by_id: int | None = Field(description="null: not by a person")
    frames_used: int = Field(description="processed with the applied offset")
    frames_waiting: int = Field(description="refused for want of one")
