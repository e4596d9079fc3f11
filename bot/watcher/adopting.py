"""Adopts runs that nobody asked Sayso for: each becomes a release of its own, with a card that says what started it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.catalogue import Catalogue, Environment
from bot.core.changes import follow
from bot.core.errors import BackendError
from bot.core.events import ReleaseRequested
from bot.core.model import Release, ReleaseKind, Run, Status, Surface
from bot.core.ports import Backend
from bot.core.wording import say
from bot.incidents import incident
from bot.signals import Signal
from bot.store import intents, messages, record, releases
from bot.store.database import Database

_log = logging.getLogger(__name__)

LOOKED_AT = 20
"""How many of a pipeline's newest runs are asked after."""
TOO_OLD = timedelta(days=1)
"""A run that ended longer ago, while no server looked, is history and gets no card."""
_MOST_WORDS = 200
_TYPES = frozenset(
    {"StartPipelineExecution", "CreatePipeline", "Webhook", "WebhookV2", "CloudWatchEvent", "PollForSourceChanges",
     "PutActionRevision", "ManualRollback", "AutomatedRollback"}
)  # fmt: skip
"""CodePipeline's TriggerTypes: a backend that says no more than that."""


@dataclass(frozen=True)
class Pipeline:
    """One pipeline of the catalogue, and the environments that it releases to."""

    backend: str
    places: tuple[tuple[str, Environment], ...]
    """Service and environment, in the catalogue's order."""

    @property
    def cursor(self) -> str:
        """Name the cursor that keeps since when its runs are adopted."""
        _, environment = self.places[0]
        said = f"{self.backend} {type(environment.target).__name__} {environment.target.model_dump_json()}"
        return f"adopt {sha256(said.encode()).hexdigest()[:40]}"

    def place_of(self, run: Run) -> tuple[str, Environment]:
        """Choose where a run's release belongs: to the environment that the run comes to first."""
        order = {stage.name: number for number, stage in enumerate(run.stages)}
        return min(self.places, key=lambda place: order.get(place[1].stage or "", len(order)))


def pipelines(catalogue: Catalogue) -> list[Pipeline]:
    """List the distinct pipelines: environments with the same backend and target share one."""
    found: list[list[tuple[str, Environment]]] = []
    for service, environment in _places(catalogue):
        for group in found:
            other = group[0][1]
            if other.backend == environment.backend and other.target == environment.target:
                group.append((service, environment))
                break
        else:
            found.append([(service, environment)])
    return [Pipeline(group[0][1].backend, tuple(group)) for group in found]


def _places(catalogue: Catalogue) -> Iterator[tuple[str, Environment]]:
    for key, service in catalogue.services.items():
        for environment in service.environments.values():
            yield key, environment


