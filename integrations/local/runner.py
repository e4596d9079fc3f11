"""The port behind which attempts run, with its two verbs, and its implementation inside this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

log = logging.getLogger(__name__)

Perform = Callable[[str, int, asyncio.Event], Awaitable[None]]
"""Carries out an attempt (action id, attempt) to its recorded end; the event says that it is to be cancelled."""


class AttemptRunner(Protocol):
    """Runs attempts somewhere. The verbs may be repeated; the intent row makes sure that nothing runs twice."""

    async def submit(self, action_id: str, attempt: int) -> None:
        """Have this attempt carried out soon."""
        ...

    async def cancel(self, action_id: str, attempt: int) -> None:
        """End it: its processes, too. One that does not run changes nothing."""
        ...

    async def forget(self, attempts: Sequence[str]) -> None:
        """Drop what it keeps itself of attempts (action id, `#`, attempt) that ended long ago."""
        ...

    async def open(self) -> None:
        """Begin to take what is submitted; `Misconfigured` if it can't."""
        ...

    async def close(self, *, kill: bool) -> None:
        """Take nothing new; with `kill` end and record everything that runs, else leave it as it is."""
        ...


class InProcessRunner:
    """Runs attempts as tasks of this process, at most `slots` at once, first come first served."""

    def __init__(self, perform: Perform, *, slots: int) -> None:
        self._perform = perform
        self._slots = asyncio.Semaphore(slots)
        self._tasks: dict[tuple[str, int], tuple[asyncio.Task[None], asyncio.Event]] = {}
        self._closed = False

    async def open(self) -> None:
        """Do nothing: what is submitted runs at once."""

    async def forget(self, attempts: Sequence[str]) -> None:
        """Do nothing: it keeps nothing of what has ended."""

    async def submit(self, action_id: str, attempt: int) -> None:
        """Start the attempt's task, unless it runs already."""
        key = (action_id, attempt)
        if key in self._tasks or self._closed:
            return
        cancelled = asyncio.Event()
        task = asyncio.create_task(self._run(key, cancelled), name=f"{action_id}#{attempt}")
        self._tasks[key] = (task, cancelled)
        task.add_done_callback(lambda done: self._done(key, done))

    def _done(self, key: tuple[str, int], task: asyncio.Task[None]) -> None:
        self._tasks.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("attempt %s#%s ended without a record; it is taken up again", *key, exc_info=error)

    async def cancel(self, action_id: str, attempt: int) -> None:
        """Tell the attempt's task to end its work; it records the end itself."""
        if running := self._tasks.get((action_id, attempt)):
            running[1].set()

    async def _run(self, key: tuple[str, int], cancelled: asyncio.Event) -> None:
        # A cancelled attempt needs no slot: it only has to be recorded, or its orphans ended.
        waiting = asyncio.ensure_future(self._slots.acquire())
        halted = asyncio.ensure_future(cancelled.wait())
        try:
            await asyncio.wait({waiting, halted}, return_when=asyncio.FIRST_COMPLETED)
            await self._perform(*key, cancelled)
        finally:
            halted.cancel()
            if waiting.done() and not waiting.cancelled():
                self._slots.release()
            waiting.cancel()

    async def drain(self, seconds: float) -> None:
        """Take nothing new, and wait at most so long for what runs."""
        self._closed = True
        if tasks := [task for task, _ in self._tasks.values()]:
            await asyncio.wait(tasks, timeout=seconds)

    async def close(self, *, kill: bool) -> None:
        """Take nothing new; with `kill` end and record everything that runs, else leave it as it is."""
        self._closed = True
        running = list(self._tasks.values())
        for task, cancelled in running:
            if kill:
                cancelled.set()
            else:
                task.cancel()
        await asyncio.gather(*(task for task, _ in running), return_exceptions=True)
