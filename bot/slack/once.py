"""Does a thing once per key while it is remembered; a second call waits for the first one's result."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Remembers the last `most` results. A failure is not remembered: the next call tries again.

    Only saves work and answers inside one process; that a wish has its effect once is the desk's doing.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._results: OrderedDict[str, asyncio.Task[T]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._results

    async def do(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """Give the result of `work` for this key, or the one it had before."""
        task = self._results.get(key)
        if task is None:
            task = asyncio.ensure_future(_run(work))
            self._results[key] = task
            task.add_done_callback(lambda done: self._forget_failure(key, done))
            while len(self._results) > self._most:
                self._results.popitem(last=False)
        # One caller going away (a closed connection) must not undo the work for the others.
        return await asyncio.shield(task)

    def _forget_failure(self, key: str, done: asyncio.Task[T]) -> None:
        if (done.cancelled() or done.exception() is not None) and self._results.get(key) is done:
            del self._results[key]


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
