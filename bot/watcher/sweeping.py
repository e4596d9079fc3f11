"""Drops what is old, once a day and in small pieces, so that nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from bot.core.ports import Backend, Forgets
from bot.incidents import incident
from bot.store import retention
from bot.store.database import Database
from bot.store.leases import Leases, Sole

_log = logging.getLogger(__name__)
KEYS_LIVE = timedelta(days=30)
"""How long a command's idempotency key is known."""
_LEASE = "sweep"
_DAY = 86_400.0
_AT_ONCE = 100
"""Releases in one transaction."""


class Sweeper:
    """Looks at the start and then once a day; of several servers one does it."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        keep: timedelta,
        backends: Collection[Backend] = (),
        leases: Leases | None = None,
        pause: float = 0.1,
    ) -> None:
        """`keep` is how long ended releases, and runs that none has, are kept; `pause` the seconds between pieces."""
        self._database, self._clock, self._keep = database, clock, keep
        self._backends = [each for each in backends if isinstance(each, Forgets)]
        self._leases, self._pause = leases or Sole(), pause

    async def run(self) -> None:
        """Sweep once a day until cancelled."""
        while True:
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001 - tomorrow is another day
                incident(_log, "dropping what is old", error)
            await asyncio.sleep(_DAY)

    async def sweep(self) -> int:
        """Drop what is old now; gives how many releases that were."""
        if not await self._leases.claim([_LEASE]):
            return 0
        now = self._clock()
        before, count = now - self._keep, 0
        async with self._database.read() as c:
            kept = await retention.needed(c)
        last: tuple[datetime, str] | None = None
        while True:
            async with self._database.read() as c:
                found, last = await retention.old(c, before, kept, last, _AT_ONCE)
            if found:
                async with self._database.write() as c:
                    await retention.drop(c, found)
                count += len(found)
            if last is None:
                break
            await asyncio.sleep(self._pause)
        async with self._database.write() as c:
            await retention.drop_loose(c, before)
            await retention.drop_keys(c, now - KEYS_LIVE)
            runs = await retention.runs(c)
        for backend in self._backends:  # what a release still shows, or may go back to, stays
            await backend.forget(before, runs)
        await self._leases.release(_LEASE)
        if count:
            _log.info("dropped %d releases that ended more than %d days ago", count, self._keep.days)
        return count
