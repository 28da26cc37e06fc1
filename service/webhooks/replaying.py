"""Messages again: one, all that were given up, or all of a time, whether they were delivered then or not."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, select, update
from sqlalchemy.orm import Session, contains_eager

from service.accounts.caller import Caller, visible
from service.core.errors import NotFound, Unprocessable
from service.core.events import Event, record
from service.core.tables import JsonObject
from service.webhooks.endpoints import find_endpoint
from service.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from service.webhooks.spreading import add_deliveries, ask_delivery, concerns

MOST_REPLAYED = 100_000  # messages of one request


def visible_deliveries(caller: Caller) -> Select[WebhookDelivery]:
    """With the event of each."""
    joined = (
        select(WebhookDelivery)
        .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .join(WebhookDelivery.event)
        .options(contains_eager(WebhookDelivery.event))
    )
    return visible(joined, WebhookEndpoint.municipality_id, caller)


def find_delivery(session: Session, caller: Caller, delivery_id: int) -> WebhookDelivery:
    delivery = session.scalar(visible_deliveries(caller).where(WebhookDelivery.id == delivery_id))
    if delivery is None:
        raise NotFound("delivery.unknown", f"expected a delivery of your webhooks, got id {delivery_id}")
    return delivery


def replay_one(session: Session, caller: Caller, delivery_id: int, now: datetime) -> WebhookDelivery:
    delivery = find_delivery(session, caller, delivery_id)
    endpoint = find_endpoint(session, caller, delivery.endpoint_id, lock=True)
    if _again(session, WebhookDelivery.id == delivery_id, now):
        _record(session, caller, endpoint, {"what": "one", "event_id": delivery.event_id, "count": 1}, now)
    session.refresh(delivery)
    return delivery


def replay_dead(session: Session, caller: Caller, endpoint_id: int, now: datetime) -> int:
    """All that were given up; returns how many."""
    endpoint = find_endpoint(session, caller, endpoint_id, lock=True)
    dead = and_(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == DeliveryState.DEAD)
    count = _again(session, dead, now)
    if count:
        _record(session, caller, endpoint, {"what": "dead", "count": count}, now)
    return count


def replay_range(
    session: Session, caller: Caller, endpoint_id: int, since: datetime, until: datetime, now: datetime
) -> int:
    """Every event of the time that the endpoint asks for now, `until` left out; returns how many.

    What waits already is not doubled, so the request may be sent twice.
    """
    endpoint = find_endpoint(session, caller, endpoint_id, lock=True)
    if since >= until:
        raise Unprocessable("webhook.range", f"expected since before until, got {since} and {until}")
    events = and_(Event.at >= since, Event.at < until, concerns(endpoint))
    _check_size(session, events)
    own = WebhookDelivery.endpoint_id == endpoint_id
    count = _again(session, and_(own, WebhookDelivery.event_id.in_(select(Event.id).where(events))), now)
    count += add_deliveries(session, endpoint, events, now)
    if count:
        told = {"what": "range", "since": since.isoformat(), "until": until.isoformat(), "count": count}
        _record(session, caller, endpoint, told, now)
        ask_delivery(session, endpoint_id)
    return count


def _check_size(session: Session, events: ColumnElement[bool]) -> None:
    some = select(Event.id).where(events).limit(MOST_REPLAYED + 1).subquery()
    if (session.scalar(select(func.count()).select_from(some)) or 0) > MOST_REPLAYED:
        raise Unprocessable("webhook.range", f"expected at most {MOST_REPLAYED} events, got more; ask for less time")


def _again(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    """Those that do not wait already begin anew; the message keeps its id."""
    ended = and_(which, WebhookDelivery.state != DeliveryState.WAITING)
    values = {"state": DeliveryState.WAITING, "attempts": 0, "due_at": now}
    again = update(WebhookDelivery).where(ended).values(values).returning(WebhookDelivery.endpoint_id)
    endpoint_ids = session.scalars(again, execution_options={"synchronize_session": False}).all()
    for endpoint_id in set(endpoint_ids):
        ask_delivery(session, endpoint_id)
    return len(endpoint_ids)


def _record(session: Session, caller: Caller, endpoint: WebhookEndpoint, data: JsonObject, now: datetime) -> None:
    record(
        session, at=now, actor=caller.actor, subject_kind="webhook", subject_id=endpoint.id, action="replay",
        municipality_id=endpoint.municipality_id, from_state=endpoint.state.value, to_state=endpoint.state.value,
        data=data,
    )  # fmt: skip
