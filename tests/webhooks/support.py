"""Receivers that really listen, and one turn of the delivery without its worker."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.accounts.service import SYSTEM_CALLER
from service.core.clock import utc_now
from service.core.events import SYSTEM, record
from service.core.runtime import Runtime
from service.webhooks.delivering import deliver_due
from service.webhooks.endpoints import create_endpoint
from service.webhooks.models import WebhookDelivery, WebhookEndpoint
from service.webhooks.spreading import spread
from tests.factories import NOW, make_municipality

WAIT_S = 60


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A program of somebody else's: what came to it, and how it answers."""

    port: int
    scheme: str = "http"
    received: "Queue[Received]" = field(default_factory=Queue)
    answer: Callable[[BaseHTTPRequestHandler], None] = field(default=lambda handler: reply(handler, 204))

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook?tenant=7"

    def got(self) -> list[Received]:
        return [self.received.get_nowait() for _ in range(self.received.qsize())]


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def always(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: reply(handler, status, b"", **headers)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.received.put(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            receiver.answer(self)

        do_GET = do_POST  # noqa: N815  # the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hung up is what some tests want
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(server.server_address[1], "https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join(WAIT_S)


def register(
    runtime: Runtime, url: str, *event_types: str, municipality: Municipality | None = None
) -> tuple[int, str]:
    """An endpoint of Dammam for everything, unless told otherwise; its id and secret."""
    with runtime.database.transaction() as session:
        place = municipality or make_municipality(session)
        endpoint, secret = create_endpoint(
            session, runtime.settings, SYSTEM_CALLER, municipality_id=place.id, url=url, description="",
            event_types=list(event_types or ["work_order.*"]), now=utc_now(),
        )  # fmt: skip
        return endpoint.id, secret


def happen(
    session: Session, action: str = "assign", subject_id: int = 12, kind: str = "work_order", **data: object
) -> None:
    """An event of Dammam in the caller's transaction."""
    record(
        session, at=NOW, actor=SYSTEM, subject_kind=kind, subject_id=subject_id, action=action,
        municipality_id=make_municipality(session).id, from_state="open", to_state="assigned", data=data,
    )  # fmt: skip


def happened(
    runtime: Runtime, action: str = "assign", times: int = 1, kind: str = "work_order", **data: object
) -> None:
    with runtime.database.transaction() as session:
        for number in range(times):
            happen(session, action, 12 + number, kind, **data)


def turn(runtime: Runtime, endpoint_id: int, now: datetime | None = None) -> int:
    """New events become deliveries and what is due is sent; returns how many requests were made."""
    spread(runtime, now or utc_now())
    return send_due(runtime, endpoint_id, now)


def send_due(runtime: Runtime, endpoint_id: int, now: datetime | None = None) -> int:
    """In a thread: another loop may run in this one."""
    clock = (lambda: now) if now else utc_now
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, deliver_due(runtime, endpoint_id, clock)).result()


def deliveries(session: Session, endpoint_id: int) -> list[WebhookDelivery]:
    session.expire_all()
    own = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    return list(session.scalars(own.order_by(WebhookDelivery.id)))


def endpoint_row(session: Session, endpoint_id: int) -> WebhookEndpoint:
    session.expire_all()
    return session.get_one(WebhookEndpoint, endpoint_id)
