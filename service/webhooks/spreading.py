"""From events to deliveries: the event table is the outbox, each endpoint reads on from its own cursor."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.core.events import Event
from service.core.queue import enqueue
from service.core.runtime import Runtime
from service.webhooks.catalogue import WITHHELD_KINDS
from service.webhooks.horizon import settle, tell_if_stuck
from service.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookState

DELIVER = "deliver_webhook"
QUEUE = "webhooks"
STEP_IDS = 10_000  # events looked at in one transaction
MOST_WAITING = 20_000  # deliveries of one endpoint; further events stay in the event table until some are gone


def spread(runtime: Runtime, now: datetime) -> None:
    """Makes deliveries of new events and asks for a job for each endpoint that has something due.

    Safe to run twice, and at once: an endpoint's row is locked, and an event is one delivery.
    """
    with runtime.database.transaction() as session:
        if session.scalar(_active().limit(1)) is None:
            return
        horizon_id = settle(session, now)
        tell_if_stuck(session, now)
        behind = session.scalars(_active().where(WebhookEndpoint.cursor_id < horizon_id)).all()
    for endpoint_id in behind:
        while _step(runtime, endpoint_id, horizon_id, now):
            pass
    with runtime.database.transaction() as session:
        for endpoint_id in session.scalars(_active().where(_something_due(now))):
            ask_delivery(session, endpoint_id)


def ask_delivery(session: Session, endpoint_id: int) -> None:
    enqueue(session, DELIVER, lock=f"webhook:{endpoint_id}", queue=QUEUE, endpoint_id=endpoint_id)


def concerns(endpoint: WebhookEndpoint) -> ColumnElement[bool]:
    """Which events the endpoint asked for and may see; its own test message is addressed to it directly."""
    chosen = [_chosen(pattern) for pattern in endpoint.event_types]
    own = true() if endpoint.municipality_id is None else Event.municipality_id == endpoint.municipality_id
    return and_(own, Event.subject_kind.not_in(WITHHELD_KINDS), or_(*chosen))


def add_deliveries(session: Session, endpoint: WebhookEndpoint, events: ColumnElement[bool], now: datetime) -> int:
    """One waiting delivery for each of those events, in their order; those that are there already stay as they are."""
    waiting = (literal(DeliveryState.WAITING.value), literal(0), literal(now))
    rows = select(literal(endpoint.id), Event.id, *waiting).where(events).order_by(Event.id)
    columns = ["endpoint_id", "event_id", "state", "attempts", "due_at"]
    added = insert(WebhookDelivery).from_select(columns, rows).on_conflict_do_nothing().returning(WebhookDelivery.id)
    return len(session.scalars(added).all())


def _active() -> Select[int]:
    return select(WebhookEndpoint.id).where(WebhookEndpoint.state == WebhookState.ACTIVE).order_by(WebhookEndpoint.id)


def _something_due(now: datetime) -> ColumnElement[bool]:
    return exists().where(
        WebhookDelivery.endpoint_id == WebhookEndpoint.id,
        WebhookDelivery.state == DeliveryState.WAITING,
        WebhookDelivery.due_at <= now,
    )


def _step(runtime: Runtime, endpoint_id: int, horizon_id: int, now: datetime) -> bool:
    """One transaction's worth; False when the endpoint is up to date, busy elsewhere, or has too much waiting."""
    with runtime.database.transaction() as session:
        endpoint = session.scalar(
            select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).with_for_update(skip_locked=True)
        )
        if endpoint is None or endpoint.state is not WebhookState.ACTIVE or endpoint.cursor_id >= horizon_id:
            return False
        if _waiting(session, endpoint_id) >= MOST_WAITING:
            return False
        upto_id = min(endpoint.cursor_id + STEP_IDS, horizon_id)
        window = and_(Event.id > endpoint.cursor_id, Event.id <= upto_id)
        add_deliveries(session, endpoint, and_(window, concerns(endpoint)), now)
        endpoint.cursor_id = upto_id
        return upto_id < horizon_id


def _waiting(session: Session, endpoint_id: int) -> int:
    some = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == DeliveryState.WAITING)
        .limit(MOST_WAITING)
    )
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def _chosen(pattern: str) -> ColumnElement[bool]:
    if pattern == "*":
        return true()
    kind, action = pattern.split(".")
    return Event.subject_kind == kind if action == "*" else and_(Event.subject_kind == kind, Event.action == action)
