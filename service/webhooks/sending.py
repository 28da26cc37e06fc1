"""One signed request, to the very address of the host that was checked, once, within a time, to a bound."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import httpx2

from service.core.addresses import Address, Target
from service.core.outbound import Call, said, sending

MAX_ANSWER_BYTES = 65_536  # read so that the connection can be used again, and thrown away
DRAIN_S = 2.0
USER_AGENT = "Rasid-Webhooks/1"


@dataclass(frozen=True)
class Answer:
    """What came of one attempt: a status, or an error in its stead."""

    status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        return self.status == 410


async def post(
    client: httpx2.AsyncClient, target: Target, addresses: Sequence[Address], body: bytes, headers: dict[str, str],
    timeout_s: float,
) -> Answer:  # fmt: skip
    """Sends once; the next address is tried only where no connection came about. A failure is an Answer."""
    answer = Answer(error="expected an address to connect to, the host has none")
    try:
        async with asyncio.timeout(timeout_s):
            for address in addresses:
                try:
                    return await _post_to(client, target, address, body, headers)
                except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                    answer = Answer(error=f"expected 2xx, {said(error, 'no connection')}")
    except (TimeoutError, httpx2.TimeoutException):
        return Answer(error=f"expected an answer within {timeout_s:g} s, none came")
    except httpx2.HTTPError as error:
        return Answer(error=f"expected 2xx, {said(error, 'no valid answer')}")
    return answer


async def _post_to(
    client: httpx2.AsyncClient, target: Target, address: Address, body: bytes, headers: dict[str, str]
) -> Answer:
    asked = Call("POST", str(target.url), content=body, headers=headers)
    async with sending(client, target, address, asked) as response:
        answer = _judge(response)
        with suppress(httpx2.HTTPError, TimeoutError):  # the status is what counts
            async with asyncio.timeout(DRAIN_S):
                await _drain(response)
    return answer


def _judge(response: httpx2.Response) -> Answer:
    status = response.status_code
    if 200 <= status < 300:
        return Answer(status)
    if 300 <= status < 400:
        return Answer(status, f"expected 2xx, got a redirect ({status}), which is not followed; change the URL")
    seconds = response.headers.get("retry-after", "")
    asked = timedelta(seconds=int(seconds)) if seconds.isascii() and seconds.isdigit() and len(seconds) < 8 else None
    return Answer(status, f"expected 2xx, got {status}", asked if status in (429, 503) else None)


async def _drain(response: httpx2.Response) -> None:
    taken = 0
    async for piece in response.aiter_raw():
        taken += len(piece)
        if taken > MAX_ANSWER_BYTES:
            return  # leaving the block closes the connection
