"""One HTTP connection to the server: sends bytes at the allowed pace and tells what went wrong in the agent's terms."""

import ssl
from collections.abc import Iterator, Mapping
from threading import Event
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2

from service.agent.answers import LinkError, Stopped, WrongServer, check_common
from service.agent.clock import Clock
from service.agent.pace import ChunkSize, RateLimit

PIECE_BYTES = 16_384  # between two looks at the rate limit and at the wish to stop
TIMEOUTS = httpx2.Timeout(connect=20, write=60, read=180, pool=None)  # read: taking a large archive takes a while
KEEPALIVE_S = 4.0  # less than the 5 s of uvicorn: a connection is never used while the server closes it


class Link:
    """To one server with one vehicle's key. `url` is its address without /api; safe to use from several threads."""

    def __init__(
        self, url: str, key: str, clock: Clock, stop: Event,
        limit: RateLimit | None = None, trust: ssl.SSLContext | None = None, connections: int = 16,
    ) -> None:  # fmt: skip
        self.url, self.chunk = url.rstrip("/"), ChunkSize()
        self._clock, self._stop, self._limit = clock, stop, limit
        self._http = httpx2.Client(
            headers={"Authorization": f"Bearer {key}", "User-Agent": "rasid-survey-upload"},
            verify=trust or True,
            timeout=TIMEOUTS,
            limits=httpx2.Limits(max_connections=connections, keepalive_expiry=KEEPALIVE_S),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> httpx2.Response:
        """The answer, whatever its status, unless it is of the kinds that `check_common` raises. Raises LinkError when
        none came; a body that broke on the way makes the next ones smaller."""
        pieces = self._pieces(body)
        own = {"Content-Length": str(len(body))} if body or method not in {"HEAD", "GET", "DELETE"} else {}
        try:
            response = self._http.request(method, url, headers={**headers, **own}, content=pieces if body else None)
        except httpx2.TransportError as error:
            if body and not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                self.chunk.broke(len(body))
            raise _unreachable(error, self.url) from error
        except httpx2.HTTPError as error:
            raise LinkError(f"expected an answer, got {type(error).__name__}") from error
        if response.status_code == httpx2.codes.REQUEST_TIMEOUT and body:
            self.chunk.broke(len(body))
        check_common(response, self._clock.utc_now())
        return response

    def form(self, filename: str, data: bytes, fields: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
        """Headers and body of a multipart form with one image."""
        files = {"image": (filename, data, "application/octet-stream")}
        built = self._http.build_request("POST", self.url, files=files, data=dict(fields))
        return {"Content-Type": built.headers["content-type"]}, built.read()

    def on_own_origin(self, location: str, base: str) -> str:
        """Where a Location header leads, on the origin we were told: the key goes to no other, whatever a proxy
        or a server behind one believes its own address to be."""
        asked, own = urlsplit(str(httpx2.URL(base).join(location))), urlsplit(self.url)
        return asked._replace(scheme=own.scheme, netloc=own.netloc).geturl()

    def _pieces(self, body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), PIECE_BYTES):
            piece = body[start : start + PIECE_BYTES]
            if self._limit:
                self._limit.wait_for(len(piece))
            if self._stop.is_set():
                raise Stopped("asked to end")
            yield piece


def _unreachable(error: httpx2.TransportError, url: str) -> LinkError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return WrongServer(
            f"expected a certificate of {url} that this computer trusts, got another: {error}; "
            "check the clock and the network, or name the authority with --ca-file"
        )
    if isinstance(error, httpx2.UnsupportedProtocol):
        return WrongServer(f"expected an address that begins with https:// or http://, got {url}")
    return LinkError(f"no connection: {error or type(error).__name__}")
