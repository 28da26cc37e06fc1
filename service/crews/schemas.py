"""What callers send and get of crews and their plans."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from service.core.fields import RowId
from service.crews.planning import Why
from service.crews.tour import Ending
from service.crews.travel import Measured
from service.defects.schemas import ClassKey

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
Lat = Annotated[float, Field(ge=-85, le=85)]
Lon = Annotated[float, Field(ge=-180, le=180)]
Minutes = Annotated[float, Field(ge=0, le=1440, allow_inf_nan=False)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WorkTimeIn(Body):
    """Minutes at one place: `fixed_min` and so many for each unit of work, within bounds."""

    fixed_min: Minutes
    per_unit_min: Minutes
    least_min: Minutes
    most_min: Minutes
    unknown_min: Minutes = Field(description="where the quantity is not known")
    round_of: float | None = Field(None, ge=0.01, le=1e6, description="more units than this are done in several rounds")

    @model_validator(mode="after")
    def _bounds(self) -> "WorkTimeIn":
        if self.least_min > self.most_min:
            raise ValueError(f"expected least_min of at most most_min ({self.most_min}), got {self.least_min}")
        return self


class CrewIn(Body):
    """Where a unit starts, how long and how fast it works."""

    start_lat: Lat = Field(description="the depot")
    start_lon: Lon
    end_lat: Lat | None = Field(None, description="where the shift ends; left out: at the depot")
    end_lon: Lon | None = None
    shift_starts_min: int = Field(420, ge=0, lt=1440, description="minutes after midnight in Riyadh")
    shift_min: int = Field(480, ge=30, le=1440)
    break_after_min: int = Field(240, ge=0, le=1440)
    break_min: int = Field(30, ge=0, le=240, description="0: none")
    speed_kmh: float = Field(30, ge=3, le=130, description="on the way, stops at lights included")
    detour_factor: float = Field(1.35, ge=1, le=5, description="roads over straight lines, without imported streets")
    carries_kg: int | None = Field(None, ge=1, le=100_000, description="material; null: no limit")
    work_times: dict[ClassKey, WorkTimeIn] = Field(default_factory=dict, description="in place of the usual ones")

    @model_validator(mode="after")
    def _both(self) -> "CrewIn":
        if (self.end_lat is None) != (self.end_lon is None):
            raise ValueError("expected end_lat and end_lon together or neither, got one of them")
        return self


class CrewOut(CrewIn):
    unit_id: int
    municipality_id: int
    changed_at: datetime


class PlanIn(Body):
    """Which shift to plan. Sent again with nothing changed it gives the same plan."""

    day: date | None = Field(
        None, ge=FIRST_DAY, le=LAST_DAY, description="on which the shift begins, in Riyadh; left out: today"
    )
    from_at: AwareDatetime | None = Field(None, description="the plan begins here; left out: now, or the shift's start")
    from_lat: Lat | None = Field(None, description="where the crew is; left out: at its last stop or the depot")
    from_lon: Lon | None = None

    @model_validator(mode="after")
    def _whole(self) -> "PlanIn":
        if (self.from_lat is None) != (self.from_lon is None):
            raise ValueError("expected from_lat and from_lon together or neither, got one of them")
        if self.from_at is not None and not FIRST_DAY.year <= self.from_at.year <= LAST_DAY.year:
            raise ValueError(f"expected from_at of {FIRST_DAY.year} to {LAST_DAY.year}, got {self.from_at.year}")
        return self


class StopOut(BaseModel):
    position: int
    work_order_id: RowId
    finished: bool
    must: bool = Field(description="begun, overdue, or due before the shift ends")
    class_key: str
    quantity: float | None
    quantity_unit: str
    lat: float
    lon: float
    due_at: datetime
    arrives_at: datetime
    leaves_at: datetime
    drive_s: int
    drive_m: float
    by_road: bool


class SkippedOut(BaseModel):
    work_order_id: int
    class_key: str
    must: bool
    why: Why
    because: str


class MaterialOut(BaseModel):
    key: str
    name_en: str
    name_ar: str
    unit: str
    amount: float
    orders: int
    unknown_orders: int = Field(description="without an estimate; not in the amount")
    assumes: str
    assumes_ar: str


class PlanOut(BaseModel):
    id: int
    unit_id: int
    municipality_id: int
    version: int
    current: bool
    reason: str
    shift_starts_at: datetime
    shift_ends_at: datetime
    from_at: datetime
    made_at: datetime
    measured: Measured = Field(description="what distances come from")
    assumes: list[str]
    stops_count: int
    finished_count: int
    skipped_count: int
    musts_skipped: int
    drive_m: float
    drive_s: int
    work_s: int
    break_at: datetime | None
    back_at: datetime
    ending: Ending = Field(description="time: the search was ended by its limit and may end elsewhere when asked again")


class PlanDetail(PlanOut):
    stops: list[StopOut]
    skipped: list[SkippedOut]
    materials: list[MaterialOut]
    inputs: dict[str, Any]
