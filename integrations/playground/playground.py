"""The playground's parts, built once, and its way back to the beginning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx

from integrations.playground.config import PlaygroundConfig
from integrations.playground.echo.amazon import Exchange, chain_store
from integrations.playground.echo.household import Household
from integrations.playground.echo.keys import open_keys
from integrations.playground.faults import Faults
from integrations.playground.feed import Feed
from integrations.playground.ledger import Delivered, Ledger
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
        self.keys = open_keys(config.echo.roots, datetime.now(UTC)) if config.echo else None
        self._build()

    def _build(self) -> None:
        self.workspace = Workspace(self.config, self.feed)
        self.ledger = Ledger(self.feed)
        self.rates = Rates(self.config.speed)
        self.faults = Faults()
        self.triggers = Triggers(self.config.patience)
        self.response_urls = ResponseUrls()
        self.household: Household | None = None
        if self.config.echo and self.keys:
            self.household = Household(self.config.echo, self.keys, self.http, self.feed, note=self._note, now=self.now)

    def _note(self, exchange: Exchange) -> None:
        """Write down what an Echo asked the skill."""
        request = json.loads(exchange.body)["request"]
        what = " ".join([request["type"], request.get("intent", {}).get("name", "")]).strip()
        self.ledger.add_delivery(
            Delivered(
                self.ledger.next_number(), self.now(), "alexa", what, headers=exchange.headers,
                body=exchange.body.decode(), status=exchange.status, ms=round(exchange.seconds * 1000, 2),
                answer=exchange.answer, outcome="ok" if exchange.status == HTTPStatus.OK else "no_answer",
            )
        )  # fmt: skip

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

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve what is not behind the web server, for the time of the block, and end everything after it."""
        try:
            if self.config.echo and self.keys:
                chain = self.keys.speaker.chain_pem
                async with chain_store(self.keys.store, chain, self.config.echo.store_port):
                    yield
            else:
                yield
        finally:
            await self.close()

    async def close(self) -> None:
        """End all tasks and connections."""
        self.feed.end()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.sockets.close()
        await self.http.aclose()
