"""The playground's parts, built once, and its way back to the beginning."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx

from integrations.playground.config import PlaygroundConfig
from integrations.playground.faults import Faults
from integrations.playground.feed import Feed
from integrations.playground.ledger import Ledger
from integrations.playground.rates import Rates
from integrations.playground.sockets import Sockets
from integrations.playground.tickets import ResponseUrls, Triggers
from integrations.playground.workspace import Workspace


class Playground:
    """Holds every part; all of them live in one event loop and change only between its steps."""

    def __init__(self, config: PlaygroundConfig) -> None:
        self.config = config
        self.feed = Feed()
        self.sockets = Sockets(config.app_id)
        # No kept connections: one that died with a restarted bot must not look like a bot that is down.
        self.http = httpx.AsyncClient(
            trust_env=False, follow_redirects=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._build()

    def _build(self) -> None:
        self.workspace = Workspace(self.config, self.feed)
        self.ledger = Ledger(self.feed)
        self.rates = Rates(self.config.speed)
        self.faults = Faults()
        self.triggers = Triggers()
        self.response_urls = ResponseUrls()

    def reset(self) -> None:
        """Forget everything that was said, sent and limited; connections stay."""
        for task in self._tasks:
            task.cancel()
        self._build()
        self.feed.publish("reset")

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that nobody waits for; it ends with the playground at the latest."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def now(self) -> float:
        """Read the workspace's clock."""
        return self.config.clock()

    async def close(self) -> None:
        """End all tasks and connections."""
        self.feed.end()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.sockets.close()
        await self.http.aclose()
