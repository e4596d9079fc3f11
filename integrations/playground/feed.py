"""What happens in the workspace, as numbered changes that any number of pages can follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any


class Feed:
    """Hands every change to every open subscription, in order."""

    def __init__(self) -> None:
        self.number = 0
        self._open: set[asyncio.Queue[dict[str, Any] | None]] = set()

    def publish(self, kind: str, **data: Any) -> None:
        """Announce a change; `data` must be JSON."""
        self.number += 1
        for queue in self._open:
            queue.put_nowait({"number": self.number, "kind": kind, **data})

    def end(self) -> None:
        """End every open subscription; called when the server goes down, which else would wait for the pages."""
        for queue in self._open:
            queue.put_nowait(None)

    @contextmanager
    def subscription(self) -> Iterator[AsyncIterator[dict[str, Any] | None]]:
        """Follow the changes from now on; yields `None` after 15 quiet seconds, so that a dead page is noticed."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._open.add(queue)
        try:
            yield _drain(queue)
        finally:
            self._open.discard(queue)


async def _drain(queue: asyncio.Queue[dict[str, Any] | None]) -> AsyncIterator[dict[str, Any] | None]:
    while True:
        try:
            change = await asyncio.wait_for(queue.get(), 15)
        except TimeoutError:
            yield None
            continue
        if change is None:
            return
        yield change
