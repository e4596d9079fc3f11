"""Who wakes whom inside one process. Only hints: whoever waits also looks by himself from time to time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Ear:
    """One listener's view of a signal: what was fired since it last looked."""

    def __init__(self) -> None:
        self._heard: set[str] = set()
        self._event = asyncio.Event()

    def hear(self, what: str) -> None:
        """Note it and wake the listener."""
        self._heard.add(what)
        self._event.set()

    async def wait(self, seconds: float | None) -> frozenset[str]:
        """Give what was fired, each once; empty after `seconds` of silence."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return frozenset()
        self._event.clear()
        heard, self._heard = frozenset(self._heard), set()
        return heard


class Signal:
    """Release ids that have changed, told to everyone who listens just now."""

    def __init__(self) -> None:
        self._ears: set[Ear] = set()

    def fire(self, release_id: str) -> None:
        """Tell everyone; never waits."""
        for ear in self._ears:
            ear.hear(release_id)

    @contextmanager
    def listen(self) -> Iterator[Ear]:
        """Listen for the time of the block."""
        ear = Ear()
        self._ears.add(ear)
        try:
            yield ear
        finally:
            self._ears.discard(ear)
