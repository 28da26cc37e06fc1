"""The working calendar of a municipality, and the clock of each order: what it was promised and what falls due next."""

from datetime import date, datetime, timedelta

from sqlalchemy import Date, ForeignKey, Index, Interval, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.core.tables import Base, Id, JsonObject
from service.work_orders.models import WorkOrder


class WorkingCalendar(Base):
    """Hours that count, by day of the week; a municipality without one has office hours."""

    __tablename__ = "working_calendar"

    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"), primary_key=True)
    week: Mapped[JsonObject]  # {"sunday": ["07:30-14:30"]}; a day that is not named is closed
    ramadan: Mapped[JsonObject | None] = mapped_column(JSONB(none_as_null=True))  # null: as in the rest of the year
    public_holidays: Mapped[bool]  # closed on them


class SpecialPeriod(Base):
    """Days, both counted, that a municipality closes or gives hours of their own."""

    __tablename__ = "special_period"
    __table_args__ = (UniqueConstraint("municipality_id", "first_day", "last_day"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    name_en: Mapped[str] = mapped_column(String(120))
    name_ar: Mapped[str] = mapped_column(String(120))
    hours: Mapped[list[str]] = mapped_column(JSONB)  # none: closed


class OrderClock(Base):
    """The promise an order was opened under and how much of it is used; changed under the order's lock alone."""

    __tablename__ = "order_clock"
    __table_args__ = (Index("ix_order_clock_next_at", "next_at", postgresql_where=text("next_at IS NOT NULL")),)

    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_order.id", ondelete="CASCADE"), primary_key=True)
    policy_id: Mapped[int | None] = mapped_column(ForeignKey("sla_policy.id", ondelete="SET NULL"), index=True)
    level: Mapped[JsonObject]  # sla.ServiceLevel, as it was then
    running_since: Mapped[datetime | None]  # None: on hold
    used_working: Mapped[timedelta] = mapped_column(Interval)  # before `running_since`, by the calendar
    used_elapsed: Mapped[timedelta] = mapped_column(Interval)  # the same by the plain clock
    steps: Mapped[list[JsonObject]] = mapped_column(JSONB)  # sla.Step not yet due, in order
    next_at: Mapped[datetime | None]  # of the first step; None while nobody waits for the repair
    order: Mapped[WorkOrder] = relationship()
