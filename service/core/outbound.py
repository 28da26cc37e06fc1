"""Every call to an address that somebody told: looked up once, checked, made to that very address, within bounds."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

import httpx2

from service.core.addresses import NAME_IT, Address, Target, literal_address, read_target, refusal_of
from service.core.errors import Unprocessable
from service.core.settings import Settings

MAX_ANSWER_BYTES = 20_000_000
MOST_ADDRESSES = 3  # of one host, tried when a connection cannot be made
USER_AGENT = "Rasid/1"


class Unreachable(Exception):
    """The call did not succeed; says why without the address's path and query."""


class AnswerTooLarge(Unreachable):
    """It will not become smaller by another try."""


@dataclass(frozen=True)
class Reply:
    """An answer of whatever status, read whole."""

    status: int
    content: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


@dataclass(frozen=True)
class Call:
    """What is asked; without content `data` is sent as a form."""

    method: str
    url: str
    params: Mapping[str, str] | None = None
    data: Mapping[str, str] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] | None = None


def call(settings: Settings, asked: Call, *, secure: bool = False, most_bytes: int = MAX_ANSWER_BYTES) -> Reply:
    """Redirects are not followed, and all is over within `outbound_timeout_s`. Raises Unreachable.

    `secure`: http is for hosts that the operator named.
    """
    try:
        target = read_target(asked.url, settings.private_hosts, secure=secure)
    except Unprocessable as error:
        raise Unreachable(error.detail) from error
    return _in_own_loop(_call(settings, target, asked, most_bytes))


def open_client(settings: Settings, timeout_s: float, connections: int, user_agent: str) -> httpx2.AsyncClient:
    """Environment proxies would resolve names themselves, so they are not asked."""
    return httpx2.AsyncClient(
        verify=trusted(settings.ca_file),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx2.Timeout(timeout_s, connect=timeout_s / MOST_ADDRESSES),
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
    )


@lru_cache(maxsize=4)  # reading the bundle takes tens of milliseconds
def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """The usual authorities, and those of the operator's file."""
    context = httpx2.create_ssl_context(trust_env=False)
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


async def resolve(target: Target, threads: Executor, timeout_s: float) -> list[Address]:
    """The host's addresses, all of which may be used; raises Unreachable. One bad address condemns the name."""
    literal = literal_address(target.host)
    found = [literal] if literal else await _ask_names(target, threads, timeout_s)
    for address in found:
        why = refusal_of(address, allowed=target.allowed, literal=literal is not None)
        if why:
            raise Unreachable(f"expected public addresses of the host, got a {why} one; {NAME_IT}")
    return found[:MOST_ADDRESSES]


@asynccontextmanager
async def sending(
    client: httpx2.AsyncClient, target: Target, address: Address, asked: Call
) -> AsyncIterator[httpx2.Response]:
    """Dials the address that was checked, under the name that was told."""
    named = {"Host": target.url.netloc.decode("ascii"), **(asked.headers or {})}
    extensions = {} if literal_address(target.host) else {"sni_hostname": target.host}
    url = target.url.copy_with(host=str(address))
    async with client.stream(
        asked.method, url, params=asked.params, data=asked.data, content=asked.content, headers=named,
        extensions=extensions,
    ) as response:  # fmt: skip
        yield response


def said(error: Exception, what: str) -> str:
    """The kind of failure; a library's own words may hold the address."""
    cause = error.__cause__ or error.__context__
    tls = "; its certificate is not trusted" if "CERTIFICATE_VERIFY_FAILED" in str(error) else ""
    return f"got {what} ({type(error).__name__}{f' of {type(cause).__name__}' if cause else ''}){tls}"


def _in_own_loop(work: Coroutine[None, None, Reply]) -> Reply:
    """The caller's thread may run a loop already. Only a loop can end a call whose answer comes a byte at a time."""
    with ThreadPoolExecutor(1, thread_name_prefix="outbound") as thread:
        return thread.submit(asyncio.run, work).result()


async def _call(settings: Settings, target: Target, asked: Call, most_bytes: int) -> Reply:
    timeout_s = settings.outbound_timeout_s
    threads = ThreadPoolExecutor(1, thread_name_prefix="names")
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await resolve(target, threads, timeout_s)
            async with open_client(settings, timeout_s, 1, USER_AGENT) as client:
                return await _try_each(client, target, addresses, asked, most_bytes)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise Unreachable(f"expected a whole answer of {target.host} within {timeout_s:g} s, none came") from error
    except httpx2.HTTPError as error:
        raise Unreachable(f"expected an answer of {target.host}, {said(error, 'none')}; try again later") from error
    finally:
        threads.shutdown(wait=False)  # a name server that never answers must not hold the caller


async def _try_each(
    client: httpx2.AsyncClient, target: Target, addresses: list[Address], asked: Call, most_bytes: int
) -> Reply:
    """The next address is tried only where no connection came about."""
    *others, last = addresses
    for address in others:
        try:
            return await _ask(client, target, address, asked, most_bytes)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            continue
    return await _ask(client, target, last, asked, most_bytes)


async def _ask(client: httpx2.AsyncClient, target: Target, address: Address, asked: Call, most_bytes: int) -> Reply:
    content = bytearray()
    async with sending(client, target, address, asked) as response:
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > most_bytes:
                raise AnswerTooLarge(f"expected at most {most_bytes} bytes of answer, got more")
    return Reply(response.status_code, bytes(content))


async def _ask_names(target: Target, threads: Executor, timeout_s: float) -> list[Address]:
    asking = asyncio.get_running_loop().run_in_executor(threads, _look_up, target.host, target.port)
    try:
        return await asyncio.wait_for(asking, timeout_s)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise Unreachable(f"expected the name service to know the host, got {type(error).__name__}") from error


def _look_up(host: str, port: int) -> list[Address]:
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(row[4][0]) for row in rows))
