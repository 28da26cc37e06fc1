"""The whole way as it runs in production: event, worker, receiver; and receivers that other people wrote."""

import json
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from service.app import worker_thread
from service.core.runtime import Runtime
from service.webhooks.catalogue import PREFIX
from service.webhooks.cli import webhooks
from service.webhooks.models import DeliveryState, WebhookState
from service.webhooks.signing import sign
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
    turn,
)  # fmt: skip

NODE = Path(__file__).parent / "node"
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules").is_dir(),
    reason="needs Node.js and `npm ci` in tests/webhooks/node",
)


def test_the_worker_delivers_and_a_receiver_that_stalls_holds_up_no_other(hooks: Runtime) -> None:
    released = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        released.wait(WAIT_S)
        reply(handler, 200)

    with receiving() as slow, receiving() as quick:
        slow.answer = stall
        for receiver in (slow, quick):
            register(hooks, receiver.url)
        happened(hooks, times=20)  # more than one round to each
        with worker_thread(hooks):
            slow.received.get(timeout=WAIT_S)
            came = [quick.received.get(timeout=WAIT_S) for _ in range(20)]
            assert not released.is_set() and slow.received.qsize() < 20
            released.set()
    assert len({one.headers["webhook-id"] for one in came}) == 20


@needs_node
def test_a_node_receiver_verifies_the_signature_and_reads_the_cloud_event(hooks: Runtime, session: Session) -> None:
    with hooks.database.transaction():
        endpoint_id, secret = register(hooks, "http://127.0.0.1:1/")
    process = subprocess.Popen(["node", "receive.js", secret], cwd=NODE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        with hooks.database.transaction() as own:
            endpoint_row(own, endpoint_id).url = f"http://127.0.0.1:{port}/hook"
        happened(hooks, unit_id=3)
        assert turn(hooks, endpoint_id) == 1
        told = json.loads(process.stdout.readline())
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.stdout.close()
    (row,) = deliveries(session, endpoint_id)
    assert told["isCloudEvent"] and told["verified"] == told["event"]["id"] == f"evt_{row.event_id}"
    assert told["event"]["type"] == PREFIX + "work_order.assign"
    assert told["event"]["data"]["facts"] == {"unit_id": 3}
    assert row.state is DeliveryState.DELIVERED


@needs_node
def test_a_node_receiver_refuses_another_secrets_signature(hooks: Runtime, session: Session) -> None:
    wrong = "whsec_" + "A" * 43 + "="
    process = subprocess.Popen(["node", "receive.js", wrong], cwd=NODE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        endpoint_id, _ = register(hooks, f"http://127.0.0.1:{int(process.stdout.readline())}/hook")
        happened(hooks)
        turn(hooks, endpoint_id)
        assert "No matching signature" in json.loads(process.stdout.readline())["refused"]
        process.wait(WAIT_S)
    finally:
        process.kill()
        process.stdout.close()
    assert deliveries(session, endpoint_id)[0].last_status == 400


@pytest.fixture
def cli(hooks: Runtime, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    told = {
        "DATABASE_URL": hooks.database.url.render_as_string(hide_password=False),
        "DATA_DIR": str(hooks.settings.data_dir),
        "PRIVATE_HOSTS": "127.0.0.1, Hooks.Internal",
    }
    for name, value in told.items():
        monkeypatch.setenv(f"RASID_{name}", value)
    return CliRunner()


def test_the_command_line_lists_tests_and_replays(
    hooks: Runtime, session: Session, receiver: Receiver, cli: CliRunner
) -> None:
    endpoint_id, _ = register(hooks, receiver.url)
    sent = in_thread(cli, "test", str(endpoint_id))
    assert (sent.exit_code, sent.stdout.strip()) == (0, "delivered: HTTP 204")
    receiver.answer = always(410)
    refused = in_thread(cli, "test", str(endpoint_id))
    assert refused.exit_code == 1 and "dead: HTTP 410" in refused.stdout
    assert endpoint_row(session, endpoint_id).state is WebhookState.DISABLED
    session.rollback()
    assert "disabled" in cli.invoke(webhooks, ["list"]).stdout
    replayed = cli.invoke(webhooks, ["replay", str(endpoint_id), "--dead"])
    assert replayed.stdout.strip() == "1 messages will be sent again"
    assert in_thread(cli, "test", str(endpoint_id)).exit_code == 2  # resume it first
    assert cli.invoke(webhooks, ["replay", str(endpoint_id)]).exit_code == 2
    assert cli.invoke(webhooks, ["replay", "99", "--since", "2026-03-04"]).exit_code == 2


def test_an_endpoint_lives_its_life_from_the_command_line(
    hooks: Runtime, session: Session, receiver: Receiver, cli: CliRunner
) -> None:
    make_municipality(session, "jubail")
    session.commit()

    def told(*arguments: str) -> list[str]:
        answer = cli.invoke(webhooks, list(arguments))
        assert answer.exit_code == 0, answer.output
        return answer.stdout.splitlines()

    shown, secret = told("add", receiver.url, "--municipality", "jubail", "--event", "incident.*")
    number = shown.partition(":")[0]
    assert shown == f"{number}: active, incident.* to {receiver.url}" and secret.startswith("whsec_")
    assert cli.invoke(webhooks, ["add", receiver.url, "--municipality", "jubail"]).exit_code == 2  # it is there
    assert cli.invoke(webhooks, ["add", "https://10.0.0.1/"]).exit_code == 2
    assert cli.invoke(webhooks, ["add", "https://a.example.org/", "--event", "weather.*"]).exit_code == 2
    (newer,) = told("rotate", number, "--keep-previous-h", "1")
    assert in_thread(cli, "test", number).exit_code == 0
    (got,) = receiver.got()
    signatures = [sign(one, got.headers["webhook-id"], got.headers["webhook-timestamp"], got.body)
                  for one in (newer, secret)]  # fmt: skip
    assert got.headers["webhook-signature"].split(" ") == signatures
    (sent,) = told("deliveries", number)
    assert "delivered" in sent and "sa.rasid.webhook.test" in sent
    assert told("deliveries", number, "--state", "dead") == []
    assert told("change", number, "--event", "report.*") == [f"{number}: active, report.* to {receiver.url}"]
    assert "paused" in told("pause", number)[0]
    assert "active" in told("resume", number, "--from-now")[0]
    assert told("remove", number) == [f"{number}: removed"]
    assert cli.invoke(webhooks, ["pause", number]).exit_code == 2


def in_thread(cli: CliRunner, *arguments: str) -> Result:
    """The command runs a loop, and another may run in this thread."""
    found: list[Result] = []
    thread = threading.Thread(target=lambda: found.append(cli.invoke(webhooks, list(arguments))))
    thread.start()
    thread.join(WAIT_S)
    return found[0]
