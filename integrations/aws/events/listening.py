"""Puts the ways together that events come in by, for as long as the backend is open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

from integrations.aws.clients import Clients
from integrations.aws.events.doors import PATH, Doors, Get
from integrations.aws.events.envelopes import About
from integrations.aws.events.hearing import Hearing
from integrations.aws.events.queue import WAIT, Queue
from integrations.aws.events.settings import Sources
from integrations.aws.permissions import region_of_queue


class Watched(Protocol):
    """What hears of events: the backend."""

    def hear(self, run_id: str, about: About) -> None:
        """Take the news of an event of a run."""
        ...

    def run_of(self, external: str) -> str | None:
        """Give the run that a build or a deployment is part of, if it was seen there."""
        ...

    def deaf(self) -> None:
        """Know that events can't be read."""
        ...


@asynccontextmanager
async def listening(
    backend: Watched,
    clients: Clients,
    sources: Sources,
    pipelines: frozenset[str],
    clock: Callable[[], datetime],
    *,
    region: str | None = None,
    wait: int = WAIT,
    get: Get | None = None,
) -> AsyncIterator[Mapping[str, Any]]:
    """Hear events of these pipelines for the time of the block; gives the doors by path.

    `region` is for queues whose address doesn't tell; `wait` are the seconds of a long poll. Looks at a pipeline's runs
    become rare once an event of it has come, and often again when a queue can't be read.
    """
    hearing = Hearing(backend.hear, backend.run_of, pipelines, time.monotonic)
    queues = [
        Queue(clients, url, region_of_queue(url) or region or "us-east-1", hearing, wait=wait,
              deaf=backend.deaf)
        for url in sources.queues
    ]  # fmt: skip
    tasks = [asyncio.create_task(queue.run(), name="events") for queue in queues]
    doors = Doors(hearing, clock, topics=sources.topics, secret=sources.secret, get=get)
    try:
        yield {PATH: doors.app()} if sources.doors else {}
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
