"""The delivery of what is due for one endpoint: claimed, sent several at once, its outcome written down.

Each endpoint's work runs on threads and connections of its own, so that a slow receiver, database answer or name server
of one holds up no other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

import httpx2
import structlog

from service.core.addresses import Address, Target, read_target
from service.core.clock import utc_now
from service.core.errors import Unprocessable
from service.core.outbound import Unreachable, open_client, resolve
from service.core.runtime import Runtime
from service.webhooks.claims import Claim, Message, claim
from service.webhooks.outcomes import write_outcomes
from service.webhooks.payload import MEDIA_TYPE
from service.webhooks.sending import USER_AGENT, Answer, post
from service.webhooks.signing import signed_headers
from service.webhooks.vault import SecretUnreadable, Vault, open_vault

log = structlog.get_logger()
SLICE_S = 30.0  # then the worker gives its turn to another endpoint
Result = TypeVar("Result")
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class _Line:
    """What one endpoint's work holds while it runs."""

    runtime: Runtime
    endpoint_id: int
    vault: Vault
    client: httpx2.AsyncClient
    threads: ThreadPoolExecutor
    clock: Clock

    async def do(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self.threads, partial(work, *arguments))


async def deliver_due(
    runtime: Runtime, endpoint_id: int, clock: Clock = utc_now, slice_s: float = SLICE_S, only_id: int | None = None
) -> int:
    """Sends what is due until nothing is or the time slice is over; returns how many requests were made.

    `only_id` is the one delivery to send.
    """
    loop, sent = asyncio.get_running_loop(), 0
    until_s = loop.time() + slice_s
    async with _line(runtime, endpoint_id, clock) as line:
        while claimed := await _claim(line, only_id):
            answers = await _send(line, claimed)
            await line.do(write_outcomes, runtime, endpoint_id, claimed.messages, answers, clock())
            sent += len(answers)
            if loop.time() >= until_s:
                break
    return sent


@asynccontextmanager
async def _line(runtime: Runtime, endpoint_id: int, clock: Clock) -> AsyncIterator[_Line]:
    settings = runtime.settings
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix=f"webhook-{endpoint_id}")
    try:
        async with open_client(settings, settings.webhook_timeout_s, settings.webhook_parallel, USER_AGENT) as client:
            yield _Line(runtime, endpoint_id, open_vault(settings), client, threads, clock)
    finally:
        threads.shutdown(wait=False)  # a name server that never answers must not hold the worker


async def _claim(line: _Line, only_id: int | None) -> Claim | None:
    try:
        return await line.do(claim, line.runtime, line.endpoint_id, line.vault, line.clock(), only_id)
    except SecretUnreadable:  # nothing is lost: the deliveries wait until the operator mends it
        log.exception("webhook.secret_unreadable", endpoint_id=line.endpoint_id)
        return None


async def _send(line: _Line, claimed: Claim) -> Sequence[Answer]:
    settings = line.runtime.settings
    try:
        target = read_target(claimed.url, settings.private_hosts)  # the operator's list may have changed
        addresses = await resolve(target, line.threads, settings.webhook_timeout_s)
    except (Unreachable, Unprocessable) as error:
        said = error.detail if isinstance(error, Unprocessable) else str(error)
        return [Answer(error=said)] * len(claimed.messages)
    return await asyncio.gather(*(_send_one(line, claimed, target, addresses, one) for one in claimed.messages))


async def _send_one(
    line: _Line, claimed: Claim, target: Target, addresses: Sequence[Address], message: Message
) -> Answer:
    headers = signed_headers(claimed.secrets, message.message_id, line.clock(), message.body)
    headers["Content-Type"] = MEDIA_TYPE
    return await post(line.client, target, addresses, message.body, headers, line.runtime.settings.webhook_timeout_s)
