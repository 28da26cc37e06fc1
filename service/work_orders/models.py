"""The repair: which unit, how much, by when, with what proof, and who found it good."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import Municipality, User
from service.core.tables import Base, CreatedAt, Id, status_column
from service.defects.models import Defect
from service.work_orders.states import WorkOrderState


class Unit(Base):
    """A crew that can be sent: pothole machine, cleaning contractor, signs, walls."""

    __tablename__ = "unit"
    __table_args__ = (UniqueConstraint("municipality_id", "key"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    key: Mapped[str] = mapped_column(String(40))
    name_en: Mapped[str] = mapped_column(String(120))
    name_ar: Mapped[str] = mapped_column(String(120))
    active: Mapped[bool] = mapped_column(default=True)
    municipality: Mapped[Municipality] = relationship()


class RoutingRule(Base):
    """Which unit of a municipality takes a class."""

    __tablename__ = "routing_rule"
    __table_args__ = (UniqueConstraint("municipality_id", "class_key"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    class_key: Mapped[str] = mapped_column(String(40))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    unit: Mapped[Unit] = relationship()


class SlaPolicy(Base):
    """How many hours a class may wait in a municipality."""

    __tablename__ = "sla_policy"
    __table_args__ = (UniqueConstraint("municipality_id", "class_key"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    class_key: Mapped[str] = mapped_column(String(40))
    hours: Mapped[int]


class WorkOrder(Base):
    __tablename__ = "work_order"
    __table_args__ = (
        Index("ix_work_order_municipality_state", "municipality_id", "state", "id"),
        Index("ix_work_order_defect", "defect_id"),
        Index("ix_work_order_unit_state", "unit_id", "state", "id"),
        Index("uq_work_order_defect", "defect_id", unique=True, postgresql_where=text("state <> 'cancelled'")),
    )

    id: Mapped[Id]
    defect_id: Mapped[int] = mapped_column(ForeignKey("defect.id"))
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))  # None: no rule matched, a person assigns
    class_key: Mapped[str] = mapped_column(String(40))
    state: Mapped[WorkOrderState] = mapped_column(status_column(WorkOrderState))
    state_reason: Mapped[str | None] = mapped_column(String(500))  # of the last hold, cancel, failed inspection
    held_from: Mapped[WorkOrderState | None] = mapped_column(
        status_column(WorkOrderState, "held_from")
    )  # where resume returns
    held_at: Mapped[datetime | None]  # the SLA clock stands still from here
    quantity_unit: Mapped[str] = mapped_column(String(8))  # the class's unit of work
    quantity_estimated: Mapped[float | None]
    quantity_measured: Mapped[float | None]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    defect: Mapped[Defect] = relationship()
    unit: Mapped[Unit | None] = relationship()
    municipality: Mapped[Municipality] = relationship()


class Proof(Base):
    """The photo and the measured quantity with which a unit reports an order done; append-only."""

    __tablename__ = "proof"
    __table_args__ = (UniqueConstraint("work_order_id", "sha256"),)

    id: Mapped[Id]
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_order.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    blob_key: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(40))
    quantity: Mapped[float]
    note: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[CreatedAt]


class VerifiedBy(StrEnum):
    """What a repair was found good by."""

    PERSON = "person"  # who looked at it or at its photo
    PASS = "pass"  # later passes looked and saw nothing; a person may have confirmed that


class Inspection(Base):
    """One look at a repair; append-only."""

    __tablename__ = "inspection"

    id: Mapped[Id]
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_order.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    passed: Mapped[bool]
    by: Mapped[VerifiedBy] = mapped_column(
        status_column(VerifiedBy), default=VerifiedBy.PERSON, server_default=VerifiedBy.PERSON.value
    )
    note: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[CreatedAt]
    user: Mapped[User] = relationship()


class Repair(Base):
    """One repair from the day it was reported done: when it was found good, and when it failed.

    An order that is opened again has one of these for each time.
    """

    __tablename__ = "repair"
    __table_args__ = (
        UniqueConstraint("work_order_id", "done_at"),
        Index("ix_repair_municipality_done", "municipality_id", "done_at"),
    )

    id: Mapped[Id]
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_order.id"))
    defect_id: Mapped[int] = mapped_column(ForeignKey("defect.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))  # who did it
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    class_key: Mapped[str] = mapped_column(String(40))
    done_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[VerifiedBy | None] = mapped_column(status_column(VerifiedBy))
    failed_at: Mapped[datetime | None]  # seen again, reopened by a person, or refused by an inspection
    lasted_days: Mapped[float | None]  # from done to failed; null where it was never found good or still is
