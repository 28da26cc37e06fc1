"""Messages to receivers that really listen: taken, refused, slow, gone, elsewhere, endless; and to names that lie."""

import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.accounts.service import SYSTEM_CALLER
from service.core.clock import utc_now
from service.core.events import Event
from service.core.runtime import Runtime
from service.webhooks.claims import claim
from service.webhooks.endpoints import rotate_secret
from service.webhooks.models import DeliveryState, WebhookState
from service.webhooks.outcomes import delete_old
from service.webhooks.retries import ATTEMPTS, DELAYS
from service.webhooks.sending import MAX_ANSWER_BYTES, USER_AGENT
from service.webhooks.spreading import spread
from service.webhooks.vault import KEY_FILE, open_vault
from tests.certificates import Certificate, write_certificate
from tests.factories import make_municipality
from tests.webhooks.support import (
    WAIT_S,
    Receiver,
    always,
    deliveries,
    endpoint_row,
    happened,
    receiving,
    register,
    reply,
    send_due,
    turn,
)  # fmt: skip


def with_settings(runtime: Runtime, **changes: object) -> Runtime:
    return Runtime(runtime.settings.model_copy(update=changes), runtime.database, runtime.store)


def test_an_event_arrives_signed_whole_and_once(hooks: Runtime, receiver: Receiver, session: Session) -> None:
    endpoint_id, secret = register(hooks, receiver.url)
    happened(hooks, unit_id=3, note="call Ahmad")
    happened(hooks, kind="defect", action="find")
    assert turn(hooks, endpoint_id) == 1
    assert turn(hooks, endpoint_id) == 0
    (came,) = receiver.got()
    Webhook(secret).verify(came.body, came.headers)
    event = from_http_event(HTTPMessage(came.headers, came.body))
    assert (event.get_type(), event.get_id()) == ("sa.rasid.work_order.assign", came.headers["webhook-id"])
    assert json.loads(came.body)["data"]["facts"] == {"unit_id": 3}
    assert b"Ahmad" not in came.body
    assert came.path == "/hook?tenant=7" and came.headers["user-agent"] == USER_AGENT
    assert came.headers["host"] == f"127.0.0.1:{receiver.port}"
    (row,) = deliveries(session, endpoint_id)
    assert (row.state, row.attempts, row.last_status, row.last_error) == (DeliveryState.DELIVERED, 1, 204, None)


def test_each_endpoint_gets_what_it_asked_for_of_its_own_municipality(
    hooks: Runtime, receiver: Receiver, session: Session
) -> None:
    with hooks.database.transaction() as own:
        neighbour = make_municipality(own, "khobar")
    neighbours, _ = register(hooks, receiver.url, "*", municipality=neighbour)
    holds, _ = register(hooks, receiver.url + "&holds", "work_order.hold")
    everything, _ = register(hooks, receiver.url + "&all", "*")
    for action in ("assign", "hold"):
        happened(hooks, action)
    happened(hooks, "sign_in", kind="user")
    for endpoint_id in (neighbours, holds, everything):
        turn(hooks, endpoint_id)
    heard = {
        one: [(row.event.subject_kind, row.event.action) for row in deliveries(session, one)]
        for one in (neighbours, holds, everything)
    }
    own_orders = [("work_order", "assign"), ("work_order", "hold")]
    assert heard[neighbours] == [("webhook", "create")]
    assert heard[holds] == own_orders[1:]
    assert [one for one in heard[everything] if one[0] != "webhook"] == own_orders