class Adopter:
    """Looks at every pipeline's newest runs every minute, and soon after a nudge of a run that nobody follows.

    Never adopted: runs from before this server first saw their pipeline; runs that a release carries out, or may be
    about to: while a wish to start one on the same pipeline is not recorded as done, nothing of it is adopted; runs
    that were superseded before anybody saw them, and those that ended more than a day ago. While another release is
    active in the same environment a run waits; once it has ended it needs no room and is recorded as it ended.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        backends: Mapping[str, Backend],
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        asked: Signal,
        changed: Signal,
        strays: Signal,
        every: float = 60.0,
        pause: float = 1.0,
    ) -> None:
        """Take the same parts as the watcher.

        `strays` fires when a run may need a release: after a nudge that concerns none, and when a place became free.
        `pause` is the shortest time between two looks, `every` the longest; both in seconds.
        """
        self._database, self._catalogue, self._backends = database, catalogue, backends
        self._clock, self._new_id = clock, new_id
        self._asked, self._changed, self._strays = asked, changed, strays
        self._every, self._pause = every, pause

    async def run(self) -> None:
        """Look until cancelled; a backend or database that does not answer is looked at again."""
        with self._strays.listen() as ear:
            while True:
                for pipeline in pipelines(self._catalogue):
                    try:
                        await self.look(pipeline)
                    except (BackendError, DBAPIError, OSError) as error:
                        _log.warning("the runs of %s can't be listed just now: %s", pipeline.backend, error)
                    except Exception as error:  # noqa: BLE001 - one pipeline's trouble must not hide the others' runs
                        incident(_log, f"adopting runs of {pipeline.backend}", error)
                await asyncio.sleep(self._pause)
                await ear.wait(self._every)

    async def look(self, pipeline: Pipeline) -> None:
        """Look at one pipeline once. Raises `BackendError` if its backend can't tell."""
        _, environment = pipeline.places[0]
        since = await self._first_sight(pipeline)
        found = await self._backends[pipeline.backend].recent(environment.target, LOOKED_AT)
        fresh = [run for run in found if (run.started or run.seen) >= since and self._worth_a_card(run)]
        async with self._database.read() as c:
            known = await releases.known_runs(c, pipeline.backend, [run.id for run in fresh])
        for run in reversed(fresh):  # oldest first, so that numbers grow as the runs do
            if run.id not in known:
                await self._adopt(pipeline, run)

    async def _first_sight(self, pipeline: Pipeline) -> datetime:
        """Give since when this pipeline's runs are adopted: when a server saw it for the first time."""
        async with self._database.read() as c:
            known = await messages.position(c, pipeline.cursor)
        if known:
            return datetime.fromtimestamp(known / 1000, UTC)
        async with self._database.write() as c:
            known = await messages.position(c, pipeline.cursor, lock=True)
            if not known:
                known = int(self._clock().timestamp() * 1000)
                await messages.move(c, pipeline.cursor, known)
        return datetime.fromtimestamp(known / 1000, UTC)

    def _worth_a_card(self, run: Run) -> bool:
        if run.status is Status.SUPERSEDED:
            return False
        return not run.status.finished or self._clock() - (run.finished or run.seen) < TOO_OLD

    async def _adopt(self, pipeline: Pipeline, run: Run) -> None:
        """Record a run as a release, if it is nobody's; all that decides stands in one transaction."""
        now, key = self._clock(), f"adopt {pipeline.backend} {run.id}"
        service, environment = pipeline.place_of(run)
        starter = self._catalogue.person_known_as(run.started_by)
        async with self._database.write() as c:
            # Of two servers that see it at once the second waits in `recall` for the first.
            if await intents.recall(c, key) or await releases.of_run(c, pipeline.backend, run.id):
                return
            if await self._may_be_ours(c, pipeline):
                return
            if not run.status.finished and await releases.active_in(c, service, environment.key):
                return
            wish = Release(
                id=self._new_id(),
                number=await releases.next_number(c, service),
                service=service,
                environment=environment.key,
                kind=ReleaseKind.ADOPTED,
                requested_by=starter or unverified(run),
                reason=words(run) if starter else "",
                surface=Surface.BACKEND,
                backend=environment.backend,
                stage=environment.stage,
                run_id=run.id,
                approvals_needed=self._catalogue.rules(service, environment.key).approvals,
                created=min(run.started or now, now),
                updated=now,
            )
            stages = self._catalogue.environments_by_stage(service, environment.key)
            release, told = follow(wish, run, environments=stages, now=run.finished or now)
            requested = ReleaseRequested(by=wish.requested_by, how=wish.kind, reason=wish.reason)
            channel = self._catalogue.card_channel(service)
            card = (self._new_id(), channel) if channel else None
            await record.new(c, release, [requested, *told], card=card, now=now)
            await intents.remember(c, key, release.id, now)
        self._asked.fire(release.id)
        self._changed.fire(release.id)

    async def _may_be_ours(self, c: AsyncConnection, pipeline: Pipeline) -> bool:
        """Tell whether a release is about to record a run of this pipeline: started, but not written down yet."""
        places = {(service, environment.key) for service, environment in pipeline.places}
        for release_id in await intents.starting(c):
            release = await releases.get(c, release_id)
            if (release.service, release.environment) in places:
                return True
        return False


def unverified(run: Run) -> str:
    """Say what started a run, and that its starter, if there was one, is nobody of the catalogue."""
    if not run.started_by:
        return words(run)
    return say("adopted.unverified", what=words(run), name=run.started_by[0][:_MOST_WORDS])


def words(run: Run) -> str:
    """Say what started a run: the backend's own words, or ours for CodePipeline's types."""
    if run.trigger in _TYPES:
        return say(f"adopted.by.{run.trigger}")
    return run.trigger[:_MOST_WORDS] or say("adopted.by.nobody")
