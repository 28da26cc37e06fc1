"""What one round sends: deliveries that are due, counted and lent first, so that no worker's death hides one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from service.core.events import Event
from service.core.runtime import Runtime
from service.webhooks.horizon import installation
from service.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookSecret, WebhookState
from service.webhooks.payload import Told, message_id, render
from service.webhooks.retries import ATTEMPTS
from service.webhooks.vault import Vault


@dataclass(frozen=True)
class Message:
    delivery_id: int
    message_id: str
    body: bytes


@dataclass(frozen=True)
class Claim:
    url: str
    secrets: list[str]  # opened, the newest first; in memory only
    messages: list[Message]

    def __repr__(self) -> str:  # never a secret in a traceback or log
        return f"Claim({len(self.messages)} messages)"


def claim(runtime: Runtime, endpoint_id: int, vault: Vault, now: datetime, only_id: int | None = None) -> Claim | None:
    """The endpoint's next due deliveries (or that one), lent to the caller; None: nothing due, or it is not active."""
    settings = runtime.settings
    with runtime.database.transaction() as session:
        endpoint = session.get(WebhookEndpoint, endpoint_id)
        if endpoint is None or endpoint.state is not WebhookState.ACTIVE:
            return None
        secrets = open_secrets(session, endpoint_id, vault, now)
        due = _take(session, endpoint_id, settings.webhook_parallel, now, only_id)
        if not due:
            return None
        for delivery in due:
            delivery.attempts += 1
            delivery.due_at, delivery.last_at = now + _lease(settings.webhook_timeout_s), now
        source = settings.webhook_source or installation(session)
        return Claim(endpoint.url, secrets, [_message(one, source) for one in due])


def open_secrets(session: Session, endpoint_id: int, vault: Vault, now: datetime) -> list[str]:
    """Those that sign now; raises SecretUnreadable."""
    good = or_(WebhookSecret.expires_at.is_(None), WebhookSecret.expires_at > now)
    own = select(WebhookSecret.sealed).where(WebhookSecret.endpoint_id == endpoint_id, good)
    return [vault.open(sealed) for sealed in session.scalars(own.order_by(WebhookSecret.id.desc()))]


def told_of(event: Event) -> Told:
    return Told(
        event_id=event.id,
        at=event.at,
        municipality_id=event.municipality_id,
        actor_kind=event.actor_kind,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        action=event.action,
        from_state=event.from_state,
        to_state=event.to_state,
        facts=event.data,
    )


def _take(session: Session, endpoint_id: int, limit: int, now: datetime, only_id: int | None) -> list[WebhookDelivery]:
    """Rows that no other worker holds. One whose every attempt ended with its worker is given up here."""
    due = (
        select(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.state == DeliveryState.WAITING,
            WebhookDelivery.due_at <= now,
        )
        .order_by(WebhookDelivery.due_at, WebhookDelivery.id)
        .limit(limit)
        .options(joinedload(WebhookDelivery.event, innerjoin=True))
        .with_for_update(skip_locked=True, of=WebhookDelivery)
    )
    rows = list(session.scalars(due if only_id is None else due.where(WebhookDelivery.id == only_id)))
    for spent in [one for one in rows if one.attempts >= ATTEMPTS]:
        spent.state, spent.last_error = DeliveryState.DEAD, "the worker ended during the last attempt; replay it"
    return [one for one in rows if one.state is DeliveryState.WAITING]


def _lease(timeout_s: float) -> timedelta:
    """How long an attempt may take before it counts as lost with its worker: name service, request, writing down."""
    return timedelta(seconds=2 * timeout_s + 30)


def _message(delivery: WebhookDelivery, source: str) -> Message:
    return Message(delivery.id, message_id(delivery.event_id), render(told_of(delivery.event), source))
