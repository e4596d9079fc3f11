"""`POST /alexa`: the one address that Alexa calls, or the relay for it, with the verifier in front of the skill."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from bot.core.errors import Unauthenticated
from bot.core.wording import LANGUAGES, say
from bot.incidents import incident

_log = logging.getLogger(__name__)

LARGEST_BODY = 256 * 1024
"""Bytes. Requests have a few KB; session attributes may add up to 24."""
SECONDS = 7.0
"""For an answer. Alexa waits 8; the skill's own budget is shorter, so this is only for what it did not foresee."""

Envelope = dict[str, Any]
Dispatch = Callable[[Envelope], Awaitable[Envelope]]
"""The skill: the answer to a verified request."""


class Verifies(Protocol):
    """What decides who may speak to the skill: the skill's `Verifier`."""

    async def verify(self, headers: list[tuple[bytes, bytes]], body: bytes) -> Envelope:
        """Give the envelope of a good request; raises `Unauthenticated`."""
        ...

    def forget(self, envelope: Envelope) -> None:
        """Let a good request in again, because it was not answered."""
        ...


def alexa_router(verifier: Verifies, dispatch: Dispatch) -> APIRouter:
    """Build the route.

    Answers 400 to what does not prove itself, as Amazon asks for, 413 to what is too large. A good request always gets
    an answer that Alexa can speak, even if it is about an incident. Nothing of a body is ever logged.
    """
    router = APIRouter()

    @router.post("/alexa", include_in_schema=False)
    async def alexa(request: Request) -> Response:
        try:
            body = await _read(request)
            if body is None:
                return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            envelope = await verifier.verify(request.headers.raw, body)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except Unauthenticated as error:
            _log.info("turned a request to /alexa away: %s", type(error).__name__)
            return Response(error.sentence, HTTPStatus.BAD_REQUEST, media_type="text/plain")
        try:
            async with asyncio.timeout(SECONDS):
                return JSONResponse(await dispatch(envelope))
        except Exception as error:  # noqa: BLE001  whoever speaks hears a number, not silence
            verifier.forget(envelope)
            return JSONResponse(_sorry(envelope, incident(_log, "POST /alexa", error)))

    return router


async def _read(request: Request) -> bytes | None:
    """Read the body, but never more than the limit, whatever Content-Length says; None if it is more."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def _sorry(envelope: Envelope, number: str) -> Envelope:
    language = str(envelope["request"].get("locale", ""))[:2]
    sentence = say("alexa.incident", lang=language if language in LANGUAGES else "en", incident=number)
    speech = {"type": "PlainText", "text": sentence}
    return {"version": "1.0", "response": {"outputSpeech": speech, "shouldEndSession": True}}