@pytest.mark.parametrize("status", [302, 307, 400, 404, 500, 503])
def test_all_but_2xx_is_a_failure_and_comes_again(
    hooks: Runtime, receiver: Receiver, session: Session, status: int
) -> None:
    endpoint_id, secret = register(hooks, receiver.url)
    receiver.answer = always(status, Location=receiver.url + "&elsewhere")
    happened(hooks)
    now = utc_now()
    turn(hooks, endpoint_id, now)
    (row,) = deliveries(session, endpoint_id)
    assert (row.state, row.attempts, row.last_status) == (DeliveryState.WAITING, 1, status)
    assert now + timedelta(seconds=5) <= row.due_at <= now + timedelta(seconds=5.5)
    assert endpoint_row(session, endpoint_id).failing_since == now
    assert send_due(hooks, endpoint_id, now + timedelta(seconds=4)) == 0
    receiver.answer = always(200)
    later = utc_now() + timedelta(seconds=6)
    assert send_due(hooks, endpoint_id, later) == 1
    first, second = receiver.got()
    assert first.path == second.path == "/hook?tenant=7"  # the redirect was not followed
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    Webhook(secret).verify(second.body, second.headers)
    assert endpoint_row(session, endpoint_id).failing_since is None


def test_a_receiver_that_is_busy_is_left_alone_for_as_long_as_it_asks(
    hooks: Runtime, receiver: Receiver, session: Session
) -> None:
    endpoint_id, _ = register(hooks, receiver.url)
    receiver.answer = always(429, Retry_After="3600")
    happened(hooks)
    now = utc_now()
    turn(hooks, endpoint_id, now)
    assert deliveries(session, endpoint_id)[0].due_at == now + timedelta(hours=1)


def test_after_the_last_retry_it_is_dead_and_days_later_the_endpoint_is_disabled_with_an_event(
    hooks: Runtime, receiver: Receiver, session: Session
) -> None:
    endpoint_id, _ = register(hooks, receiver.url)
    receiver.answer = always(500)
    happened(hooks)
    now = utc_now()
    turn(hooks, endpoint_id, now)
    for delay in DELAYS[1:]:
        now += delay * 1.2
        assert send_due(hooks, endpoint_id, now) == 1
    (row,) = deliveries(session, endpoint_id)
    assert (row.state, row.attempts) == (DeliveryState.DEAD, ATTEMPTS)
    assert len(receiver.got()) == ATTEMPTS
    assert endpoint_row(session, endpoint_id).state is WebhookState.ACTIVE  # 3.8 days: not yet
    happened(hooks)
    turn(hooks, endpoint_id, now)
    for delay in DELAYS[1:]:
        now += delay * 1.2
        send_due(hooks, endpoint_id, now)
    endpoint = endpoint_row(session, endpoint_id)
    assert endpoint.state is WebhookState.DISABLED and "retries ended" in str(endpoint.reason)
    told = session.scalars(select(Event).where(Event.subject_kind == "webhook", Event.action == "disable")).one()
    assert (told.subject_id, told.data) == (endpoint_id, {"reason": "failing"})


def test_410_disables_at_once_and_nothing_more_is_sent(hooks: Runtime, receiver: Receiver, session: Session) -> None:
    endpoint_id, _ = register(hooks, receiver.url)
    receiver.answer = always(410)
    happened(hooks)
    turn(hooks, endpoint_id)
    happened(hooks)
    assert turn(hooks, endpoint_id, utc_now() + timedelta(days=1)) == 0
    endpoint = endpoint_row(session, endpoint_id)
    assert endpoint.state is WebhookState.DISABLED and "410" in str(endpoint.reason)
    assert [row.state for row in deliveries(session, endpoint_id)] == [DeliveryState.DEAD]


def test_a_receiver_that_says_nothing_is_given_up_after_the_time_out(
    hooks: Runtime, receiver: Receiver, session: Session
) -> None:
    released = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        released.wait(WAIT_S)
        reply(handler, 200)

    impatient = with_settings(hooks, webhook_timeout_s=0.3)
    endpoint_id, _ = register(impatient, receiver.url)
    receiver.answer = stall
    happened(impatient)
    turn(impatient, endpoint_id)
    released.set()
    (row,) = deliveries(session, endpoint_id)
    assert (row.state, row.last_status) == (DeliveryState.WAITING, None)
    assert row.last_error == "expected an answer within 0.3 s, none came"


