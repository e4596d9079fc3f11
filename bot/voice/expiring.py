"""Ends plans whose time is over, so that a question in the chat never looks open when it is not."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from bot.store import plans
from bot.voice import confirming
from bot.voice.parts import Parts

LOOK = 30.0
"""Seconds after which it looks by itself, should a signal have been lost."""
KEPT = timedelta(days=7)
_REST = 1.0
_log = logging.getLogger(__name__)


class Expiry:
    """Runs until it is cancelled; several servers may."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self) -> None:
        """End plans as their time comes."""
        with self._parts.changed.listen() as ear:
            while True:
                try:
                    wait = await self._round()
                except Exception:  # noqa: BLE001 -- logged with its trace; it looks again
                    _log.exception("Spoken plans could not be looked through; trying again")
                    await asyncio.sleep(_REST)
                    continue
                await ear.wait(wait)

    async def _round(self) -> float:
        """End what is over; give the seconds until the next one is."""
        parts = self._parts
        now = parts.clock()
        async with parts.database.read() as c:
            due = await plans.next_expiry(c)
        if due and due <= now:
            await confirming.expire(parts)
            parts.changed.fire("")
            async with parts.database.write() as c:
                await plans.forget_before(c, now - KEPT)
            async with parts.database.read() as c:
                due = await plans.next_expiry(c)
        return min(LOOK, max(0.05, (due - now).total_seconds())) if due else LOOK
