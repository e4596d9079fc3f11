"""One token bucket for all calls to AWS, because its limits are per account and not published."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PER_SECOND = 1.8
"""Calls; ours, below the 2 per second that are promised for 200 active releases."""
BURST = 20.0
_DEEPEST = -2 * BURST


class Pace:
    """Gives out `rate` calls per second, and at most `burst` at once; `monotonic` is in seconds."""

    def __init__(self, monotonic: Callable[[], float], rate: float = PER_SECOND, burst: float = BURST) -> None:
        self._monotonic, self.rate, self._burst = monotonic, rate, burst
        self._level, self._at = burst, monotonic()
        self._line = asyncio.Lock()

    @property
    def level(self) -> float:
        """Give how many calls may be made just now; below zero after more than that."""
        now = self._monotonic()
        self._level = min(self._burst, self._level + (now - self._at) * self.rate)
        self._at = now
        return self._level

    @property
    def plenty(self) -> bool:
        """Tell whether at least half of what may come at once is there."""
        return self.level >= self._burst / 2

    def spend(self) -> None:
        """Take one without waiting, for what a person waits for; everything else waits the longer."""
        self._level = max(self.level - 1, _DEEPEST)

    async def take(self) -> None:
        """Wait for one, in order."""
        async with self._line:
            while (lacking := 1 - self.level) > 0:  # noqa: ASYNC110 - time itself is what is waited for
                await asyncio.sleep(lacking / self.rate)
            self._level -= 1

    def slow_down(self, seconds: float) -> None:
        """Let nothing but what is urgent through for a while: AWS has refused a call for there being too many."""
        self._level = max(min(self.level, 0.0) - seconds * self.rate, _DEEPEST)
