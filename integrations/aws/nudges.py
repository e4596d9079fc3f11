"""Passes nudges on, once for those that come together: CodePipeline sends several events for one step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from bot.core.ports import Nudge

TOGETHER = 0.25
"""Seconds that a nudge waits for others of the same run."""


class Nudges:
    """Runs to look at, each at most once at a time, in order of arrival."""

    def __init__(self, together: float = TOGETHER) -> None:
        self._together = together
        self._waiting: dict[str, float] = {}
        self._came = asyncio.Event()
        self._closed = False

    def put(self, run_id: str, seconds: float | None = None) -> None:
        """Nudge for a run in some seconds; without them as soon as others of it may have come."""
        due = asyncio.get_running_loop().time() + (self._together if seconds is None else seconds)
        self._waiting[run_id] = min(due, self._waiting.get(run_id, due))
        self._came.set()

    def close(self) -> None:
        """End `read`."""
        self._closed = True
        self._came.set()

    async def read(self) -> AsyncIterator[Nudge]:
        """Yield what is due until closed."""
        clock = asyncio.get_running_loop().time
        while not self._closed:
            self._came.clear()
            for run_id in [run_id for run_id, due in self._waiting.items() if due <= clock()]:
                del self._waiting[run_id]
                yield Nudge(run_id=run_id)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(self._waiting.values(), default=None)):
                    await self._came.wait()
