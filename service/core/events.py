"""The audit trail: every change of state writes one Event in the transaction that makes it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.core.tables import Base, Id, JsonObject


@dataclass(frozen=True)
class Actor:
    """Who did it: a user, a vehicle, or the system itself (id None)."""

    kind: str
    id: int | None = None


SYSTEM = Actor("system")
GIVEN = "subject_kind = 'work_order' AND data ? 'unit_id'"  # a unit got the order

REOPENED = "subject_kind = 'work_order' AND action = 'reopen'"  # an order lives again
CAME_BACK = "subject_kind = 'defect' AND action IN ('reopen', 'return')"  # a defect that had been mended


class Event(Base):
    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_subject", "subject_kind", "subject_id", "id"),
        Index("ix_event_reopened", "subject_id", postgresql_where=text(REOPENED)),
        Index("ix_event_came_back", "at", postgresql_where=text(CAME_BACK)),
        Index("ix_event_given", "municipality_id", "at", postgresql_where=text(GIVEN)),
    )

    id: Mapped[Id]
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    municipality_id: Mapped[int | None] = mapped_column(ForeignKey("municipality.id"))
    actor_kind: Mapped[str] = mapped_column(String(10))  # user | vehicle | system
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    subject_kind: Mapped[str] = mapped_column(String(20))  # frame | defect | work_order | user | vehicle
    subject_id: Mapped[int] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(String(30))
    from_state: Mapped[str | None] = mapped_column(String(24))
    to_state: Mapped[str | None] = mapped_column(String(24))
    data: Mapped[JsonObject]


def record(
    session: Session,
    *,
    at: datetime,
    actor: Actor,
    subject_kind: str,
    subject_id: int,
    action: str,
    municipality_id: int | None,
    from_state: str | None = None,
    to_state: str | None = None,
    data: JsonObject | None = None,
) -> None:
    """Adds the event to the caller's transaction: it is kept exactly when the change is."""
    session.add(
        Event(
            at=at,
            municipality_id=municipality_id,
            actor_kind=actor.kind,
            actor_id=actor.id,
            subject_kind=subject_kind,
            subject_id=subject_id,
            action=action,
            from_state=from_state,
            to_state=to_state,
            data=data or {},
        )
    )
