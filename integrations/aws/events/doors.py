"""The doors that events may come in by: SNS over HTTPS, and an API destination of EventBridge."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.core.errors import BackendUnavailable, SaysoError, Unauthenticated
from bot.core.wording import say
from bot.incidents import incident
from integrations.aws.events.envelopes import NotAnEvent
from integrations.aws.events.hearing import Hearing
from integrations.aws.events.sns import Kind, Message, expect, read_message, verify

log = logging.getLogger(__name__)

PATH = "/aws-events"
SECRET_HEADER = "x-sayso-secret"  # noqa: S105 - a header's name
MOST_BYTES = 512 * 1024
"""Of a body: an event and an SNS message have 256 KB at most, and escaping may make them longer."""
PATIENCE = 5
"""Seconds that a body may take to come in; API destinations give up after five (EventBridge User Guide)."""
_MOST_CERTIFICATES = 20
_LARGEST_CERTIFICATE = 64 * 1024

Get = Callable[[str], Awaitable[bytes]]
"""Gets a web address; raises `BackendUnavailable`."""


class Unusable(SaysoError):
    """This request can't be used."""

    def __init__(self, status: int, sentence: str) -> None:
        """Keep the HTTP status with the sentence."""
        self.status = status
        super().__init__(sentence)


class Doors:
    """Answers at `/aws-events/sns` and `/aws-events/eventbridge`; each is closed unless its setting is there."""

    def __init__(
        self,
        hearing: Hearing,
        clock: Callable[[], datetime],
        *,
        topics: frozenset[str] = frozenset(),
        secret: str | None = None,
        get: Get | None = None,
    ) -> None:
        self._hearing, self._clock, self._topics, self._secret = hearing, clock, topics, secret
        self._get = get or get_over_https
        self._certificates: OrderedDict[str, bytes] = OrderedDict()

    def app(self) -> Starlette:
        """Give the ASGI app for `PATH`."""
        routes = []
        if self._topics:
            routes.append(Route("/sns", self._answering(self._from_sns), methods=["POST"]))
        if self._secret:
            routes.append(Route("/eventbridge", self._answering(self._from_destination), methods=["POST"]))
        return Starlette(routes=routes)

    def _answering(self, take: Callable[[Request], Awaitable[None]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                await take(request)
            except Unusable as error:
                return JSONResponse({"error": error.sentence}, error.status)
            except Unauthenticated as error:
                log.warning("a message at %s is refused: %s", request.url.path, error)
                return JSONResponse({"error": error.sentence}, 403)
            except BackendUnavailable as error:
                return JSONResponse({"error": error.sentence}, 503)
            except NotAnEvent as error:
                # The sender has proved who it is, and would only send it again.
                incident(log, f"{request.url.path} was sent {error}", error)
            except ClientDisconnect:
                return Response(status_code=400)
            return Response(status_code=204)

        return answer

    async def _from_destination(self, request: Request) -> None:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(), (self._secret or "").encode()):
            raise Unauthenticated(say("aws.events.secret"))
        self._hearing.hear((await _body(request)).decode("utf-8", "replace"))

    async def _from_sns(self, request: Request) -> None:
        message, now = read_message(await _body(request)), self._clock()
        expect(message, self._topics, now)
        verify(message, await self._certificate(message["SigningCertURL"]), now)
        if message.kind is Kind.NOTIFICATION:
            self._hear(message)
        elif message.kind is Kind.SUBSCRIPTION:
            await self._get(message["SubscribeURL"])
            log.info("listening to the topic %s from now on", message["TopicArn"])
        else:
            log.warning("the topic %s does not send here any more", message["TopicArn"])

    def _hear(self, message: Message) -> None:
        if message["Message"].lstrip().startswith("{"):  # AWS greets a new topic in plain words
            self._hearing.hear(message["Message"])

    async def _certificate(self, url: str) -> bytes:
        if url not in self._certificates:
            self._certificates[url] = await self._get(url)
            while len(self._certificates) > _MOST_CERTIFICATES:
                self._certificates.popitem(last=False)
        return self._certificates[url]


async def get_over_https(url: str) -> bytes:
    """Get an address that was checked to be AWS's, without following it elsewhere."""
    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as client, client.stream("GET", url) as answer:
            answer.raise_for_status()
            found = bytearray()
            async for chunk in answer.aiter_bytes():
                found += chunk
                if len(found) > _LARGEST_CERTIFICATE:
                    raise BackendUnavailable(say("aws.events.no_answer", url=url))
            return bytes(found)
    except httpx.HTTPError as error:
        raise BackendUnavailable(say("aws.events.no_answer", url=url)) from error


async def _body(request: Request) -> bytes:
    """Read a body of at most `MOST_BYTES`, whatever its headers claim."""
    received = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                received += chunk
                if len(received) > MOST_BYTES:
                    raise Unusable(413, say("aws.events.too_big", n=MOST_BYTES // 1024))
    except TimeoutError as error:
        raise Unusable(408, say("aws.events.too_slow", n=PATIENCE)) from error
    return bytes(received)
