"""Calls that this service makes to addresses that somebody told: never to a private network unless allowed by name."""

import ipaddress
import socket
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from urllib.parse import urlsplit

import httpx2

MAX_ANSWER_BYTES = 20_000_000
TIMEOUT_S = 20.0


class Unreachable(Exception):
    """The call did not succeed; says why without the address's path and query."""


def call(
    method: str, url: str, private_hosts: AbstractSet[str], *, params: Mapping[str, str] | None = None,
    data: Mapping[str, object] | None = None, files: list[tuple[str, tuple[str, bytes, str]]] | None = None,
    content: bytes | None = None, headers: Mapping[str, str] | None = None,
) -> httpx2.Response:  # fmt: skip
    """The answer, of whatever status, read whole; redirects are not followed.

    The name is looked up once and that very address called, so that it cannot change in between. Raises Unreachable.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        raise Unreachable("expected an http or https address, got another; mend the address")
    address = _address(host, parts.port or (443 if parts.scheme == "https" else 80), private_hosts)
    pinned = httpx2.URL(url).copy_with(host=address)
    own = {"Host": parts.netloc.rpartition("@")[2], **(headers or {})}
    try:
        with httpx2.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            request = client.build_request(
                method, pinned, params=params, data=data, files=files, content=content, headers=own,
                extensions={"sni_hostname": host},
            )  # fmt: skip
            response = client.send(request, stream=True)
            try:
                _read(response)
            finally:
                response.close()
            return response
    except httpx2.HTTPError as error:
        raise Unreachable(f"expected an answer of {host}, got {type(error).__name__}; try again later") from error


def _read(response: httpx2.Response) -> None:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise Unreachable(f"expected at most {MAX_ANSWER_BYTES} bytes of answer, got more")
        parts.append(part)
    response._content = b"".join(parts)  # what `read` would set, with a limit


def _address(host: str, port: int, private_hosts: AbstractSet[str]) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"expected a known host, {host} is none; mend the address") from error
    addresses = [str(one[4][0]).split("%")[0] for one in found]
    if host not in private_hosts and not all(ipaddress.ip_address(one).is_global for one in addresses):
        raise Unreachable(f"expected a public address, {host} is private; allow it by RASID_PRIVATE_HOSTS")
    return addresses[0]
