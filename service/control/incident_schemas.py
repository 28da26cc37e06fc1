"""What is sent of incidents: how they stand, what their report says, and where else they left a trace."""

from datetime import date, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, computed_field

from service.core.fields import Note, RowId
from service.core.hijri_fields import HijriOut, hijri_out
from service.incidents.rules import IncidentKind


class IncidentIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    municipality_id: RowId
    kind: IncidentKind
    name: str = Field(min_length=1, max_length=120)
    starts_at: AwareDatetime = Field(description="with the kind it tells a repeated request from a new incident")
    area: dict[str, Any] | None = Field(default=None, description="GeoJSON polygon; null: the whole municipality")
    rules: dict[str, Any] | None = Field(
        default=None, description="points, close_hours, capacity; null: the kind's own"
    )
    note: Note | None = None


class IncidentChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=120)
    area: dict[str, Any] | None = None
    rules: dict[str, Any]
    note: Note | None = None


class IncidentOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    municipality_id: int
    kind: IncidentKind
    name: str
    area: dict[str, Any] | None
    rules: dict[str, Any]
    starts_at: datetime
    ended_at: datetime | None
    note: str | None
    declared_by_id: int

    @computed_field
    def starts_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.starts_at)

    @computed_field
    def ended_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.ended_at)


class ClassFiguresOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    class_key: str = Field(serialization_alias="class")
    found: int = Field(description="seen or reported for the first time while it lasted")
    to_review: int
    orders: int = Field(description="that waited when it began or were opened while it lasted")
    waiting: int
    closed: int
    late: int = Field(description="done after they were due, or due by now and not done")
    in_time: int = Field(description="of the closed ones")
    hours_to_start: float | None = Field(description="the median, from the opening or the incident's start")
    hours_to_close: float | None = Field(description="the same")
    quantity: float = Field(description="measured on the closed ones")
    quantity_unit: str | None


class UnitFiguresOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    unit_id: int | None = Field(description="null: nobody was sent yet, or an agency has it")
    key: str | None
    name_en: str | None
    name_ar: str | None
    waiting: int
    in_progress: int
    closed: int


class AgencyFiguresOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    agency_id: int
    key: str
    name_en: str
    name_ar: str
    referred: int = Field(description="while it lasted, or before and not answered by then")
    answered: int
    done: int
    declined: int
    returned: int
    withdrawn: int = Field(description="the order was cancelled meanwhile")
    waiting: int
    overdue: int = Field(description="of the waiting ones")
    hours_to_answer: float | None = Field(description="the median")


class ReportFiguresOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    received: int
    waiting: int
    closed: int
    rejected: int
    of_known_defects: int


class IncidentFiguresOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    until: datetime
    hours: float
    orders: int
    waiting: int
    closed: int
    late: int
    in_time: int
    hours_to_start: float | None
    hours_to_close: float | None
    classes: list[ClassFiguresOut]
    units: list[UnitFiguresOut]
    agencies: list[AgencyFiguresOut] = Field(description="that work of it was referred to")
    reports: ReportFiguresOut = Field(description="of citizens")


class PhaseOut(BaseModel):
    """A step of the incident and the rules that held from then on."""

    at: datetime
    action: str = Field(description="declare, change or end")
    name: str | None
    rules: dict[str, Any] | None


class OpenOrderOut(BaseModel):
    """An order that is left."""

    order_id: int
    class_key: str = Field(serialization_alias="class")
    state: str
    unit_en: str | None = Field(description="the unit or the agency that has it")
    unit_ar: str | None
    due_at: datetime
    late: bool
    lat: float
    lon: float


class CellOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    cell: str
    centre: tuple[float, float] = Field(description="lat, lon")
    years: int
    episodes: int
    by_year: dict[int, int]
    last_on: date


class PlacesBeforeOut(BaseModel):
    """At how many places the class that comes first was found, and at how many of them it had been before."""

    model_config = ConfigDict(from_attributes=True)

    class_key: str = Field(serialization_alias="class")
    since: date
    places: int
    before: int
    cells: list[CellOut]


class ClosingOut(BaseModel):
    """What is kept of an incident when it ends."""

    municipality_en: str
    municipality_ar: str
    declared_at: datetime
    area_km2: float | None = Field(description="null: the whole municipality")
    phases: list[PhaseOut]
    figures: IncidentFiguresOut
    places_before: PlacesBeforeOut | None = Field(description="null where its rules put no class first")
    open_orders: list[OpenOrderOut] = Field(description="the soonest due first")
    closed_places: list[tuple[float, float]] = Field(description="lat, lon of the orders that were closed")


class IncidentReportOut(ClosingOut):
    """The closing report; while it lasts, how it stands."""

    incident: IncidentOut
    final: bool = Field(description="false while it lasts")
    sha256: str = Field(description="of all the rest: the same report has the same one")
