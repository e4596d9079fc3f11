"""Keeps events until their targets have taken them, in the order of each execution, at least once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from bot.core.ports import Transactions
from integrations.local.aws.events import Describe
from integrations.local.aws.targets import Refused, Target, Undelivered
from integrations.local.journal import EVENTS, Change

log = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(hours=24)
"""For a target that does not answer; then its events are dropped, as EventBridge does."""
AT_ONCE = 50
TURN = 0.5
"""Seconds between two looks whether another server still sends."""
LOOK_EVERY = 30.0
"""Seconds; only in case that the word of a commit got lost."""


class Outbox:
    """The journal that the engine writes, and the deliveries from it."""

    def __init__(
        self,
        database: Transactions,
        targets: Sequence[Target],
        describe: Describe,
        clock: Callable[[], datetime],
        *,
        longest_pause: float = 60,
    ) -> None:
        self._database, self._targets, self._describe, self._clock = database, targets, describe, clock
        self._longest_pause = longest_pause
        self._news = {target.key: asyncio.Event() for target in targets}

    async def note(self, c: AsyncConnection, change: Change) -> None:
        """Write the events of a change, within its transaction."""
        rows = [
            {"target": target.key, "execution": event.execution, "body": json.dumps(event.body), "created": change.at}
            for event in await self._describe(c, change)
            for target in self._targets
        ]
        if rows:
            await c.execute(sa.insert(EVENTS), rows)

    def committed(self) -> None:
        """Have the targets served."""
        for news in self._news.values():
            news.set()

    async def run(self) -> None:
        """Deliver until cancelled. One target that fails holds up nothing but its own events."""
        async with asyncio.TaskGroup() as group:
            for target in self._targets:
                group.create_task(self._serve(target), name=f"events to {target.shown}")

    async def _serve(self, target: Target) -> None:
        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            # What a target says is for its keeper; anything else is ours, and must not end the deliveries.
            trace = None if isinstance(error, Undelivered) else error
            log.warning("events for %s wait (%s); trying again soon", target.shown, error, exc_info=trace)

        while True:
            self._news[target.key].clear()
            async for again in AsyncRetrying(
                retry=retry_if_exception_type(Exception),
                wait=wait_exponential(multiplier=0.25, max=self._longest_pause),
                before_sleep=tell,
            ):
                with again:
                    while await self._send_some(target):
                        pass
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._news[target.key].wait()
            except TimeoutError:
                continue

    async def _send_some(self, target: Target) -> bool:
        """Send the oldest events; tells whether to look again at once."""
        e = EVENTS.c
        query = sa.select(EVENTS).where(e.target == target.key).order_by(e.id).limit(AT_ONCE)
        async with self._alone(target) as alone:
            if not alone:
                await asyncio.sleep(TURN)
                return True
            async with self._database.read() as c:
                rows = (await c.execute(query)).all()
            taken: list[int] = []
            try:
                for row in rows:
                    if row.created < self._clock() - LONGEST_WAIT:
                        log.error("an event of run %s is dropped: %s did not take it", row.execution, target.shown)
                    else:
                        await self._send(target, row.body, row.execution)
                    taken.append(row.id)
            finally:
                if taken:
                    async with self._database.write() as c:
                        await c.execute(sa.delete(EVENTS).where(e.id.in_(taken)))
        return bool(rows)

    @asynccontextmanager
    async def _alone(self, target: Target) -> AsyncIterator[bool]:
        """Of several servers on one PostgreSQL only one sends to a target at a time; SQLite has only one server."""
        if self._database.engine.dialect.name != "postgresql":
            yield True
            return
        async with self._database.write() as c:
            key = int(target.key[:15], 16)
            yield bool(await c.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(key))))

    async def _send(self, target: Target, body: str, execution: str) -> None:
        try:
            await asyncio.to_thread(target.send, json.loads(body), execution)
        except Refused as error:
            log.error("an event of run %s is dropped: %s refuses it (%s)", execution, target.shown, error)  # noqa: TRY400
