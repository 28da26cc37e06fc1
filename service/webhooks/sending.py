"""One signed request, to the very address of the host that was checked, once, within a time, to a bound."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

import httpx2

from service.core.settings import Settings
from service.webhooks.addresses import Address, Target, literal_address, refusal_of

MAX_ANSWER_BYTES = 65_536  # read so that the connection can be used again, and thrown away
DRAIN_S = 2.0
MOST_ADDRESSES = 3  # of one host, tried when a connection cannot be made
USER_AGENT = "Rasid-Webhooks/1"


class NotReachable(Exception):
    """The host has no address that may be used; the text says why without telling the address."""


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


def open_client(settings: Settings, connections: int) -> httpx2.AsyncClient:
    """For one endpoint. Environment proxies would resolve names themselves, so they are not asked."""
    return httpx2.AsyncClient(
        verify=_trust(settings.webhook_ca_file),
        trust_env=False,
        follow_redirects=False,
        timeout=settings.webhook_timeout_s,
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
    )


async def resolve(target: Target, executor: Executor, timeout_s: float) -> list[Address]:
    """The host's addresses, all of which may be used; raises NotReachable. One bad address condemns the name."""
    literal = literal_address(target.host)
    found = [literal] if literal else await _ask_names(target, executor, timeout_s)
    for address in found:
        why = refusal_of(address, allowed=target.allowed, literal=literal is not None)
        if why:
            raise NotReachable(f"expected public addresses of the host, got a {why} one; see RASID_WEBHOOK_ALLOW")
    return found[:MOST_ADDRESSES]


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
                    answer = Answer(error=_said(error, "no connection"))
    except (TimeoutError, httpx2.TimeoutException):
        return Answer(error=f"expected an answer within {timeout_s:g} s, none came")
    except httpx2.HTTPError as error:
        return Answer(error=_said(error, "no valid answer"))
    return answer


async def _post_to(
    client: httpx2.AsyncClient, target: Target, address: Address, body: bytes, headers: dict[str, str]
) -> Answer:
    named = {"Host": target.url.netloc.decode("ascii")} | headers
    extensions = {} if literal_address(target.host) else {"sni_hostname": target.host}
    url = target.url.copy_with(host=str(address))
    async with client.stream("POST", url, content=body, headers=named, extensions=extensions) as response:
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


async def _ask_names(target: Target, executor: Executor, timeout_s: float) -> list[Address]:
    loop = asyncio.get_running_loop()
    asking = loop.run_in_executor(executor, _look_up, target.host, target.port)
    try:
        return await asyncio.wait_for(asking, timeout_s)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise NotReachable(f"expected the name service to know the host, got {type(error).__name__}") from error


def _look_up(host: str, port: int) -> list[Address]:
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(row[4][0]) for row in rows))


@lru_cache(maxsize=4)  # reading the bundle takes tens of milliseconds
def _trust(ca_file: Path | None) -> ssl.SSLContext:
    context = httpx2.create_ssl_context(trust_env=False)
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def _said(error: Exception, what: str) -> str:
    """The kind of failure; a library's own words may hold the address."""
    cause = error.__cause__ or error.__context__
    tls = "; its certificate is not trusted" if "CERTIFICATE_VERIFY_FAILED" in str(error) else ""
    return f"expected 2xx, got {what} ({type(error).__name__}{f' of {type(cause).__name__}' if cause else ''}){tls}"
