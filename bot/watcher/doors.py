"""Carries out what people wished for the ways into environments: tells the backend, and writes down that it knows."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    wait_random_exponential,
)

from bot.catalogue import Catalogue
from bot.core.errors import BackendError, BackendUnavailable, Conflict, NotFound
from bot.core.events import VerbFailed
from bot.core.memos import HoldNotice
from bot.core.ports import Backend
from bot.core.wording import say
from bot.incidents import incident
from bot.signals import Signal
from bot.store import holds, messages
from bot.store.database import Database
from bot.store.holds import HoldWish
from bot.store.leases import Leases

_log = logging.getLogger(__name__)
_LEASE = "doors"
_TRIES = 5
"""Of something that fails in a way nobody expected."""


def _note(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if error is not None:
        incident(_log, "looking for held environments", error)


class Doorkeeper:
    """One task that tells backends which ways in are to be closed or open, the newest wish of each place only.

    A wish is never given up: it holds until somebody wishes otherwise, so a backend that was away for a day is told
    when it comes back. What is changed at the backend by others is not seen; Sayso knows only what was said to it.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        backends: Mapping[str, Backend],
        *,
        clock: Callable[[], datetime],
        asked: Signal,
        changed: Signal,
        leases: Leases,
    ) -> None:
        """Take the same parts as the watcher."""
        self._database, self._catalogue, self._backends = database, catalogue, backends
        self._clock, self._asked, self._changed, self._leases = clock, asked, changed, leases
        self._failed: Counter[int] = Counter()

    async def run(self) -> None:
        """Look whenever something is asked for, until cancelled."""
        patient = AsyncRetrying(
            wait=wait_random_exponential(multiplier=0.5, max=30),
            retry=retry_if_result(lambda settled: not settled) | retry_if_exception_type(Exception),
            before_sleep=_note,
        )
        with self._asked.listen() as ear:
            while True:
                await patient(self.look)
                await ear.wait(self._leases.every)

    async def look(self) -> bool:
        """Carry out what is to be done; tell whether nothing of it is left to be tried again."""
        async with self._database.read() as c:
            wishes = await holds.to_do(c)
        if not wishes:
            return True
        if not await self._leases.claim([_LEASE]):
            return True  # another server does it; this one looks again by itself
        settled = [await self._carry_out(wish) for wish in wishes]
        await self._leases.release(_LEASE)
        return all(settled)

    async def _carry_out(self, wish: HoldWish) -> bool:
        hold = wish.hold
        reason = say("stop.reason", who=self._catalogue.name_of(hold.by), reason=hold.reason or say("hold.no_reason"))
        try:
            environment = self._catalogue.environment(wish.service, hold.environment)
            backend = self._backends[environment.backend]
            await backend.hold(environment.target, hold.stage, reason if hold.closed else None)
        except BackendUnavailable as error:
            _log.warning("the way into %s of %s is to be %s: %s", hold.environment, wish.service, hold.state, error)
            return False
        except (BackendError, Conflict, NotFound) as error:
            await self._settle(wish, refused=str(error))
        except Exception as error:  # noqa: BLE001 - one place's trouble must not keep the others waiting
            number = incident(_log, f"holding {hold.environment} of {wish.service}", error)
            self._failed[wish.id] += 1
            if self._failed[wish.id] < _TRIES:
                return False
            await self._settle(wish, refused=say("incident", number=number))
        else:
            await self._settle(wish)
        self._failed.pop(wish.id, None)
        return True

    async def _settle(self, wish: HoldWish, refused: str | None = None) -> None:
        now = self._clock()
        told = [VerbFailed(verb="hold" if wish.hold.closed else "unhold", detail=refused)] if refused else []
        try:
            stages = self._catalogue.environments_by_stage(wish.service, wish.hold.environment)
        except NotFound:
            stages = {}
        async with self._database.write() as c:
            await holds.settle(c, wish, refused)
            settled = await holds.get(c, wish.id)
            name = self._catalogue.name_of(wish.hold.by)
            notice = HoldNotice(service=wish.service, name=name, hold=settled.hold, refused=refused)
            await messages.rewrite(c, wish.notice, notice.model_dump(mode="json"))
            shown = await holds.show(c, wish.service, frozenset(stages.values()), told, now)
        for release in shown:
            self._changed.fire(release.id)
        self._changed.fire("")
