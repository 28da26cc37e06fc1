"""HTTP for webhooks: the catalogue of events, endpoints and their secrets, deliveries, replay."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from service.accounts.caller import Caller, require
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, NowDep, Page, RuntimeDep, SessionDep, paginate
from service.core.fields import RowId
from service.webhooks import endpoints, replaying
from service.webhooks.catalogue import EVENT_TYPES, PREFIX
from service.webhooks.claims import told_of
from service.webhooks.horizon import installation
from service.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from service.webhooks.payload import render
from service.webhooks.schemas import (
    DeliveryDetail,
    DeliveryOut,
    EventType,
    Replay,
    Replayed,
    Resume,
    Rotate,
    WebhookChange,
    WebhookIn,
    WebhookOut,
    WebhookWithSecret,
)

router = APIRouter(prefix="/api/v1", tags=["webhooks"], responses=PROBLEMS)
ManagerDep = Annotated[Caller, Depends(require(Permission.MANAGE_WEBHOOKS))]


@router.get("/event-types")
def list_event_types(caller: ManagerDep) -> list[EventType]:
    """Every type of event that a webhook can ask for."""
    return [
        EventType(type=name, cloud_event_type=PREFIX + name, description=said) for name, said in EVENT_TYPES.items()
    ]


@router.get("/webhooks")
def list_webhooks(
    caller: ManagerDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[WebhookOut]:
    """Endpoints of the caller's municipalities; an administrator's, all."""
    rows, following = paginate(session, endpoints.visible_endpoints(caller), WebhookEndpoint.id, after, limit)
    return Page(items=[WebhookOut.model_validate(row) for row in rows], next=following)


@router.post("/webhooks", status_code=201)
def create_webhook(
    body: WebhookIn, caller: ManagerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep
) -> WebhookWithSecret:
    """Adds an endpoint and tells its secret, this once. The same address again is a 409 that names the endpoint."""
    endpoint, secret = endpoints.create_endpoint(session, runtime.settings, caller, **body.model_dump(), now=now)
    return _with_secret(endpoint, secret)


@router.get("/webhooks/{webhook_id}")
def get_webhook(webhook_id: RowId, caller: ManagerDep, session: SessionDep) -> WebhookOut:
    """One endpoint, without its secret."""
    return WebhookOut.model_validate(endpoints.find_endpoint(session, caller, webhook_id))


@router.put("/webhooks/{webhook_id}")
def change_webhook(
    webhook_id: RowId, body: WebhookChange, caller: ManagerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep
) -> WebhookOut:
    """Another address or other events; messages that wait go to the new address."""
    changed = endpoints.change_endpoint(session, runtime.settings, caller, webhook_id, **body.model_dump(), now=now)
    return WebhookOut.model_validate(changed)


@router.delete("/webhooks/{webhook_id}", status_code=204)
def delete_webhook(webhook_id: RowId, caller: ManagerDep, session: SessionDep, now: NowDep) -> None:
    """Removes the endpoint, its secrets and its deliveries."""
    endpoints.delete_endpoint(session, caller, webhook_id, now)


@router.post("/webhooks/{webhook_id}/secret")
def rotate_webhook_secret(
    webhook_id: RowId, body: Rotate, caller: ManagerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep
) -> WebhookWithSecret:
    """A new secret, told this once; older ones sign beside it for a while, so that receivers can change over."""
    rotated = endpoints.rotate_secret(session, runtime.settings, caller, webhook_id, body.keep_previous_h, now)
    return _with_secret(*rotated)


@router.post("/webhooks/{webhook_id}/pause")
def pause_webhook(webhook_id: RowId, caller: ManagerDep, session: SessionDep, now: NowDep) -> WebhookOut:
    """Sends nothing until it is resumed; nothing is lost meanwhile."""
    return WebhookOut.model_validate(endpoints.pause_endpoint(session, caller, webhook_id, now))


@router.post("/webhooks/{webhook_id}/resume")
def resume_webhook(webhook_id: RowId, body: Resume, caller: ManagerDep, session: SessionDep, now: NowDep) -> WebhookOut:
    """Takes a paused or disabled endpoint up again, from where it stopped or from now."""
    resumed = endpoints.resume_endpoint(session, caller, webhook_id, from_now=body.from_now, now=now)
    return WebhookOut.model_validate(resumed)


@router.post("/webhooks/{webhook_id}/test", status_code=202)
def test_webhook(webhook_id: RowId, caller: ManagerDep, session: SessionDep, now: NowDep) -> DeliveryOut:
    """Sends an event `webhook.test` within seconds; ask for the delivery to see what came of it."""
    return DeliveryOut.of(endpoints.send_test(session, caller, webhook_id, now))


@router.post("/webhooks/{webhook_id}/replay", status_code=202)
def replay_webhook(webhook_id: RowId, body: Replay, caller: ManagerDep, session: SessionDep, now: NowDep) -> Replayed:
    """Sends again all messages that were given up, or all of a time. Messages keep their ids."""
    if body.since:
        count = replaying.replay_range(session, caller, webhook_id, body.since, body.until or now, now)
    else:
        count = replaying.replay_dead(session, caller, webhook_id, now)
    return Replayed(count=count, state=endpoints.find_endpoint(session, caller, webhook_id).state)


@router.get("/webhook-deliveries")
def list_deliveries(
    caller: ManagerDep, session: SessionDep, webhook_id: RowId | None = None,
    state: Annotated[DeliveryState | None, Query(description="`dead` is the dead-letter list")] = None,
    after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[DeliveryOut]:  # fmt: skip
    """What became of each message, the newest first."""
    statement = replaying.visible_deliveries(caller)
    if webhook_id is not None:
        statement = statement.where(WebhookDelivery.endpoint_id == webhook_id)
    if state is not None:
        statement = statement.where(WebhookDelivery.state == state)
    rows, following = paginate(session, statement, WebhookDelivery.id, after, limit, descending=True)
    return Page(items=[DeliveryOut.of(row) for row in rows], next=following)


@router.get("/webhook-deliveries/{delivery_id}")
def get_delivery(delivery_id: RowId, caller: ManagerDep, session: SessionDep, runtime: RuntimeDep) -> DeliveryDetail:
    """One delivery with the body that is sent."""
    row = replaying.find_delivery(session, caller, delivery_id)
    body = render(told_of(row.event), runtime.settings.webhook_source or installation(session))
    return DeliveryDetail.of(row, message=json.loads(body))


@router.post("/webhook-deliveries/{delivery_id}/replay", status_code=202)
def replay_delivery(delivery_id: RowId, caller: ManagerDep, session: SessionDep, now: NowDep) -> DeliveryOut:
    """Sends one message again, delivered or given up; one that waits goes on waiting."""
    return DeliveryOut.of(replaying.replay_one(session, caller, delivery_id, now))


def _with_secret(endpoint: WebhookEndpoint, secret: str) -> WebhookWithSecret:
    return WebhookWithSecret.model_validate({**WebhookOut.model_validate(endpoint).model_dump(), "secret": secret})
