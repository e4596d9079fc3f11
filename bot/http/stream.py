"""One release as it happens: its event log from any position, then live, as server-sent events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from bot.core.errors import BadInput
from bot.core.events import LoggedEvent
from bot.core.model import Release
from bot.core.wording import say
from bot.http.problems import responses
from bot.http.requests import ReleaseId
from bot.http.tokens import Person
from bot.signals import Ear, Signal
from bot.store import events, releases
from bot.store.database import Database

_POSITION = re.compile(r"[0-9]{1,18}\Z", re.ASCII)


class EventStream(StreamingResponse):
    """Server-sent events; not FastAPI's class, because that one can't answer 204 or 404 before it begins."""

    media_type = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How patient a stream is, in seconds."""

    look: float = 5.0
    """Between two looks into the log without a signal: another process may have written."""
    beat: float = 15.0
    """Between heartbeats, so that no proxy takes a quiet stream for a dead one."""
    linger: float = 3.0
    """After the end, in case somebody retries at once."""


@dataclass(slots=True)
class Follower:
    """Reads one release's log for one client."""

    database: Database
    release_id: str
    position: int
    """Of the last event that the client has."""
    release: Release | None = None

    async def look(self) -> list[bytes]:
        """Give what is new: events of the log by kind and position, and the whole release if it changed."""
        told = []
        while True:
            async with self.database.read() as connection:
                news = await events.after(connection, self.position, release_id=self.release_id, limit=100)
                release = await releases.get(connection, self.release_id)
            for each in news:
                self.position = each.position
                told.append(
                    format_sse_event(data_str=each.model_dump_json(), event=each.event.kind, id=str(each.position))
                )
            if not news:
                break
        if self.release is None or release.version > self.release.version:
            told.append(format_sse_event(data_str=release.model_dump_json(), event="release"))
        self.release = release
        return told

    @property
    def finished(self) -> bool:
        """Tell whether nothing more is to come, as far as one can know."""
        return self.release is not None and not self.release.active


async def follow(
    follower: Follower, first: list[bytes], ear: Ear, leaving: asyncio.Event, rhythm: Rhythm
) -> AsyncIterator[bytes]:
    """Yield what happens until the release has been finished for a while or the server leaves."""
    now = asyncio.get_running_loop().time
    beat = quiet = now()
    for each in first:
        yield each
    while not leaving.is_set():
        await _heard_or_leaving(ear, leaving, rhythm.linger if follower.finished else rhythm.look)
        news = await follower.look()
        for each in news:
            yield each
        if news:
            beat = quiet = now()
        elif follower.finished and now() - quiet >= rhythm.linger:
            return
        elif now() - beat >= rhythm.beat:
            beat = now()
            yield KEEPALIVE_COMMENT


async def _heard_or_leaving(ear: Ear, leaving: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.ensure_future(ear.wait(seconds)), asyncio.ensure_future(leaving.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()


def stream_router(database: Database, changed: Signal, leaving: asyncio.Event, rhythm: Rhythm) -> APIRouter:
    """Give the operation that follows a release."""
    router = APIRouter(prefix="/api/v1/releases", tags=["releases"])
    documented: dict[int | str, dict[str, Any]] = {
        HTTPStatus.OK.value: {
            "model": LoggedEvent | Release,
            "description": "Events named by their `kind` with `id` = position and a `LoggedEvent` as data, and events "
            "named `release` without an id, whose data are the whole `Release` as it is now. A comment is a heartbeat. "
            "The stream ends some seconds after the release has finished.",
        },
        HTTPStatus.NO_CONTENT.value: {"description": "The release has finished, and you have every event of it."},
        **responses(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
    }

    @router.get(
        "/{release_id}/events",
        operation_id="followRelease",
        response_class=EventStream,
        responses=documented,
    )
    async def follow_release(
        _actor: Person,
        release_id: ReleaseId,
        last_event_id: Annotated[
            str | None, Header(description="Position of the last event that you have; without it: all from the first.")
        ] = None,
    ) -> Response:
        """Follow a release: what happened since `Last-Event-ID`, then everything as it happens."""
        if last_event_id is not None and not _POSITION.match(last_event_id):
            raise BadInput(say("http.last_event"))
        follower = Follower(database, release_id, int(last_event_id or 0))
        first = await follower.look()
        if last_event_id is not None and follower.finished and len(first) == 1:  # only the release itself
            return Response(status_code=HTTPStatus.NO_CONTENT)

        async def stream() -> AsyncIterator[bytes]:
            with changed.listen() as ear:
                async for each in follow(follower, first, ear, leaving, rhythm):
                    yield each

        return EventStream(stream(), headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})

    return router
