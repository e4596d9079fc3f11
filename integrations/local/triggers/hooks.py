"""The door for webhooks: proves who sends, reads what happened, and starts the pipelines that want it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.core.errors import BadFile, SaysoError
from integrations.local.target import LocalTarget
from integrations.local.triggers import deciding
from integrations.local.triggers.declared import GitHook, RegistryHook
from integrations.local.triggers.git_events import Event, NotAnEvent, event_name, read_event
from integrations.local.triggers.image_events import ImagePushed, read_pushes
from integrations.local.triggers.signatures import proves
from integrations.local.triggers.starting import Starter

MOST_BYTES = 5 << 20
"""Of a body (GitHub sends up to 25 MB, but a push of 2,048 commits has about 2)."""
PATIENCE = 30
"""Seconds that a body may take to come in."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hook:
    """One address, and the pipelines behind it."""

    kind: str
    secret: str
    pipelines: Sequence[tuple[LocalTarget, GitHook | RegistryHook]]


class Unusable(Exception):
    """The request can't be used: an HTTP status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status, self.sentence = status, sentence
        super().__init__(sentence)


class Hooks:
    """Answers deliveries."""

    def __init__(self, hooks: Mapping[str, Hook], starter: Starter, clock: Callable[[], datetime]) -> None:
        self._hooks, self._starter, self._clock = hooks, starter, clock

    def app(self) -> Starlette:
        """Give the ASGI app for `/hooks`."""
        return Starlette(
            routes=[
                Route("/{name}", self._answer, methods=["POST"]),
                Route("/{name}/{secret}", self._answer, methods=["POST"]),
            ]
        )

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._take(request)
        except Unusable as error:
            return JSONResponse({"error": error.sentence}, error.status)
        except ClientDisconnect:
            return Response(status_code=400)
        except (DBAPIError, OSError):
            _log.warning("a webhook came while the database was away", exc_info=True)
            return JSONResponse({"error": "The database does not answer; please send it again."}, 503)

    async def _take(self, request: Request) -> Response:
        body = await _body(request)
        hook = self._hooks.get(request.path_params["name"])
        headers = {name.lower(): value for name, value in request.headers.items()}
        now, in_path = self._clock(), request.path_params.get("secret")
        if hook is None:
            raise Unusable(404, "There is no such webhook.")
        if not proves(hook.kind, hook.secret, headers, body, in_path=in_path, now=now.timestamp()):
            raise Unusable(401, "This request does not prove that its sender knows the webhook's secret.")
        told = _parsed(body, headers.get("content-type", ""))
        try:
            found: Sequence[Event | ImagePushed]
            if hook.kind in {"github", "gitlab", "bitbucket"}:
                found = read_event(hook.kind, event_name(hook.kind, headers), told)
            else:
                found = read_pushes(hook.kind, told)
        except NotAnEvent as error:
            raise Unusable(400, error.sentence) from error
        token = f"hook-{request.path_params['name']}-{_once(hook.kind, headers, body, now)}"
        return await self._start(hook, found, token)

    async def _start(self, hook: Hook, found: Sequence[Event | ImagePushed], token: str) -> Response:
        started: list[str] = []
        notes: list[str] = [] if found else ["This event starts nothing."]
        broken = False
        for number, event in enumerate(found):
            for target, declared in hook.pipelines:
                try:
                    pipeline = await self._starter.pipeline(target)
                    if isinstance(event, ImagePushed):
                        assert isinstance(declared, RegistryHook)
                        reason = deciding.for_image(pipeline, declared, event)
                    else:
                        assert isinstance(declared, GitHook)
                        reason = deciding.for_git(pipeline, target.file.name, declared, event)
                    if isinstance(reason, str):
                        notes.append(reason)
                        continue
                    if await self._starter.was_used(target, f"{token}-{number}"):
                        notes.append("This delivery was taken long ago.")
                        continue
                    started.append(await self._starter.start(target, pipeline, f"{token}-{number}", reason))
                except (BadFile, SaysoError) as error:
                    _log.warning("a webhook could not start %s: %s", target.file, error)
                    notes.append(str(error))
                    broken = True
        status = 202 if started else 422 if broken else 200
        return JSONResponse({"started": started, "notes": notes}, status)


async def _body(request: Request) -> bytes:
    """Read a body of at most `MOST_BYTES`, whatever its headers claim."""
    received = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                received += chunk
                if len(received) > MOST_BYTES:
                    raise Unusable(413, f"A webhook's body may have {MOST_BYTES:,} bytes at most.")
    except TimeoutError as error:
        raise Unusable(408, f"The body did not come within {PATIENCE} seconds.") from error
    return bytes(received)


def _parsed(body: bytes, content_type: str) -> Any:
    try:
        text = body.decode("utf-8")
        if content_type.startswith("application/x-www-form-urlencoded"):  # GitHub's other way to send it
            text = parse_qs(text, strict_parsing=True, max_num_fields=10)["payload"][0]
        return json.loads(text)
    except (ValueError, KeyError, RecursionError) as error:
        raise Unusable(400, "The body is not JSON.") from error


def _once(kind: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Name a delivery, so that the same one again starts nothing anew.

    By its body: the delivery ids of GitHub and Bitbucket are not signed, so somebody who recorded a request could send
    it again under a new one; their bodies tell the moment or the commits. GitLab's id is signed where it signs at all.
    Registries send no id, and the same body for every push of a tag: there one within a minute counts once.
    """
    said = body
    if kind == "gitlab" and "webhook-signature" in headers:
        said = headers["webhook-id"].encode()
    elif kind in {"dockerhub", "quay", "artifactory"}:
        said = f"{now.timestamp() // 60:.0f} ".encode() + body
    return hashlib.sha256(said).hexdigest()[:40]