def test_headers_that_drip_do_not_prolong_the_time_out(hooks: Runtime, receiver: Receiver, session: Session) -> None:
    released = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not released.wait(0.05):
            handler.wfile.write(b"X-More: 1\r\n")

    impatient = with_settings(hooks, webhook_timeout_s=0.3)
    endpoint_id, _ = register(impatient, receiver.url)
    receiver.answer = drip
    happened(impatient)
    turn(impatient, endpoint_id)
    released.set()
    assert deliveries(session, endpoint_id)[0].last_error == "expected an answer within 0.3 s, none came"


def test_of_an_endless_answer_only_the_status_counts_and_little_is_read(
    hooks: Runtime, receiver: Receiver, session: Session
) -> None:
    written: list[int] = []
    ended = threading.Event()

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        try:
            while True:
                written.append(handler.wfile.write(b"x" * 100_000))
        except OSError:
            ended.set()

    endpoint_id, _ = register(hooks, receiver.url)
    receiver.answer = flood
    happened(hooks)
    turn(hooks, endpoint_id)
    assert ended.wait(WAIT_S)
    assert sum(written) < MAX_ANSWER_BYTES + 20_000_000  # what the sockets' buffers took
    assert deliveries(session, endpoint_id)[0].state is DeliveryState.DELIVERED


def test_nonsense_for_an_answer_is_a_failure_with_a_reason(
    hooks: Runtime, receiver: Receiver, session: Session
) -> None:
    endpoint_id, _ = register(hooks, receiver.url)

    def mumble(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"what?\r\n\r\n")

    receiver.answer = mumble
    happened(hooks)
    turn(hooks, endpoint_id)
    (row,) = deliveries(session, endpoint_id)
    assert row.state is DeliveryState.WAITING and "RemoteProtocolError" in str(row.last_error)


