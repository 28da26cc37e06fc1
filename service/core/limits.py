"""Refuses a request body that is too large before it fills memory or disk."""

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.core.errors import TooLarge


class BodyLimit:
    """ASGI middleware: 413 by the declared length at once, and by the counted bytes for senders that declare none."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > self.max_bytes:
            await self._refuse()(scope, receive, send)
            return
        received, answered = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise TooLarge("request.too_large", f"expected at most {self.max_bytes} bytes, got more")
            return message

        async def answer(message: Message) -> None:
            nonlocal answered
            if received <= self.max_bytes:
                await send(message)
            elif not answered:  # what the application makes of the broken-off body is not the reason
                answered = True
                await self._refuse()(scope, receive, send)

        await self.app(scope, counted, answer)

    def _refuse(self) -> JSONResponse:
        problem = TooLarge("request.too_large", f"expected at most {self.max_bytes} bytes, got more")
        return JSONResponse(problem.problem(), problem.status, media_type="application/problem+json")
