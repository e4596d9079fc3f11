"""Tells this server's signals what other servers on the same database have done: one small look a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError

from bot.signals import Signal
from bot.store import events, intents, messages, releases
from bot.store.database import Database

_log = logging.getLogger(__name__)


class Echo:
    """Compares what was there a moment ago with what is there now.

    Only hints, like every signal, so that what it misses (an id that was drawn earlier but committed later) is found
    by whoever looks by himself. Polling instead of LISTEN: it needs no connection of its own, also works behind a
    pooler, and a second is what people notice.
    """

    def __init__(self, database: Database, *, asked: Signal, changed: Signal, every: float) -> None:
        self._database, self._asked, self._changed, self._every = database, asked, changed, every
        self._versions: Mapping[str, int] | None = None
        self._intent = self._event = 0

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self.look()
            except (DBAPIError, OSError) as error:
                _log.warning("the database does not answer (%s); looking again", type(error).__name__)
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Look once, and tell what is new since the last time."""
        async with self._database.read() as c:
            versions = await releases.active_versions(c)
            event = await events.last(c)
            intent, asked = await intents.since(c, self._intent)
            memo = await messages.memos_wait(c)
        before, self._versions = self._versions, versions
        if before is not None:
            for release_id in asked:
                self._asked.fire(release_id)
            for release_id in before.keys() | versions.keys():
                if before.get(release_id) != versions.get(release_id):
                    self._changed.fire(release_id)
            if event != self._event or memo:  # also of releases that have ended
                self._changed.fire("")
        self._intent, self._event = intent, event