def test_a_closed_port_is_a_failure_with_a_reason(hooks: Runtime, session: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    endpoint_id, _ = register(hooks, f"http://127.0.0.1:{port}/")
    happened(hooks)
    turn(hooks, endpoint_id)
    assert "no connection" in str(deliveries(session, endpoint_id)[0].last_error)


def test_a_worker_that_dies_while_sending_loses_no_message(
    hooks: Runtime, receiver: Receiver, session: Session
) -> None:
    endpoint_id, _ = register(hooks, receiver.url)
    happened(hooks)
    now = utc_now()
    spread(hooks, now)
    claimed = claim(hooks, endpoint_id, open_vault(hooks.settings), now)  # and the worker is gone
    assert claimed is not None and "whsec" not in repr(claimed)
    assert send_due(hooks, endpoint_id, now + timedelta(seconds=1)) == 0
    assert send_due(hooks, endpoint_id, now + timedelta(minutes=2)) == 1
    assert [row.state for row in deliveries(session, endpoint_id)] == [DeliveryState.DELIVERED]


def test_during_a_rotation_both_secrets_verify_and_afterwards_the_new_one(hooks: Runtime, receiver: Receiver) -> None:
    endpoint_id, old = register(hooks, receiver.url)
    now = utc_now()
    with hooks.database.transaction() as own:
        _, new = rotate_secret(own, hooks.settings, SYSTEM_CALLER, endpoint_id, 1, now)
        _, newest = rotate_secret(own, hooks.settings, SYSTEM_CALLER, endpoint_id, 1, now)  # its answer got lost
    happened(hooks)
    turn(hooks, endpoint_id)
    (both,) = receiver.got()
    for secret in (old, new, newest):
        Webhook(secret).verify(both.body, both.headers)
    with hooks.database.transaction() as own:
        own.execute(text("UPDATE webhook_secret SET expires_at = now() WHERE expires_at IS NOT NULL"))
    happened(hooks)
    turn(hooks, endpoint_id)
    (after,) = receiver.got()
    Webhook(newest).verify(after.body, after.headers)
    for secret in (old, new):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(after.body, after.headers)


def test_secrets_lie_sealed_and_with_another_key_nothing_is_lost(
    hooks: Runtime, receiver: Receiver, session: Session, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint_id, secret = register(hooks, receiver.url)
    happened(hooks)
    stored = session.execute(text("SELECT string_agg(t::text, ' ') FROM webhook_secret t")).scalar_one()
    dumped = session.execute(text("SELECT string_agg(e::text, ' ') FROM event e")).scalar_one()
    assert secret.removeprefix("whsec_") not in stored + dumped
    key = hooks.settings.data_dir / KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    elsewhere = with_settings(hooks, data_dir=tmp_path / "elsewhere")
    assert turn(elsewhere, endpoint_id) == 0
    said = capfd.readouterr()
    assert "webhook.secret_unreadable" in said.out + said.err and secret not in said.out + said.err
    assert turn(hooks, endpoint_id) == 1


@pytest.mark.parametrize("lie", ["10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "127.0.0.1"])
def test_a_name_that_leads_inside_is_refused_when_it_is_used(
    hooks: Runtime, receiver: Receiver, session: Session, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """However public it looked when it was registered: rebinding."""
    answers = [("93.184.216.34", 443), (lie, 443)]  # one bad address condemns the name
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(0, 0, 0, "", one) for one in answers])
    endpoint_id, _ = register(hooks, "https://hooks.example.org/")
    happened(hooks)
    turn(hooks, endpoint_id)
    (row,) = deliveries(session, endpoint_id)
    assert "public addresses" in str(row.last_error) and lie not in str(row.last_error)
    assert receiver.got() == []


def test_the_connection_goes_to_the_address_that_was_checked(
    hooks: Runtime, receiver: Receiver, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is asked for once; a second answer, whatever it is, is never used."""
    asked: list[str] = []

    def once(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        assert len(asked) == 1
        return [(0, 0, 0, "", ("127.0.0.1", receiver.port))]

    allowing = with_settings(hooks, private_hosts=frozenset({"hooks.internal"}))
    endpoint_id, _ = register(allowing, f"http://hooks.internal:{receiver.port}/x")
    monkeypatch.setattr("socket.getaddrinfo", once)
    happened(allowing)
    assert turn(allowing, endpoint_id) == 1
    (came,) = receiver.got()
    assert came.headers["host"] == f"hooks.internal:{receiver.port}"
    assert deliveries(session, endpoint_id)[0].state is DeliveryState.DELIVERED


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return write_certificate(tmp_path, "hooks.internal")


@pytest.mark.parametrize(
    ("host", "trusted", "taken"),
    [("hooks.internal", True, True), ("hooks.internal", False, False), ("other.internal", True, False)],
)
def test_tls_is_checked_against_the_name_though_the_address_is_dialled(
    hooks: Runtime, session: Session, monkeypatch: pytest.MonkeyPatch, certificate: Certificate, host: str,
    trusted: bool, taken: bool,
) -> None:  # fmt: skip
    with receiving(certificate.server_context()) as receiver:
        place = [(0, 0, 0, "", ("127.0.0.1", receiver.port))]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: place)
        ca_file = certificate.only if trusted else None
        calling = with_settings(hooks, private_hosts=frozenset({host}), ca_file=ca_file)
        endpoint_id, _ = register(calling, f"https://{host}:{receiver.port}/")
        happened(calling)
        turn(calling, endpoint_id)
        assert (len(receiver.got()) == 1) is taken
    (row,) = deliveries(session, endpoint_id)
    assert (row.state is DeliveryState.DELIVERED) is taken
    assert taken or "certificate is not trusted" in str(row.last_error)


def test_delivered_messages_are_forgotten_after_their_time_and_dead_ones_are_not(
    hooks: Runtime, receiver: Receiver, session: Session
) -> None:
    endpoint_id, _ = register(hooks, receiver.url)
    happened(hooks, times=2)
    turn(hooks, endpoint_id)
    with hooks.database.transaction() as own:
        own.execute(
            text("UPDATE webhook_delivery SET state = 'dead' WHERE id = (SELECT min(id) FROM webhook_delivery)")
        )
    assert delete_old(hooks, utc_now() + timedelta(days=29)) == 0
    assert delete_old(hooks, utc_now() + timedelta(days=31)) == 1
    assert [row.state for row in deliveries(session, endpoint_id)] == [DeliveryState.DEAD]
