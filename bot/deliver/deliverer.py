"""Brings every message up to date: the latest state wins, one writer per message, never twice, never a flood.

What it guarantees, with one deliverer per database (of several servers the one that holds the lease `deliver`):

- A card ends up showing the release as it is. Versions in between may be skipped; none is shown after a later one.
- A note, a notice or a direct message is posted once. Its row and the cursor behind its event change together
  (`subscriptions`). Before a first post `posting_since` is committed; after a crash or a lost answer the chat is
  searched for the message before it is posted again. What remains: a chat that applies a post only after it was
  searched (more than `planning.SETTLE` after we lost sight of it) shows it twice.
- The chat's limits are kept (`pacer`); a `Retry-After` closes exactly the operation that it was given for. What was
  called before a restart is forgotten; the chat's own answer then slows us down.
- A message that can't be delivered waits, twice as long each time up to a minute, or is given up with a reason. Others
  go on, and no release depends on any of it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Generic

from bot.catalogue import Catalogue
from bot.core.ports import Content, Messenger
from bot.deliver.pacer import Limits, Pacer
from bot.deliver.planning import Job, plan
from bot.deliver.sending import FetchLog, Sending
from bot.deliver.subscriptions import Subscriptions
from bot.deliver.telling import Renderer, Style
from bot.signals import Ear, Signal
from bot.store import messages
from bot.store.database import Database
from bot.store.leases import Leases, Sole

POLL = 30.0
"""Seconds after which it looks by itself, should a signal have been lost."""
AT_ONCE = 10
"""Calls under way at the same time."""
TURN = "deliver"
"""The lease of whoever delivers."""
REST = 1.0
"""Seconds to rest when not even the database answers."""
_log = logging.getLogger(__name__)


class Deliverer(Generic[Content]):
    """Runs until it is cancelled; see the module's docstring for what it guarantees."""

    def __init__(
        self,
        *,
        database: Database,
        catalogue: Catalogue,
        messenger: Messenger[Content],
        renderer: Renderer[Content],
        limits: Limits,
        signal: Signal,
        fetch_log: FetchLog,
        clock: Callable[[], datetime],
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        random: random.Random | None = None,
        leases: Leases | None = None,
    ) -> None:
        self._leases = leases or Sole()
        self._database = database
        self._signal = signal
        self._clock = clock
        self._pacer = Pacer(limits)
        self._subscriptions = Subscriptions(database, catalogue, clock=clock, new_id=new_id)
        self._sending = Sending(
            database,
            messenger,
            renderer,
            fetch_log=fetch_log,
            clock=clock,
            random=random or _random(),
            style=Style.RICH if catalogue.plan_blocks else Style.SIMPLE,
            may=lambda: self._leases.held(TURN),
        )
        self._busy: set[str] = set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        with self._signal.listen() as ear, self._signal.listen() as news:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._take_in(news, ear))
                await self._deliver(group, ear)

    async def _take_in(self, news: Ear, ear: Ear) -> None:
        """Turn events into outbox rows; beside the cards' way, so that a card never waits for its notes."""
        while True:
            try:
                if await self._our_turn() and await self._subscriptions.take_in():
                    ear.hear("")
            except Exception:  # noqa: BLE001 -- logged with its trace; cards must go on
                _log.exception("Events could not be read; trying again")
                await asyncio.sleep(REST)
                continue
            await news.wait(min(POLL, self._leases.every))

    async def _our_turn(self) -> bool:
        """Tell whether this server delivers now; what its cards show is only known while it does."""
        if self._leases.held(TURN):
            return True
        ours = bool(await self._leases.claim({TURN}))
        if ours:
            self._sending.forget()
        return ours

    async def _deliver(self, group: asyncio.TaskGroup, ear: Ear) -> None:
        while True:
            try:
                wait = await self._round(group, ear)
            except Exception:  # noqa: BLE001 -- logged with its trace; it looks again
                _log.exception("Messages could not be looked up; trying again")
                wait = REST
            await ear.wait(wait)

    async def _round(self, group: asyncio.TaskGroup, ear: Ear) -> float:
        """Start every call that may be made now; give the seconds after which to look again."""
        if not await self._our_turn():
            return self._leases.every
        # Whoever has a call under way now is left out, even if it ends while we read: what we read of it is older.
        busy = frozenset(self._busy)
        async with self._database.read() as c:
            due = await messages.due(c)
            cards: dict[str, list[messages.Message]] = {}
            for card in await messages.cards(c, {message.release_id for message in due}) if due else ():
                cards.setdefault(card.release_id, []).append(card)
        now = self._clock()
        planned = plan(due, cards, busy, now)
        for message, reason in planned.moot:
            await self._sending.bury(message, reason)
        jobs = {job.wish.message: job for job in planned.jobs}
        granted, wait = self._pacer.take(
            [job.wish for job in planned.jobs], asyncio.get_running_loop().time(), AT_ONCE - len(self._busy)
        )
        for wish in granted:
            self._busy.add(wish.message)
            group.create_task(self._carry_out(jobs[wish.message], ear))
        waits = [POLL] if wait is None else [POLL, wait]
        if planned.wake:
            waits.append((planned.wake - now).total_seconds())
        return max(0.0, min(waits))

    async def _carry_out(self, job: Job, ear: Ear) -> None:
        try:
            outcome = await self._sending.carry_out(job)
            if outcome.rest is not None:
                until = asyncio.get_running_loop().time() + outcome.rest
                self._pacer.close(job.wish.operation, job.wish.channel, until)
            if not outcome.called:
                self._pacer.give_back(job.wish)
        except Exception:  # noqa: BLE001 -- logged with its trace; the others go on
            _log.exception("What became of message %s could not be noted", job.message.id)
            await asyncio.sleep(REST)
        finally:
            self._busy.discard(job.message.id)
            ear.hear(job.message.id)


def _random() -> random.Random:
    return random.Random()  # noqa: S311 -- spreads retries, guards nothing
