"""Follows every release that is under way: do what is asked, look, write down what changed, wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from bot.catalogue import Catalogue, Environment
from bot.core.changes import follow
from bot.core.errors import BackendUnavailable, RunNotFound
from bot.core.events import ReleaseFinished
from bot.core.model import Release, Run, Status
from bot.core.ports import Backend
from bot.core.wording import say
from bot.incidents import incident
from bot.signals import Signal
from bot.store import holds, intents, record, releases
from bot.store.database import Database
from bot.store.leases import Leases, Sole
from bot.watcher.carrying import carry_out
from bot.watcher.doors import Doorkeeper

_log = logging.getLogger(__name__)

_LOOK_ROUND = 30.0
"""Seconds after which it looks for releases by itself, should a signal have been lost."""
_REST = 1.0
"""Seconds to rest when the database does not answer, or a backend's nudges break off."""

_QUICK = 0.1
"""Seconds that a look may take without any rest after it, however often there is news."""
_LONGEST_PAUSE = 2.0


class _NotYet(Exception):
    """The backend did not answer; that is written down, and it will be asked again."""


def _lease(release_id: str) -> str:
    return f"watch {release_id}"


async def _rest(wake: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until there is news; what wakes once does not cut the next rest short."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()
            wake.clear()


def _pause_after(look: float) -> float:
    """Give the seconds to rest after a look that took so many of work: a huge run is not read again for each action."""
    return 0.0 if look < _QUICK else min(_LONGEST_PAUSE, 4 * look)


class Watcher:
    """One task per release under way. It alone writes looks, so each release has one writer.

    Of several servers each follows the releases whose lease it holds, and takes over those of one that falls silent.
    Nothing depends on a nudge: without one a release is looked at every `poll` seconds.
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
        poll: float = 10.0,
        leases: Leases | None = None,
        strays: Signal | None = None,
    ) -> None:
        """`strays` is fired with a run's id when something may have to be adopted."""
        self._leases = leases or Sole()
        self._database = database
        self._catalogue = catalogue
        self._backends = backends
        self._clock = clock
        self._asked = asked
        self._changed = changed
        self._poll = poll
        self._strays = strays or Signal()
        self._wakes: dict[str, asyncio.Event] = {}
        self._run_of: dict[str, str] = {}

    async def run(self) -> None:
        """Follow everything that is under way now and whatever is asked for later, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for backend in self._backends.values():
                group.create_task(self._hear_nudges(backend))
            doors = Doorkeeper(
                self._database,
                self._catalogue,
                self._backends,
                clock=self._clock,
                asked=self._asked,
                changed=self._changed,
                leases=self._leases,
            )
            group.create_task(doors.run())
            with self._asked.listen() as ear:
                while True:
                    # Reading the list each time costs little, and so a lost signal can't lose a release.
                    try:
                        for release_id in await self._take():
                            self._wakes[release_id] = asyncio.Event()
                            group.create_task(self._follow(release_id))
                    except Exception as error:  # noqa: BLE001 - a database that is away must not end the watching
                        incident(_log, "looking for releases", error)
                        await asyncio.sleep(_REST)
                    for release_id in await ear.wait(self._leases.every):
                        if release_id in self._wakes:
                            self._wakes[release_id].set()

    async def _take(self) -> list[str]:
        """Give the releases that nobody follows yet, and that are ours from now on."""
        async with self._database.read() as c:
            active = {*await releases.active_ids(c), *await intents.waiting_releases(c)}
        named = {_lease(release_id): release_id for release_id in active - self._wakes.keys()}
        return [named[name] for name in await self._leases.claim(named.keys())]

    async def _hear_nudges(self, backend: Backend) -> None:
        while True:
            try:
                async for nudge in backend.nudges():
                    followed = [release_id for release_id, run_id in self._run_of.items() if run_id == nudge.run_id]
                    for release_id in followed:
                        if release_id in self._wakes:
                            self._wakes[release_id].set()
                    if not followed:
                        self._strays.fire(nudge.run_id)
            except Exception as error:  # noqa: BLE001 - polling goes on without them
                incident(_log, "hearing a backend's nudges", error)
                await asyncio.sleep(_REST)
            else:
                return

    async def _follow(self, release_id: str) -> None:
        """Follow one release to its end; whatever goes wrong is logged, waited out, and tried again."""
        wake = self._wakes[release_id]

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if error is not None and not isinstance(error, _NotYet):
                incident(_log, f"watching release {release_id}", error)

        patient = AsyncRetrying(
            wait=wait_random_exponential(multiplier=0.5, max=30),
            retry=retry_if_exception_type(Exception),
            sleep=partial(_rest, wake),
            before_sleep=note,
        )
        try:
            going_on = True
            while going_on or wake.is_set():
                wake.clear()
                began = time.process_time()  # waiting for a backend far away is no work
                going_on = await patient(self._step, release_id)
                if going_on:
                    await asyncio.sleep(_pause_after(time.process_time() - began))
                    await _rest(wake, self._poll)
            await self._leases.release(_lease(release_id))
        finally:
            self._wakes.pop(release_id, None)
            self._strays.fire(self._run_of.pop(release_id, ""))

    async def _step(self, release_id: str) -> bool:
        """Do what is asked, then look once; tell whether the release is still under way.

        Raises `_NotYet` if the backend does not answer, for another try a little later.
        """
        if not self._leases.held(_lease(release_id)):
            return False  # another server follows it by now
        async with self._database.read() as c:
            release = await releases.get(c, release_id)
            todo = await intents.pending(c, release_id)
        declared = self._catalogue.services.get(release.service)
        environment = declared.environments.get(release.environment) if declared else None
        if environment is None:
            await self._finish(release, say("watch.not_declared", label=release.label, place=release.environment))
            return False
        backend = self._backends[environment.backend]
        for intent in todo:
            settled = await carry_out(self._database, backend, environment, intent, self._clock)
            self._changed.fire(release_id)
            if not settled:
                await self._unreachable(release_id)
                raise _NotYet
        async with self._database.read() as c:
            release = await releases.get(c, release_id)
        if release.active and release.run_id:
            self._run_of[release_id] = release.run_id
            await self._look(release, backend, environment)
            async with self._database.read() as c:
                release = await releases.get(c, release_id)
        return release.active

    async def _look(self, release: Release, backend: Backend, environment: Environment) -> None:
        """Look at the run and write down what is new."""
        assert release.run_id
        try:
            look = await backend.observe(environment.target, release.run_id)
        except RunNotFound as error:
            await self._finish(release, str(error))
            return
        except BackendUnavailable as error:
            await self._unreachable(release.id)
            raise _NotYet from error
        except Exception:  # it goes on to whoever logs it; people must see that what is shown may be old
            await self._unreachable(release.id)
            raise
        if await self._write_down(release.id, look):
            self._changed.fire(release.id)

    async def _write_down(self, release_id: str, look: Run) -> bool:
        now = self._clock()
        async with self._database.write() as c:
            before = await releases.get(c, release_id, lock=True)
            stages = self._catalogue.environments_by_stage(before.service, before.environment)
            after, told = follow(before, look, environments=stages, now=now)
            news: dict[str, object] = {"unreachable_since": None} if before.unreachable_since else {}
            held = await holds.of(c, before.service, stages.values())
            if held != before.held:
                news["held"] = held
            if news:
                after = after.model_copy(update={**news, "version": before.version + 1, "updated": now})
            if after.version == before.version:
                return False
            await record.change(c, before, after, told, now)
        return True

    async def _unreachable(self, release_id: str) -> None:
        """Say once that the backend does not answer; the first answer afterwards takes it back."""
        since = self._clock()
        async with self._database.write() as c:
            before = await releases.get(c, release_id, lock=True)
            if before.unreachable_since or not before.active:
                return
            update = {"unreachable_since": since, "version": before.version + 1, "updated": since}
            await record.change(c, before, before.model_copy(update=update), (), since)
        _log.warning("the backend %s does not answer for %s", before.backend, before.label)
        self._changed.fire(release_id)

    async def _finish(self, release: Release, detail: str) -> None:
        """End a release whose outcome nobody can say."""
        now = self._clock()
        async with self._database.write() as c:
            before = await releases.get(c, release.id, lock=True)
            for intent in await intents.pending(c, release.id):
                await intents.done(c, intent)
            if before.active:
                seconds = (now - before.created).total_seconds()
                attempt = before.run.attempt if before.run else 1
                told = ReleaseFinished(status=Status.UNKNOWN, attempt=attempt, detail=detail, seconds=seconds)
                update = {
                    "active": False,
                    "status": Status.UNKNOWN,
                    "detail": detail,
                    "finished": now,
                    "version": before.version + 1,
                    "updated": now,
                }
                await record.change(c, before, before.model_copy(update=update), [told], now)
        self._changed.fire(release.id)
