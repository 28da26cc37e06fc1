"""Who wants to hear of events, with which secrets, and what became of each message."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.core.events import Event
from service.core.tables import Base, CreatedAt, Id, status_column


class WebhookState(StrEnum):
    """Only an active endpoint is sent anything; the events of the others wait."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person
    DISABLED = "disabled"  # by what the receiver said, or did not say


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; a person may replay it


class WebhookEndpoint(Base):
    __tablename__ = "webhook_endpoint"
    __table_args__ = (UniqueConstraint("municipality_id", "url", postgresql_nulls_not_distinct=True),)

    id: Mapped[Id]
    municipality_id: Mapped[int | None] = mapped_column(ForeignKey("municipality.id"))  # None: events of all
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(120))
    event_types: Mapped[list[str]] = mapped_column(ARRAY(String(82)))  # patterns: webhooks.catalogue
    state: Mapped[WebhookState] = mapped_column(status_column(WebhookState))
    reason: Mapped[str | None] = mapped_column(String(300))  # why it is disabled
    cursor_id: Mapped[int]  # events up to this id are deliveries, or were not asked for
    failing_since: Mapped[datetime | None]  # the first failure after the last success
    created_at: Mapped[CreatedAt]


class WebhookSecret(Base):
    """One signing secret, sealed (webhooks.vault). During a rotation there are several, and each signs."""

    __tablename__ = "webhook_secret"

    id: Mapped[Id]
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"), index=True)
    sealed: Mapped[str] = mapped_column(String(300))
    expires_at: Mapped[datetime | None]  # None: the current one
    created_at: Mapped[CreatedAt]


class WebhookDelivery(Base):
    """One event on its way to one endpoint."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        Index("ix_webhook_delivery_due", "endpoint_id", "due_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_webhook_delivery_dead", "endpoint_id", "id", postgresql_where=text("state = 'dead'")),
        Index("ix_webhook_delivery_done", "last_at", postgresql_where=text("state = 'delivered'")),
    )

    id: Mapped[Id]
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"))
    state: Mapped[DeliveryState] = mapped_column(status_column(DeliveryState))
    attempts: Mapped[int]  # since it was first sent, or last replayed; counted before the request
    due_at: Mapped[datetime]  # of the next attempt; while one is under way, when it counts as lost
    last_at: Mapped[datetime | None]
    last_status: Mapped[int | None]  # HTTP
    last_error: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[CreatedAt]
    event: Mapped[Event] = relationship()


class EventHorizon(Base):
    """How far the event table is complete: below `settled_id` no transaction can add an event any more. One row."""

    __tablename__ = "event_horizon"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    installation: Mapped[str] = mapped_column(String(45))  # urn:uuid, the source that CloudEvents name
    settled_id: Mapped[int]
    pending_id: Mapped[int | None]  # settled once the writers are gone
    pending_writers: Mapped[list[str]] = mapped_column(ARRAY(String(40)))  # PostgreSQL's virtual transactions
    pending_since: Mapped[datetime | None]
