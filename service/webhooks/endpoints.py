"""The life of an endpoint: added, changed, given new secrets, paused, resumed, tested, removed."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.models import Municipality
from service.core.addresses import read_target
from service.core.errors import Conflict, Forbidden, NotFound
from service.core.events import Actor, Event, record
from service.core.settings import Settings
from service.core.tables import JsonObject
from service.webhooks.horizon import settle
from service.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookSecret, WebhookState
from service.webhooks.signing import new_secret
from service.webhooks.spreading import ask_delivery
from service.webhooks.vault import open_vault

MOST_SECRETS = 5  # signatures in one header


def visible_endpoints(caller: Caller) -> Select[WebhookEndpoint]:
    """An endpoint for all municipalities is an administrator's alone."""
    return visible(select(WebhookEndpoint), WebhookEndpoint.municipality_id, caller)


def find_endpoint(session: Session, caller: Caller, endpoint_id: int, *, lock: bool = False) -> WebhookEndpoint:
    statement = visible_endpoints(caller).where(WebhookEndpoint.id == endpoint_id)
    endpoint = session.scalar(statement.with_for_update() if lock else statement)
    if endpoint is None:
        raise NotFound("webhook.unknown", f"expected a webhook of your municipalities, got id {endpoint_id}")
    return endpoint


def create_endpoint(
    session: Session, settings: Settings, caller: Caller, *, municipality_id: int | None, url: str, description: str,
    event_types: list[str], now: datetime,
) -> tuple[WebhookEndpoint, str]:  # fmt: skip
    """The endpoint and its secret, which is told this once. It hears of events from now on.

    Sent again it is a Conflict naming the endpoint that is there; a secret that got lost on the way is rotated.
    """
    _check_place(session, caller, municipality_id)
    target = read_target(url, settings.private_hosts)
    endpoint = WebhookEndpoint(
        municipality_id=municipality_id, url=str(target.url), description=description, event_types=event_types,
        state=WebhookState.ACTIVE, cursor_id=settle(session, now),
    )  # fmt: skip
    _refuse_second(session, endpoint)
    session.add(endpoint)
    _flush_new(session, endpoint)
    secret = _add_secret(session, settings, endpoint)
    _record(session, endpoint, "create", caller.actor, now, {"event_types": event_types})
    return endpoint, secret


def change_endpoint(
    session: Session, settings: Settings, caller: Caller, endpoint_id: int, *, url: str, description: str,
    event_types: list[str], now: datetime,
) -> WebhookEndpoint:  # fmt: skip
    """What waits goes to the new address; other events are chosen from now on."""
    endpoint = find_endpoint(session, caller, endpoint_id, lock=True)
    wanted = {
        "url": str(read_target(url, settings.private_hosts).url),
        "description": description,
        "event_types": event_types,
    }
    changed = sorted(name for name, value in wanted.items() if getattr(endpoint, name) != value)
    if not changed:
        return endpoint
    with session.no_autoflush:
        for name, value in wanted.items():
            setattr(endpoint, name, value)
        _refuse_second(session, endpoint)
    _flush_new(session, endpoint)
    _record(session, endpoint, "change", caller.actor, now, {"changed": changed, "event_types": event_types})
    return endpoint


def rotate_secret(
    session: Session, settings: Settings, caller: Caller, endpoint_id: int, keep_previous_h: int, now: datetime
) -> tuple[WebhookEndpoint, str]:
    """A new secret, told this once. Those before it sign for so many hours more; 0: one leaked, they end now."""
    endpoint = find_endpoint(session, caller, endpoint_id, lock=True)
    until = now + timedelta(hours=keep_previous_h)
    _end_secrets(session, endpoint, until, now)
    told = _add_secret(session, settings, endpoint)
    _record(session, endpoint, "rotate", caller.actor, now, {"keep_previous_h": keep_previous_h})
    return endpoint, told


def pause_endpoint(session: Session, caller: Caller, endpoint_id: int, now: datetime) -> WebhookEndpoint:
    """Nothing more is sent; events wait in their table."""
    endpoint = find_endpoint(session, caller, endpoint_id, lock=True)
    if endpoint.state is WebhookState.DISABLED:
        raise Conflict("webhook.state", "expected an active webhook, got a disabled one; resume it or leave it")
    _move(session, endpoint, WebhookState.PAUSED, "pause", caller, now)
    return endpoint


def resume_endpoint(
    session: Session, caller: Caller, endpoint_id: int, *, from_now: bool, now: datetime
) -> WebhookEndpoint:
    """Goes on where it stopped; `from_now` passes over what happened meanwhile (a replay can still bring it)."""
    endpoint = find_endpoint(session, caller, endpoint_id, lock=True)
    if endpoint.state is not WebhookState.ACTIVE:
        endpoint.reason = endpoint.failing_since = None
        if from_now:
            endpoint.cursor_id = max(endpoint.cursor_id, settle(session, now))
    _move(session, endpoint, WebhookState.ACTIVE, "resume", caller, now, {"from_now": from_now})
    return endpoint


