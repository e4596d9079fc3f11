"""`POST /slack/events`: the one address that Slack calls, with the guard in front of Bolt."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from slack_bolt.async_app import AsyncApp
from starlette.requests import ClientDisconnect

from bot.core.errors import BadInput, Unauthenticated
from bot.slack.guard import LARGEST_BODY, Replays, TooLarge, check_shape, status_of, verify

_log = logging.getLogger(__name__)


def slack_router(bolt: AsyncApp, signing_secret: SecretStr, now: Callable[[], float]) -> APIRouter:
    """Build the route. `now` gives seconds since 1970.

    Answers 401 to what is not signed, 413 to what is too large, 400 to signed nonsense, and an empty 200 to a
    replay, which has no effect. Nothing of a body is ever logged.
    """
    router = APIRouter()
    replays = Replays()

    @router.post("/slack/events", include_in_schema=False)
    async def events(request: Request) -> Response:
        try:
            body = await _read(request)
            signature = verify(signing_secret, request.headers.raw, body, now=now())
            check_shape(request.headers.get("content-type", ""), body)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except (BadInput, Unauthenticated) as error:
            _log.info("turned a request to /slack/events away: %s", type(error).__name__)
            return Response(error.sentence, status_of(error), media_type="text/plain")
        if not replays.first(signature):
            _log.warning("ignored a request to /slack/events that came before, byte for byte")
            return Response()
        settled = False
        try:
            response = to_starlette_response(await bolt.async_dispatch(to_async_bolt_request(request, body)))
            settled = response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
        except Exception:  # noqa: BLE001
            # Bolt trips over shapes that Slack never sends; whoever signs such things gets no traceback for it.
            _log.exception("a signed request to /slack/events could not be read")
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        finally:
            if not settled:
                replays.forget(signature)
        return response

    return router


async def _read(request: Request) -> bytes:
    """Read the body, but never more than the limit, whatever Content-Length says."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise TooLarge
    return bytes(body)
