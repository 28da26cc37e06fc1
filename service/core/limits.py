"""Refuses a request body that is too large before it fills memory or disk."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.core.errors import TooLarge


class BodyLimit:
    """ASGI middleware: 413 by the declared length at once, and by the counted bytes for senders that declare none.

    `larger` names paths (one that ends in / with all below it) that take more, as they write to disk what comes.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int]) -> None:
        self.app, self._max_bytes, self._larger = app, max_bytes, larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        max_bytes = self._limit_of(scope["path"])
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > max_bytes:
            await _refusal(max_bytes)(scope, receive, send)
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
                await _refusal(max_bytes)(scope, receive, send)

        await self.app(scope, counted, answer)

    def _limit_of(self, path: str) -> int:
        own = (
            limit
            for prefix, limit in self._larger.items()
            if path == prefix or (prefix[-1] == "/" and path.startswith(prefix))
        )
        return next(own, self._max_bytes)


def _refusal(max_bytes: int) -> JSONResponse:
    problem = TooLarge("request.too_large", f"expected at most {max_bytes} bytes, got more")
    return JSONResponse(problem.problem(), problem.status, media_type="application/problem+json")
