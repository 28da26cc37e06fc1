"""Refuses a request body that is too large before it fills memory or disk."""

from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.core.errors import TooLarge

Refuse = Callable[[Request, TooLarge], Response]


class BodyLimit:
    """ASGI middleware: 413 by the declared length at once, and by the counted bytes for senders that declare none.

    `refuse` makes the answer.
    `larger` names paths (one that ends in / with all below it) that take more, as they write to disk what comes.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int], refuse: Refuse) -> None:
        self.app, self._max_bytes, self._larger, self._refuse = app, max_bytes, larger, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        max_bytes = self._limit_of(scope["path"])
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > max_bytes:
            await self._refusal(scope, max_bytes)(scope, receive, send)
            return
        received, answered = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise TooLarge("request.too_large", f"expected at most {max_bytes} bytes, got more")
            return message

        async def answer(message: Message) -> None:
            nonlocal answered
            if received <= max_bytes:
                await send(message)
            elif not answered:  # what the application makes of the broken-off body is not the reason
                answered = True
                await self._refusal(scope, max_bytes)(scope, receive, send)

        await self.app(scope, counted, answer)

    def _limit_of(self, path: str) -> int:
        own = (
            limit
            for prefix, limit in self._larger.items()
            if path == prefix or (prefix[-1] == "/" and path.startswith(prefix))
        )
        return next(own, self._max_bytes)

    def _refusal(self, scope: Scope, max_bytes: int) -> Response:
        return self._refuse(
            Request(scope), TooLarge("request.too_large", f"expected at most {max_bytes} bytes, got more")
        )
