"""What a crew can do in a shift, the plans made for it, and the stops of each."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.core.tables import Base, Id, JsonObject
from service.work_orders.models import Unit, WorkOrder


class Crew(Base):
    """Where a unit starts, how long and how fast it works."""

    __tablename__ = "crew"

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    start_lat: Mapped[float]  # the depot
    start_lon: Mapped[float]
    end_lat: Mapped[float]  # where the shift ends
    end_lon: Mapped[float]
    shift_starts_min: Mapped[int]  # after midnight in Riyadh
    shift_min: Mapped[int]
    break_after_min: Mapped[int]
    break_min: Mapped[int]  # 0: none
    speed_kmh: Mapped[float]  # on the way, stops at lights included
    detour_factor: Mapped[float]  # of roads over straight lines, where no streets are imported
    carries_kg: Mapped[int | None]  # material; None: no limit
    work_times: Mapped[JsonObject]  # class -> `rates.WorkTime`, in place of the usual ones
    changed_at: Mapped[datetime]
    unit: Mapped[Unit] = relationship()


class CrewPlan(Base):
    """One version of a unit's plan for one shift; only the current one changes, by being followed by another."""

    __tablename__ = "crew_plan"
    __table_args__ = (
        UniqueConstraint("unit_id", "shift_starts_at", "version"),
        Index("uq_crew_plan_current", "unit_id", "shift_starts_at", unique=True, postgresql_where=text("current")),
        Index("ix_crew_plan_current_shift", "shift_ends_at", postgresql_where=text("current")),
    )

    id: Mapped[Id]
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    shift_starts_at: Mapped[datetime]
    shift_ends_at: Mapped[datetime]
    version: Mapped[int]
    current: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(40))  # first, urgent_order, order_gone, asked
    from_at: Mapped[datetime]  # what lies before is finished and not planned again
    made_at: Mapped[datetime]
    digest: Mapped[str] = mapped_column(String(64))  # of all that decided the plan
    inputs: Mapped[JsonObject]  # terms, window and orders as they were
    summary: Mapped[JsonObject]  # `service.summary_of`
    skipped: Mapped[list[JsonObject]] = mapped_column(JSONB)
    unit: Mapped[Unit] = relationship()
    stops: Mapped[list["PlanStop"]] = relationship(order_by="PlanStop.position", back_populates="plan")


class PlanStop(Base):
    """One order of a plan in its turn."""

    __tablename__ = "plan_stop"

    plan_id: Mapped[int] = mapped_column(ForeignKey("crew_plan.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)  # from 1
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_order.id"), index=True)
    finished: Mapped[bool]  # before this version was made
    must: Mapped[bool]
    class_key: Mapped[str] = mapped_column(String(40))
    quantity: Mapped[float | None]  # as estimated when it was planned
    quantity_unit: Mapped[str] = mapped_column(String(8))
    lat: Mapped[float]
    lon: Mapped[float]
    due_at: Mapped[datetime]
    arrives_at: Mapped[datetime]
    leaves_at: Mapped[datetime]
    drive_s: Mapped[int]
    drive_m: Mapped[float]
    by_road: Mapped[bool]
    path: Mapped[list[list[float]]] = mapped_column(JSONB)  # lon, lat from the place before
    plan: Mapped[CrewPlan] = relationship(back_populates="stops")
    work_order: Mapped[WorkOrder] = relationship()