def delete_endpoint(session: Session, caller: Caller, endpoint_id: int, now: datetime) -> None:
    endpoint = find_endpoint(session, caller, endpoint_id, lock=True)
    _record(session, endpoint, "delete", caller.actor, now, {}, before=endpoint.state.value)
    session.delete(endpoint)


def send_test(
    session: Session, caller: Caller, endpoint_id: int, now: datetime, *, by_job: bool = True
) -> WebhookDelivery:
    """An event `webhook.test` on its way to this endpoint, whatever it asked for; a job or the caller sends it."""
    endpoint = find_endpoint(session, caller, endpoint_id, lock=True)
    if endpoint.state is not WebhookState.ACTIVE:
        raise Conflict(
            "webhook.state", f"expected an active webhook, got a {endpoint.state.value} one; resume it first"
        )
    _record(session, endpoint, "test", caller.actor, now, {})
    session.flush()
    own = select(Event.id).where(Event.subject_kind == "webhook", Event.subject_id == endpoint_id)
    event_id = session.scalars(own.where(Event.action == "test").order_by(Event.id.desc()).limit(1)).one()
    delivery = WebhookDelivery(
        endpoint_id=endpoint_id, event_id=event_id, state=DeliveryState.WAITING, attempts=0, due_at=now
    )
    session.add(delivery)
    session.flush()
    if by_job:
        ask_delivery(session, endpoint_id)
    return delivery


def _check_place(session: Session, caller: Caller, municipality_id: int | None) -> None:
    if municipality_id is None:
        if caller.municipality_ids is not None:
            raise Forbidden("webhook.all", "expected municipality_id; only an administrator's webhook hears of all")
        return
    if not caller.sees(municipality_id) or session.get(Municipality, municipality_id) is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")


def _refuse_second(session: Session, endpoint: WebhookEndpoint) -> None:
    same = select(WebhookEndpoint.id).where(
        WebhookEndpoint.municipality_id.is_not_distinct_from(endpoint.municipality_id),
        WebhookEndpoint.url == endpoint.url,
        WebhookEndpoint.id.is_distinct_from(endpoint.id),
    )
    known = session.scalar(same)
    if known is not None:
        raise Conflict(
            "webhook.exists", f"expected an address that is not registered, got that of webhook {known}; change that"
            " one, or rotate its secret if its answer got lost", webhook_id=known,
        )  # fmt: skip


def _flush_new(session: Session, endpoint: WebhookEndpoint) -> None:
    """Two requests at once: the database lets one in."""
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("webhook.exists", "expected an address that is not registered; list the webhooks") from error


def _end_secrets(session: Session, endpoint: WebhookEndpoint, until: datetime, now: datetime) -> None:
    """None of those that are signs after `until`; what has ended already is deleted."""
    own = WebhookSecret.endpoint_id == endpoint.id
    for secret in session.scalars(select(WebhookSecret).where(own)):
        secret.expires_at = min(secret.expires_at or until, until)
    session.flush()
    session.execute(delete(WebhookSecret).where(own, WebhookSecret.expires_at <= now))
    ends = session.scalars(select(WebhookSecret.expires_at).where(own).order_by(WebhookSecret.expires_at)).all()
    if len(ends) >= MOST_SECRETS:
        raise Conflict(
            "webhook.secrets", f"expected fewer than {MOST_SECRETS} secrets at a time, got one more; wait until the"
            f" first ends at {ends[0]:%Y-%m-%d %H:%M} UTC, or end them all with keep_previous_h 0",
        )  # fmt: skip


def _add_secret(session: Session, settings: Settings, endpoint: WebhookEndpoint) -> str:
    secret = new_secret()
    session.add(WebhookSecret(endpoint_id=endpoint.id, sealed=open_vault(settings).seal(secret)))
    session.flush()
    return secret


def _move(
    session: Session, endpoint: WebhookEndpoint, state: WebhookState, action: str, caller: Caller, now: datetime,
    data: Mapping[str, object] | None = None,
) -> None:  # fmt: skip
    if endpoint.state is state:
        return
    before, endpoint.state = endpoint.state, state
    _record(session, endpoint, action, caller.actor, now, dict(data or {}), before=before.value)


def _record(
    session: Session, endpoint: WebhookEndpoint, action: str, actor: Actor, now: datetime, data: JsonObject, *,
    before: str | None = None,
) -> None:  # fmt: skip
    record(
        session, at=now, actor=actor, subject_kind="webhook", subject_id=endpoint.id, action=action,
        municipality_id=endpoint.municipality_id, from_state=before, to_state=endpoint.state.value, data=data,
    )  # fmt: skip
