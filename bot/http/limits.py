"""No request to the API may send more than a bound, whatever its headers claim."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.core.wording import say
from bot.http.problems import answer, plain

MOST_BYTES = 64 * 1024


class BoundedBody:
    """ASGI middleware for the paths under `prefix`; Slack's endpoint has its own guard and its own bound."""

    def __init__(self, app: ASGIApp, prefix: str, most: int = MOST_BYTES) -> None:
        self.app, self.prefix, self.most = app, prefix, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse by Content-Length before anything is read, and count the body as it comes in."""
        if scope["type"] != "http" or not scope["path"].startswith(self.prefix):
            await self.app(scope, receive, send)
            return
        too_large = say("http.too_large", n=self.most)
        claimed = dict(scope["headers"]).get(b"content-length", b"0")
        if claimed.isdigit() and int(claimed) > self.most:
            await answer(plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large))(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.most:  # raised inside of the app, whose handler answers
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
            return message

        await self.app(scope, counted, send)
