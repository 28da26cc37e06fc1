"""How many deliveries a second the embedded database carries; prints what docs/performance.md quotes.

python -m tests.webhooks.measure --events 5000 --endpoints 8
"""

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import func, select

import service.tables  # noqa: F401
from service.core.clock import utc_now
from service.core.runtime import Runtime, open_runtime
from service.core.settings import Settings
from service.webhooks.delivering import deliver_due
from service.webhooks.models import DeliveryState, WebhookDelivery
from service.webhooks.spreading import spread
from tests.webhooks.support import happened, register

ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n"
HOST = "127.0.0.1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--endpoints", type=int, default=8)
    asked = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=receive, args=(theirs,), daemon=True)
    receiver.start()
    with tempfile.TemporaryDirectory(prefix="rasid-measure-", ignore_cleanup_errors=True) as folder:
        settings = Settings(data_dir=Path(folder), private_hosts=frozenset({HOST}))
        with open_runtime(settings) as runtime:
            print(json.dumps(measure(runtime, int(ours.recv()), asked.events, asked.endpoints), indent=1))  # noqa: T201
    receiver.kill()


def measure(runtime: Runtime, port: int, events: int, endpoints: int) -> dict[str, float]:
    """Events a second made into deliveries, and deliveries a second for one endpoint and for several at once."""
    one, _ = register(runtime, f"http://{HOST}:{port}/one")
    happened(runtime, times=events)
    spreading_s = timed(lambda: spread(runtime, utc_now()))
    alone_s = timed(lambda: asyncio.run(deliver_due(runtime, one, slice_s=600)))
    several = [register(runtime, f"http://{HOST}:{port}/{number}")[0] for number in range(endpoints)]
    happened(runtime, times=events // endpoints)
    spread(runtime, utc_now())
    together_s = timed(lambda: asyncio.run(_all_at_once(runtime, several)))
    with runtime.database.transaction() as session:
        left = select(func.count()).where(WebhookDelivery.state != DeliveryState.DELIVERED)
        undelivered = session.scalar(left.where(WebhookDelivery.endpoint_id.in_(several)))
    return {
        "events": events,
        "spread_per_s": round(events / spreading_s),
        "one_endpoint_per_s": round(events / alone_s),
        "endpoints": endpoints,
        "several_endpoints_per_s": round(events // endpoints * endpoints / together_s),
        "not_delivered": undelivered or 0,
    }


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


async def _all_at_once(runtime: Runtime, endpoint_ids: list[int]) -> None:
    await asyncio.gather(*(deliver_due(runtime, one, slice_s=600) for one in endpoint_ids))


def receive(pipe: Connection) -> None:
    """A process of its own that answers 204 to anything, so that what is measured is the sender."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    server = await asyncio.start_server(_answer, HOST, 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await _head(reader):
        (length,) = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(int(length))
        writer.write(ANSWER)
    writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""


if __name__ == "__main__":
    main()
