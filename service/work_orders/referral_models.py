"""Work that another agency must do: whom it was referred to, and what they answered."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.core.tables import Base, CreatedAt, Id, status_column
from service.work_orders.models import WorkOrder


class Agency(Base):
    """Someone outside of the municipality who mends what is theirs: water, electricity, telecoms, roads."""

    __tablename__ = "agency"
    __table_args__ = (UniqueConstraint("municipality_id", "key"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    key: Mapped[str] = mapped_column(String(40))
    name_en: Mapped[str] = mapped_column(String(120))
    name_ar: Mapped[str] = mapped_column(String(120))
    contact: Mapped[str] = mapped_column(String(300))  # an office, a telephone, an e-mail address
    active: Mapped[bool] = mapped_column(default=True)


class ReferralOutcome(StrEnum):
    DONE = "done"  # they say it is repaired: it is inspected like any repair
    DECLINED = "declined"  # not theirs
    RETURNED = "returned"  # theirs, but they cannot do it now
    WITHDRAWN = "withdrawn"  # the order was cancelled meanwhile


class Referral(Base):
    __tablename__ = "referral"
    __table_args__ = (
        Index("uq_referral_waiting", "work_order_id", unique=True, postgresql_where=text("outcome IS NULL")),
        Index("ix_referral_municipality_due", "municipality_id", "answer_due_at"),
    )

    id: Mapped[Id]
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_order.id"), index=True)
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    agency_id: Mapped[int] = mapped_column(ForeignKey("agency.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # who referred it
    number: Mapped[str] = mapped_column(String(80))  # of the letter or of the agency's own system
    note: Mapped[str | None] = mapped_column(String(1000))
    sent_at: Mapped[datetime]
    answer_due_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    outcome: Mapped[ReferralOutcome | None] = mapped_column(status_column(ReferralOutcome))  # None: no answer yet
    answer: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[CreatedAt]
    agency: Mapped[Agency] = relationship()
    order: Mapped[WorkOrder] = relationship()
