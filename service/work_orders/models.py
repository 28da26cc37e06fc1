"""The repair: which unit, how much, by when, with what proof, and who found it good."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    FetchedValue,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import District, Municipality, User
from service.core.tables import Base, CreatedAt, Id, JsonObject, status_column
from service.defects.models import Defect
from service.defects.sizes import SizeClass
from service.work_orders.sla import ClockKind, OnTransfer
from service.work_orders.states import WorkOrderState


class OrderSource(StrEnum):
    """Who found what an order mends, first."""

    VEHICLE = "vehicle"  # a survey
    INSPECTOR = "inspector"  # drew it on a frame
    REPORT = "report"  # a citizen, through the 940 centre


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
    capacity_per_day: Mapped[int | None]  # orders; None: nobody has said how much it can do
    municipality: Mapped[Municipality] = relationship()


class RoutingRule(Base):
    """Which unit of a municipality takes which work; an empty condition fits all, of those that fit the lowest rank
    decides."""

    __tablename__ = "routing_rule"
    __table_args__ = (UniqueConstraint("municipality_id", "key"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    key: Mapped[str] = mapped_column(String(60))
    rank: Mapped[int]
    active: Mapped[bool] = mapped_column(default=True, server_default="true")
    class_keys: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list, server_default="{}")
    size_classes: Mapped[list[str]] = mapped_column(ARRAY(String(24)), default=list, server_default="{}")
    district_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list, server_default="{}")
    road_classes: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list, server_default="{}")
    incident_kinds: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list, server_default="{}")
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger), default=list, server_default="{}")  # ISO
    from_hour: Mapped[int | None]  # local time; until_hour is not counted, and may lie on the next day
    until_hour: Mapped[int | None]
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    unit: Mapped[Unit] = relationship()


class SlaPolicy(Base):
    """How long orders may wait; what is null holds for all of them, and the most specific policy decides."""

    __tablename__ = "sla_policy"
    __table_args__ = (
        UniqueConstraint(
            "municipality_id", "class_key", "size_class", "min_priority",
            name="uq_sla_policy_scope", postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("size_class IN ('small', 'medium', 'large')", name="size_class"),
    )  # fmt: skip

    id: Mapped[Id]
    municipality_id: Mapped[int | None] = mapped_column(ForeignKey("municipality.id"))  # None: shared by all
    class_key: Mapped[str | None] = mapped_column(String(40))
    size_class: Mapped[str | None] = mapped_column(String(10))
    min_priority: Mapped[float | None]  # of the defect, 0..100
    clock: Mapped[ClockKind] = mapped_column(status_column(ClockKind))
    hours_to_start: Mapped[int | None]  # None: no promise of a start
    hours_to_close: Mapped[int]
    warn_share: Mapped[float]  # of the hours to close, 0..1
    escalations: Mapped[list[JsonObject]] = mapped_column(JSONB)  # sla.Escalation
    on_transfer: Mapped[OnTransfer] = mapped_column(status_column(OnTransfer))


class ProofRule(Base):
    """What must be shown of a repair before it counts as done; what is null holds for all of them, and the most
    specific rule decides."""

    __tablename__ = "proof_rule"
    __table_args__ = (
        UniqueConstraint(
            "municipality_id", "class_key", name="uq_proof_rule_scope", postgresql_nulls_not_distinct=True
        ),
    )

    id: Mapped[Id]
    municipality_id: Mapped[int | None] = mapped_column(ForeignKey("municipality.id"))  # None: shared by all
    class_key: Mapped[str | None] = mapped_column(String(40))
    demands: Mapped[list[str]] = mapped_column(ARRAY(String(24)))  # demands.Demand, sorted


PASSED_OVER = ("state", "class_key", "municipality_id", "unit_id")
QUANTITY = "coalesce(quantity_measured, quantity_estimated, '-1'::double precision)"  # what has none sorts first
LIVE = "state IN ('assigned', 'in_progress', 'on_hold', 'open', 'referred')"  # the few that are still to be done
ENDS = "coalesce(closed_at, 'infinity'::timestamp with time zone)"


class WorkOrder(Base):
    __tablename__ = "work_order"
    __table_args__ = (
        Index("ix_work_order_municipality_state", "municipality_id", "state", "id"),
        Index("ix_work_order_unit_state", "unit_id", "state", "id"),
        Index("ix_work_order_hurried", "municipality_id", postgresql_where=text("due_before_incident IS NOT NULL")),
        Index("ix_work_order_municipality_due", "municipality_id", "due_at", "id"),
        Index("ix_work_order_municipality_opened", "municipality_id", "opened_at", "id"),
        # Lists run along these; the columns behind let other rows be passed over without reading them.
        Index("ix_work_order_due", "due_at", "id", *PASSED_OVER),
        Index("ix_work_order_opened", "opened_at", "id", *PASSED_OVER),
        Index("ix_work_order_rank", "rank", "id", *PASSED_OVER),
        Index("ix_work_order_quantity", text(QUANTITY), "id", *PASSED_OVER),
        Index("ix_work_order_seen", "id", text(ENDS), "opened_at", *PASSED_OVER[:3]),
        Index("ix_work_order_live", "due_at", "id", *PASSED_OVER, "held_at", postgresql_where=text(LIVE)),
        Index("ix_work_order_ends", "municipality_id", text(ENDS), "opened_at"),
        Index("ix_work_order_district_state", "district_id", "state", "id"),
        Index("ix_work_order_defect", "defect_id"),
        Index("ix_work_order_merged_into", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
        Index(
            "uq_work_order_defect", "defect_id", unique=True,
            postgresql_where=text("state <> 'cancelled' AND part_of_id IS NULL"),
        ),
        UniqueConstraint("part_of_id", "part_key"),
    )  # fmt: skip

    id: Mapped[Id]
    defect_id: Mapped[int] = mapped_column(ForeignKey("defect.id"))
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))  # None: no rule matched, a person assigns
    district_id: Mapped[int | None] = mapped_column(ForeignKey("district.id", ondelete="SET NULL"))
    class_key: Mapped[str] = mapped_column(String(40))
    size_class: Mapped[SizeClass] = mapped_column(
        status_column(SizeClass), default=SizeClass.UNKNOWN, server_default=SizeClass.UNKNOWN.value
    )  # by the estimate
    source: Mapped[OrderSource] = mapped_column(
        status_column(OrderSource), default=OrderSource.VEHICLE, server_default=OrderSource.VEHICLE.value
    )
    state: Mapped[WorkOrderState] = mapped_column(status_column(WorkOrderState))
    state_reason: Mapped[str | None] = mapped_column(
        String(500)
    )  # of the last hold, cancel, refusal, failed inspection
    held_from: Mapped[WorkOrderState | None] = mapped_column(
        status_column(WorkOrderState, "held_from")
    )  # where resume returns
    held_at: Mapped[datetime | None]  # the SLA clock stands still from here
    quantity_unit: Mapped[str] = mapped_column(String(8))  # the class's unit of work
    quantity_estimated: Mapped[float | None]
    quantity_measured: Mapped[float | None]
    opened_at: Mapped[datetime]
    start_due_at: Mapped[datetime | None]  # None: no promise of a start
    due_at: Mapped[datetime]  # of the repair
    due_before_incident: Mapped[datetime | None]  # when it was due before an incident made it urgent
    done_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    priority_set: Mapped[float | None]  # by a person, in place of the defect's
    # `priority` for sorting alone: a copy that triggers of the database keep (migration 0018), whoever writes.
    rank: Mapped[float] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue(), deferred=True
    )  # fmt: skip
    part_of_id: Mapped[int | None] = mapped_column(ForeignKey("work_order.id"))  # split off; its defect is that one's
    part_key: Mapped[str | None] = mapped_column(String(40))
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("work_order.id"))  # done with that one
    defect: Mapped[Defect] = relationship()
    unit: Mapped[Unit | None] = relationship()
    municipality: Mapped[Municipality] = relationship()
    district: Mapped[District | None] = relationship()

    @property
    def priority(self) -> float:
        return self.defect.priority if self.priority_set is None else self.priority_set


class ProofKind(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class Proof(Base):
    """A photo from the place of the repair; with a measured quantity the one that a unit reports an order done with.
    Append-only."""

    __tablename__ = "proof"
    __table_args__ = (UniqueConstraint("work_order_id", "sha256"), Index("ix_proof_sha256", "sha256"))

    id: Mapped[Id]
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_order.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    blob_key: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(40))
    kind: Mapped[ProofKind] = mapped_column(
        status_column(ProofKind), default=ProofKind.AFTER, server_default=ProofKind.AFTER.value
    )
    quantity: Mapped[float | None]  # None: a photo beside the report
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
