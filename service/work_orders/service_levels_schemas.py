"""What callers send and get of service levels and working calendars."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, computed_field, model_validator

from service.accounts.permissions import Role
from service.core.calendar import WEEKDAYS, CalendarDay, DayKind
from service.core.fields import Name, RowId
from service.core.hijri_fields import HijriOut, hijri_out
from service.defects.schemas import ClassKey, Row
from service.work_orders.schemas import Body
from service.work_orders.sla import (
    ClockKind,
    Escalation,
    OnTransfer,
    Policy,
    ServiceLevel,
    Step,
    StepKind,
)

MAX_HOURS = 24 * 365
SizeClassKey = Literal["small", "medium", "large"]
Priority = Annotated[float, Field(ge=0, le=100)]
SpanText = Annotated[str, StringConstraints(max_length=11)]
Hours = Annotated[list[SpanText], Field(max_length=12, examples=[["07:30-14:30"]])]
WeekText = Annotated[
    dict[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], Hours],
    Field(description=f"by day ({', '.join(WEEKDAYS)}); a day that is left out is closed"),
]


class EscalationIn(Body):
    """Who is told how long after the due time, by the clock of the policy."""

    level: int = Field(ge=1, le=9)
    after_hours: int = Field(ge=0, le=MAX_HOURS)
    to_role: Role = Field(description="whoever has it in the municipality")
    to_user_id: RowId | None = Field(None, description="this person instead")


class SlaPolicyIn(Body):
    """The same scope again changes its policy."""

    municipality_id: RowId | None = Field(description="null: shared by all, set by administrators alone")
    class_key: ClassKey | None = Field(None, description="null: every class")
    size_class: SizeClassKey | None = Field(None, description="null: every size, and unknown ones")
    min_priority: Priority | None = Field(None, description="for defects of this priority and more")
    clock: ClockKind
    hours_to_start: int | None = Field(None, ge=1, le=MAX_HOURS, description="null: no promise of a start")
    hours_to_close: int = Field(ge=1, le=MAX_HOURS, description="from opening to done, the time on hold not counted")
    warn_share: float = Field(0.75, gt=0, lt=1, description="of the hours to close, when a warning is due")
    escalations: list[EscalationIn] = Field([], max_length=9)
    on_transfer: OnTransfer = OnTransfer.KEEP

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.hours_to_start is not None and self.hours_to_start > self.hours_to_close:
            raise ValueError(f"expected hours_to_start of at most {self.hours_to_close}, got {self.hours_to_start}")
        levels = [(one.level, one.after_hours) for one in self.escalations]
        ordered = levels == sorted(levels, key=lambda pair: pair[1]) == sorted(levels)
        if not ordered or len({level for level, _ in levels}) != len(levels):
            raise ValueError(f"expected escalations of rising level and hours, got {levels}")
        return self

    def policy(self) -> Policy:
        escalations = tuple(
            Escalation(one.level, one.after_hours, one.to_role.value, one.to_user_id) for one in self.escalations
        )
        level = ServiceLevel(
            self.clock, self.hours_to_start, self.hours_to_close, self.warn_share, escalations, self.on_transfer
        )
        return Policy(None, self.municipality_id, self.class_key, self.size_class, self.min_priority, level)


class EscalationOut(Row):
    level: int
    after_hours: int
    to_role: str
    to_user_id: int | None


class LevelOut(Row):
    """What is promised."""

    clock: ClockKind
    hours_to_start: int | None
    hours_to_close: int
    warn_share: float
    escalations: list[EscalationOut]
    on_transfer: OnTransfer


class SlaPolicyOut(LevelOut):
    """How long orders may wait; what is null holds for all of them."""

    id: int
    municipality_id: int | None
    class_key: str | None
    size_class: str | None
    min_priority: float | None


class CalendarIn(Body):
    """Hours in Saudi time; work beyond midnight is written on both days ("21:00-24:00", "00:00-02:00")."""

    municipality_id: RowId
    week: WeekText
    ramadan: WeekText | None = Field(description="in the month of Ramadan; null: as in the rest of the year")
    public_holidays: bool = Field(True, description="closed on Saudi public holidays")


class CalendarOut(Row):
    week: WeekText
    ramadan: WeekText | None
    public_holidays: bool


class SpecialPeriodIn(Body):
    """Days, both counted, that are closed or have hours of their own."""

    municipality_id: RowId
    first_day: date
    last_day: date
    name_en: Name
    name_ar: Name
    hours: Hours = Field([], description="left out: closed")


class SpecialPeriodOut(Row):
    id: int
    municipality_id: int
    first_day: date
    last_day: date
    name_en: str
    name_ar: str
    hours: list[str]

    @computed_field
    def first_day_hijri(self) -> HijriOut | None:
        return hijri_out(self.first_day)

    @computed_field
    def last_day_hijri(self) -> HijriOut | None:
        return hijri_out(self.last_day)


class DayOut(BaseModel):
    """A day of the working calendar."""

    day: date
    hijri: HijriOut | None
    weekday: str
    kind: DayKind = Field(description="why it has these hours")
    hours: list[str] = Field(description="none: closed")
    name_en: str | None = Field(description="of the holiday or special day")
    name_ar: str | None


class StepOut(Row):
    """Something that falls due."""

    kind: StepKind
    at: datetime
    level: int = Field(description="of an escalation, else 0")
    to_role: str | None
    to_user_id: int | None

    @computed_field
    def at_hijri(self) -> HijriOut | None:
        return hijri_out(self.at)


class ConsideredOut(BaseModel):
    policy_id: int | None = Field(description="null: built in")
    why: str


class SlaExplanation(BaseModel):
    """What an order would be promised, which policy decides and why the others do not."""

    policy_id: int | None = Field(description="null: built in")
    level: LevelOut
    considered: list[ConsideredOut] = Field(description="the policy that decides first")
    opened_at: datetime
    steps: list[StepOut] = Field(description="all that would fall due, in order")
    days: list[DayOut] = Field(description="the days until it is due, 60 at most")
    start_due_at: datetime | None
    due_at: datetime

    @computed_field
    def opened_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.opened_at)

    @computed_field
    def start_due_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.start_due_at)

    @computed_field
    def due_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.due_at)


class OrderClockOut(BaseModel):
    """The promise of an order and what is still to fall due."""

    policy_id: int | None
    level: LevelOut
    running: bool = Field(description="false: on hold, or nobody waits for the repair any more")
    used_s: float = Field(description="of the time to close, by the policy's clock")
    left_s: float = Field(description="below zero: late by so much")
    steps: list[StepOut]


def day_out(one: CalendarDay) -> DayOut:
    return DayOut(
        day=one.day,
        hijri=hijri_out(one.day),
        weekday=WEEKDAYS[one.day.weekday()],
        kind=one.kind,
        hours=[str(span) for span in one.hours],
        name_en=one.names.en if one.names else None,
        name_ar=one.names.ar if one.names else None,
    )


def step_out(step: Step) -> StepOut:
    return StepOut.model_validate(step)
