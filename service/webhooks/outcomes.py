"""What an attempt's answer changes: the delivery, and the endpoint when it is gone or has failed for too long."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.core.events import SYSTEM, record
from service.core.runtime import Runtime
from service.core.telemetry import WEBHOOK_ATTEMPTS
from service.webhooks.claims import Message
from service.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookState
from service.webhooks.retries import delay_after
from service.webhooks.sending import Answer

log = structlog.get_logger()
GONE = "the receiver answered 410 Gone: it wants no more messages"


def write_outcomes(
    runtime: Runtime, endpoint_id: int, messages: Sequence[Message], answers: Sequence[Answer], now: datetime
) -> None:
    """One transaction for one round of attempts."""
    with runtime.database.transaction() as session:
        endpoint = session.scalar(select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).with_for_update())
        if endpoint is None:  # deleted meanwhile, with its deliveries
            return
        ids = [message.delivery_id for message in messages]
        rows = session.scalars(select(WebhookDelivery).where(WebhookDelivery.id.in_(ids)).with_for_update())
        deliveries = {row.id: row for row in rows}
        for delivery_id, answer in zip(ids, answers, strict=True):
            _write(deliveries[delivery_id], answer, now)
        _judge(session, endpoint, answers, list(deliveries.values()), now, runtime.settings.webhook_disable_after_days)


def delete_old(runtime: Runtime, now: datetime) -> int:
    """Delivered messages go after their time; dead ones stay until they are replayed or their endpoint goes."""
    until = now - timedelta(days=runtime.settings.webhook_keep_days)
    old = (WebhookDelivery.state == DeliveryState.DELIVERED, WebhookDelivery.last_at < until)
    with runtime.database.transaction() as session:
        return len(session.scalars(delete(WebhookDelivery).where(*old).returning(WebhookDelivery.id)).all())


def disable(session: Session, endpoint: WebhookEndpoint, reason: str, code: str, now: datetime) -> None:
    before, endpoint.state = endpoint.state, WebhookState.DISABLED
    endpoint.reason = reason
    record(
        session, at=now, actor=SYSTEM, subject_kind="webhook", subject_id=endpoint.id, action="disable",
        municipality_id=endpoint.municipality_id, from_state=before.value, to_state=endpoint.state.value,
        data={"reason": code},
    )  # fmt: skip
    log.warning("webhook.disabled", endpoint_id=endpoint.id, reason=reason)


def _write(delivery: WebhookDelivery, answer: Answer, now: datetime) -> None:
    if delivery.state is not DeliveryState.WAITING and not answer.delivered:
        return  # it took so long that another worker sent it meanwhile
    delivery.last_at, delivery.last_status, delivery.last_error = now, answer.status, answer.error
    delay = delay_after(delivery.attempts, random.random(), answer.retry_after)
    if answer.delivered:
        delivery.state, outcome = DeliveryState.DELIVERED, "delivered"
    elif answer.gone or delay is None:
        delivery.state, outcome = DeliveryState.DEAD, "dead"
    else:
        delivery.due_at, outcome = now + delay, "failed"
    WEBHOOK_ATTEMPTS.labels(outcome).inc()


def _judge(
    session: Session, endpoint: WebhookEndpoint, answers: Sequence[Answer], deliveries: list[WebhookDelivery],
    now: datetime, patience_days: int,
) -> None:  # fmt: skip
    """A round with any success is a sign of life."""
    if any(answer.delivered for answer in answers):
        endpoint.failing_since = None
    elif endpoint.failing_since is None:
        endpoint.failing_since = now
    if endpoint.state is not WebhookState.ACTIVE:
        return
    exhausted = any(one.state is DeliveryState.DEAD for one in deliveries)
    if any(answer.gone for answer in answers):
        disable(session, endpoint, GONE, "gone", now)
    elif exhausted and endpoint.failing_since and endpoint.failing_since <= now - timedelta(days=patience_days):
        since = f"{endpoint.failing_since:%Y-%m-%d %H:%M} UTC"
        disable(session, endpoint, f"no message was taken since {since}, and retries ended", "failing", now)
