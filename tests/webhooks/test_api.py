"""Endpoints over HTTP: made, changed, rotated, paused, replayed; told to their own municipality alone."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.app import create_app
from service.core.clock import utc_now
from service.core.events import Event
from service.core.runtime import Runtime
from service.webhooks.models import DeliveryState
from tests.factories import NOW, make_municipality, make_user, sign_in
from tests.webhooks.support import Receiver, always, deliveries, happened, send_due, turn

WEBHOOKS, DELIVERIES = "/api/v1/webhooks", "/api/v1/webhook-deliveries"
Headers = dict[str, str]


@pytest.fixture
def api(hooks: Runtime) -> TestClient:
    return TestClient(create_app(hooks), raise_server_exceptions=False)


@pytest.fixture
def manager(session: Session) -> Headers:
    return sign_in(session, make_user(session, Role.SUPERVISOR))


@pytest.fixture
def neighbour(session: Session) -> Headers:
    return sign_in(session, make_user(session, Role.SUPERVISOR, make_municipality(session, "khobar")))


@pytest.fixture
def admin(session: Session) -> Headers:
    return sign_in(session, make_user(session, Role.ADMIN))


def create(api: TestClient, who: Headers, address: str, **more: Any) -> Any:
    body = {"url": address, "event_types": ["work_order.*"], "municipality_id": 1} | more
    return api.post(WEBHOOKS, headers=who, json=body)


def test_the_secret_is_told_once_and_the_same_address_again_is_a_conflict_that_names_it(
    api: TestClient, manager: Headers, receiver: Receiver
) -> None:
    made = create(api, manager, receiver.url)
    assert made.status_code == 201 and made.json()["secret"].startswith("whsec_")
    again = create(api, manager, receiver.url)
    assert (again.status_code, again.json()["code"], again.json()["webhook_id"]) == (
        409,
        "webhook.exists",
        made.json()["id"],
    )
    one = api.get(f"{WEBHOOKS}/{made.json()['id']}", headers=manager).json()
    listed = api.get(WEBHOOKS, headers=manager).json()["items"]
    assert listed == [one] and "secret" not in one and one["state"] == "active"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"url": "http://example.org/"}, 422, "outbound.url"),
        ({"url": "https://10.0.0.1/"}, 422, "outbound.url"),
        ({"event_types": ["work_order.fly"]}, 422, "request.invalid"),
        ({"event_types": ["user.*"]}, 422, "request.invalid"),
        ({"event_types": []}, 422, "request.invalid"),
        ({"municipality_id": 999}, 404, "municipality.unknown"),
        ({"municipality_id": None}, 403, "webhook.all"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused_by_name(
    api: TestClient, manager: Headers, change: dict[str, Any], status: int, code: str
) -> None:
    refused = create(api, manager, "https://example.org/hook", **change)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_an_administrator_hears_of_all_municipalities(
    api: TestClient, admin: Headers, manager: Headers, receiver: Receiver, hooks: Runtime
) -> None:
    made = create(api, admin, receiver.url, municipality_id=None).json()
    happened(hooks)
    assert turn(hooks, made["id"]) == 1
    assert api.get(f"{WEBHOOKS}/{made['id']}", headers=manager).status_code == 404


def test_a_neighbour_finds_nothing_whatever_it_asks_for(
    api: TestClient, manager: Headers, neighbour: Headers, receiver: Receiver, hooks: Runtime
) -> None:
    own = create(api, manager, receiver.url).json()["id"]
    happened(hooks)
    turn(hooks, own)
    (delivery,) = api.get(DELIVERIES, headers=manager).json()["items"]
    assert create(api, neighbour, receiver.url).status_code == 404
    for path in (WEBHOOKS, DELIVERIES, f"{DELIVERIES}?webhook_id={own}"):
        assert api.get(path, headers=neighbour).json()["items"] == []
    change = {"url": receiver.url, "event_types": ["*"]}
    asked = [
        api.get(f"{WEBHOOKS}/{own}", headers=neighbour),
        api.put(f"{WEBHOOKS}/{own}", headers=neighbour, json=change),
        api.delete(f"{WEBHOOKS}/{own}", headers=neighbour),
        api.get(f"{DELIVERIES}/{delivery['id']}", headers=neighbour),
        api.post(f"{DELIVERIES}/{delivery['id']}/replay", headers=neighbour),
    ]
    bodies = {"secret": {}, "pause": {}, "resume": {}, "test": {}, "replay": {"dead": True}}
    asked += [api.post(f"{WEBHOOKS}/{own}/{what}", headers=neighbour, json=body) for what, body in bodies.items()]
    assert {answer.status_code for answer in asked} == {404}
    assert api.get(f"{WEBHOOKS}/{own}", headers=manager).json()["event_types"] == ["work_order.*"]


@pytest.mark.parametrize("role", [Role.INSPECTOR, Role.UNIT, Role.CENTRE])
def test_others_may_not_even_look(api: TestClient, session: Session, role: Role) -> None:
    headers = sign_in(session, make_user(session, role))
    assert {api.get(path, headers=headers).status_code for path in (WEBHOOKS, DELIVERIES, "/api/v1/event-types")} == {
        403
    }


def test_a_change_takes_what_waits_to_the_new_address_and_twice_is_once(
    api: TestClient, manager: Headers, receiver: Receiver, hooks: Runtime, session: Session
) -> None:
    made = create(api, manager, receiver.url + "&old").json()
    happened(hooks)
    body = {"url": receiver.url + "&new", "event_types": ["defect.*", "work_order.*"], "description": "GIS"}
    first = api.put(f"{WEBHOOKS}/{made['id']}", headers=manager, json=body)
    assert first.json() == api.put(f"{WEBHOOKS}/{made['id']}", headers=manager, json=body).json()
    turn(hooks, made["id"])
    assert [one.path for one in receiver.got()] == ["/hook?tenant=7&new"]
    changes = session.scalars(select(Event).where(Event.subject_kind == "webhook", Event.action == "change")).all()
    assert len(changes) == 1 and "url" not in changes[0].data


def test_while_paused_events_wait_and_then_come(
    api: TestClient, manager: Headers, receiver: Receiver, hooks: Runtime
) -> None:
    own = create(api, manager, receiver.url).json()["id"]
    for _ in range(2):
        assert api.post(f"{WEBHOOKS}/{own}/pause", headers=manager).json()["state"] == "paused"
    happened(hooks)
    assert turn(hooks, own) == 0
    assert api.post(f"{WEBHOOKS}/{own}/test", headers=manager).status_code == 409
    assert api.post(f"{WEBHOOKS}/{own}/resume", headers=manager, json={}).json()["state"] == "active"
    assert turn(hooks, own) == 1
    api.post(f"{WEBHOOKS}/{own}/pause", headers=manager)
    happened(hooks)
    api.post(f"{WEBHOOKS}/{own}/resume", headers=manager, json={"from_now": True})
    assert turn(hooks, own) == 0


def test_a_test_message_says_what_came_of_it(
    api: TestClient, manager: Headers, receiver: Receiver, hooks: Runtime, session: Session
) -> None:
    own = create(api, manager, receiver.url).json()["id"]
    asked = api.post(f"{WEBHOOKS}/{own}/test", headers=manager)
    assert (asked.status_code, asked.json()["type"], asked.json()["state"]) == (202, "sa.rasid.webhook.test", "waiting")
    jobs = "SELECT queue_name, lock FROM procrastinate_jobs WHERE task_name = 'deliver_webhook'"
    assert session.execute(text(jobs)).all() == [("webhooks", f"webhook:{own}")]
    send_due(hooks, own)
    shown = api.get(f"{DELIVERIES}/{asked.json()['id']}", headers=manager).json()
    assert (shown["state"], shown["last_status"]) == ("delivered", 204)
    assert shown["message"]["id"] == shown["message_id"] == receiver.got()[0].headers["webhook-id"]


def test_the_dead_are_listed_and_replayed_one_by_one_and_all_at_once(
    api: TestClient, manager: Headers, receiver: Receiver, hooks: Runtime, session: Session
) -> None:
    own = create(api, manager, receiver.url).json()["id"]
    happened(hooks, times=3)
    receiver.answer = always(410)
    turn(hooks, own)
    receiver.answer, gone = always(200), receiver.got()
    dead = api.get(DELIVERIES, headers=manager, params={"state": "dead", "webhook_id": own, "limit": 2}).json()
    rest = api.get(DELIVERIES, headers=manager, params={"state": "dead", "after": dead["next"]}).json()
    assert [len(dead["items"]), len(rest["items"])] == [2, 1]
    one = api.post(f"{DELIVERIES}/{rest['items'][0]['id']}/replay", headers=manager).json()
    assert (one["state"], one["attempts"]) == ("waiting", 0)
    for expected in (2, 0):
        replayed = api.post(f"{WEBHOOKS}/{own}/replay", headers=manager, json={"dead": True}).json()
        assert replayed == {"count": expected, "state": "disabled"}
    assert send_due(hooks, own) == 0
    api.post(f"{WEBHOOKS}/{own}/resume", headers=manager, json={})
    assert send_due(hooks, own) == 3
    ids = [sorted(each.headers["webhook-id"] for each in some) for some in (gone, receiver.got())]
    assert ids[0] == ids[1]
    assert {row.state for row in deliveries(session, own)} == {DeliveryState.DELIVERED}


def test_a_time_is_replayed_once_however_often_it_is_asked_for(
    api: TestClient, manager: Headers, receiver: Receiver, hooks: Runtime
) -> None:
    happened(hooks, times=2)  # before the endpoint was there
    own = create(api, manager, receiver.url).json()["id"]
    assert turn(hooks, own) == 0
    happened(hooks)
    turn(hooks, own)
    span = {"since": NOW.isoformat(), "until": (NOW + timedelta(seconds=1)).isoformat()}
    counts = [api.post(f"{WEBHOOKS}/{own}/replay", headers=manager, json=span).json()["count"] for _ in range(2)]
    assert counts == [3, 0]
    assert send_due(hooks, own) == 3
    before = {"since": (NOW - timedelta(days=1)).isoformat(), "until": NOW.isoformat()}
    assert api.post(f"{WEBHOOKS}/{own}/replay", headers=manager, json=before).json()["count"] == 0
    for bad in (
        {},
        span | {"dead": True},
        {"since": "2026-03-04T06:00:00"},
        {"since": span["until"], "until": span["since"]},
    ):
        assert api.post(f"{WEBHOOKS}/{own}/replay", headers=manager, json=bad).status_code == 422


def test_secrets_rotate_until_there_are_too_many_and_a_leaked_one_ends_at_once(
    api: TestClient, manager: Headers, receiver: Receiver, session: Session
) -> None:
    made = create(api, manager, receiver.url).json()
    url = f"{WEBHOOKS}/{made['id']}/secret"
    answers = [api.post(url, headers=manager, json={}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [409]
    assert len({answer.json()["secret"] for answer in answers[:4]} | {made["secret"]}) == 5
    assert api.post(url, headers=manager, json={"keep_previous_h": 0}).status_code == 200
    left = session.execute(text("SELECT count(*), count(expires_at) FROM webhook_secret")).one()
    assert tuple(left) == (1, 0)


def test_a_removed_endpoint_takes_its_secrets_and_deliveries_along(
    api: TestClient, manager: Headers, receiver: Receiver, hooks: Runtime, session: Session
) -> None:
    own = create(api, manager, receiver.url).json()["id"]
    happened(hooks)
    turn(hooks, own)
    answers = [api.delete(f"{WEBHOOKS}/{own}", headers=manager).status_code for _ in range(2)]
    assert answers == [204, 404]
    for table in ("webhook_secret", "webhook_delivery", "webhook_endpoint"):
        assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
    assert send_due(hooks, own, utc_now()) == 0


def test_the_event_types_can_be_read(api: TestClient, manager: Headers) -> None:
    types = api.get("/api/v1/event-types", headers=manager).json()
    (assign,) = [one for one in types if one["type"] == "work_order.assign"]
    assert assign["cloud_event_type"] == "sa.rasid.work_order.assign" and assign["description"]
