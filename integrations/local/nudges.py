"""Hands on that runs may look different, each of them once however often it was said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot.core.ports import Nudge


class Nudges:
    """A queue that coalesces; one consumer."""

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._news = asyncio.Event()
        self._closed = False

    def put(self, run_id: str) -> None:
        """Say that a run may look different."""
        self._waiting[run_id] = None
        self._news.set()

    def close(self) -> None:
        """End the consumer's loop."""
        self._closed = True
        self._news.set()

    async def read(self) -> AsyncIterator[Nudge]:
        """Yield until closed, oldest first."""
        while True:
            while self._waiting:
                run_id = next(iter(self._waiting))
                del self._waiting[run_id]
                yield Nudge(run_id=run_id)
            if self._closed:
                return
            self._news.clear()
            await self._news.wait()
