"""Passes nudges on, once for those that come together: CodePipeline sends several events for one step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from bot.core.ports import Nudge

TOGETHER = 0.2
"""Seconds that a nudge waits for others of the same run."""
_LONGEST = 2.5
"""So many times that it waits at most while others come."""


class Nudges:
    """Runs to look at, each at most once at a time, in order of arrival."""

    def __init__(self, together: float = TOGETHER) -> None:
        self._together = together
        self._waiting: dict[str, float] = {}
        self._latest: dict[str, float] = {}
        """When those that wait for others are due at the latest."""
        self._came = asyncio.Event()
        self._closed = False

    def put(self, run_id: str, seconds: float | None = None) -> None:
        """Nudge for a run in some seconds; without them as soon as no more of it come."""
        now = asyncio.get_running_loop().time()
        if seconds is None:
            latest = self._latest.setdefault(run_id, now + _LONGEST * self._together)
            self._waiting[run_id] = min(now + self._together, latest)
        else:
            self._waiting[run_id] = min(now + seconds, self._waiting.get(run_id, now + seconds))
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
                self._latest.pop(run_id, None)
                yield Nudge(run_id=run_id)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(self._waiting.values(), default=None)):
                    await self._came.wait()
