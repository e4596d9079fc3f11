"""Gathers what a runner tells while it works, and writes it now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from integrations.local.actions import Progress


class Reporter:
    """One attempt's progress: the first word at once, then at most one every `pause` seconds, always the latest."""

    def __init__(self, write: Callable[[Progress], Awaitable[None]], *, pause: float = 0.25) -> None:
        self.latest = Progress()
        self._write = write
        self._pause = pause
        self._news = asyncio.Event()

    async def report(self, progress: Progress) -> None:
        """Take a word; every field replaces the former one unless it is None."""
        told = {name: value for name in Progress.model_fields if (value := getattr(progress, name)) is not None}
        self.latest = self.latest.model_copy(update=told)
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._write(self.latest)
            await asyncio.sleep(self._pause)
