"""A desk and a watcher over a real database and the backend in memory, with four people and one service."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.catalogue import Catalogue, Environment, Person, Service
from bot.core.commands import Accepted, Answer, Command, Verb
from bot.core.events import LoggedEvent
from bot.core.model import ActionKind, Actor, Release, Status, Surface
from bot.desk import Desk
from bot.desk.parts import Parts
from bot.signals import Signal
from bot.store import events
from bot.store.database import Database
from bot.watcher import Watcher
from tests.support.memory_backend import MemoryBackend, MemoryTarget, Plan
from tests.support.waiting import until

PIPELINE = (
    Plan(stage="Source", action="Fetch", kind=ActionKind.SOURCE),
    Plan(stage="Build", action="Unit", kind=ActionKind.TEST),
    Plan(stage="Staging", action="Deploy", kind=ActionKind.DEPLOY),
    Plan(stage="Approval", action="Approve", kind=ActionKind.APPROVAL),
    Plan(stage="Production", action="Deploy", kind=ActionKind.DEPLOY),
)


def catalogue(*, approvals: int = 1, approvers: frozenset[str] = frozenset({"ana", "ben", "chi"})) -> Catalogue:
    """Give the service `shop` with staging and prod on one pipeline; dee may do nothing."""
    target = MemoryTarget(pipeline="shop")
    deployers = frozenset({"ana", "ben", "chi"})
    return Catalogue(
        people={key: Person(name=key.title(), slack=f"U0{key.upper()}") for key in ("ana", "ben", "chi", "dee")},
        channels={"releases": "C0RELEASES"},
        services={
            "shop": Service(
                key="shop",
                title="Shop",
                channel="releases",
                environments={
                    "staging": Environment(
                        key="staging",
                        title="staging",
                        backend="memory",
                        stage="Staging",
                        target=target,
                        deployers=deployers,
                    ),
                    "prod": Environment(
                        key="prod",
                        title="prod",
                        backend="memory",
                        stage="Production",
                        target=target,
                        production=True,
                        deployers=deployers,
                        approvers=approvers,
                        approvals=approvals,
                    ),
                },
            )
        },
    )


@dataclass
class World:
    """One running desk and watcher, and short words for tests."""

    database: Database
    catalogue: Catalogue
    backend: MemoryBackend
    new_id: Callable[[], str]
    asked: Signal = field(default_factory=Signal)
    changed: Signal = field(default_factory=Signal)
    keys: itertools.count[int] = field(default_factory=itertools.count)
    watching: asyncio.Task[None] | None = None
    patience: float = 60
    """Seconds that the desk waits for the backend."""

    @property
    def desk(self) -> Desk:
        """Make a desk; it keeps nothing, so any number may work side by side."""
        return Desk(
            Parts(
                self.database,
                self.catalogue,
                {"memory": self.backend},
                now,
                self.new_id,
                self.asked,
                self.changed,
                patience=self.patience,
            )
        )

    def start_watching(self) -> None:
        """Start a watcher, as a server's start does."""
        watcher = Watcher(
            self.database,
            self.catalogue,
            {"memory": self.backend},
            clock=now,
            asked=self.asked,
            changed=self.changed,
            poll=0.2,
        )
        self.watching = asyncio.create_task(watcher.run())

    async def stop_watching(self) -> None:
        """End the watcher in the middle of whatever it does."""
        if self.watching:
            self.watching.cancel()
            await asyncio.gather(self.watching, return_exceptions=True)

    async def do(self, who: str, verb: Verb, *, key: str | None = None, **said: Any) -> Answer:
        """Let a person ask for something."""
        actor = Actor(person=who, name=who.title(), surface=Surface.SLACK, conversation="C0RELEASES")
        command = Command.model_validate({"verb": verb, **said})
        return await self.desk.do(actor, command, key or f"key-{next(self.keys)}")

    async def deploy(self, who: str, environment: str, **said: Any) -> Release:
        """Let a person deploy the shop, and give the release that was accepted."""
        answer = await self.do(who, Verb.DEPLOY, service="shop", environment=environment, **said)
        assert isinstance(answer, Accepted), answer
        return answer.release

    async def when(self, release: Release, holds: Callable[[Release], object]) -> Release:
        """Wait until the release is so."""
        return await until(lambda: self.desk.release(release.id), holds)

    async def when_status(self, release: Release, status: Status) -> Release:
        """Wait until the release has this status."""
        return await self.when(release, lambda seen: seen.status is status)

    async def when_running(self, release: Release, stage: str) -> str:
        """Wait until a stage runs; give the run's id."""
        seen = await self.when(
            release,
            lambda seen: seen.run and (found := seen.run.stage(stage)) and found.status is Status.RUNNING,
        )
        assert seen.run_id
        return seen.run_id

    async def ship(self, who: str, environment: str, **said: Any) -> Release:
        """Take a release to its end, ben approving."""
        release = await self.deploy(who, environment, **said)
        run_id = await self.when_running(release, "Build")
        self.backend.end(run_id, "Build", "Unit")
        await self.when_running(release, "Staging")
        self.backend.end(run_id, "Staging", "Deploy")
        if environment == "prod":
            await self.when_status(release, Status.WAITING)
            await self.do("ben", Verb.APPROVE, release=release.id)
            await self.when_running(release, "Production")
            self.backend.end(run_id, "Production", "Deploy")
        return await self.when_status(release, Status.SUCCEEDED)

    async def at_gate(self, who: str, environment: str = "prod") -> Release:
        """Take a release to where it waits for an approval."""
        release = await self.deploy(who, environment)
        run_id = await self.when_running(release, "Build")
        self.backend.end(run_id, "Build", "Unit")
        await self.when_running(release, "Staging")
        self.backend.end(run_id, "Staging", "Deploy")
        return await self.when_status(release, Status.WAITING)

    async def told(self, release: Release) -> list[LoggedEvent]:
        """Give everything that happened to the release."""
        async with self.database.read() as c:
            return list(await events.after(c, 0, release_id=release.id))

    async def kinds(self, release: Release) -> list[str]:
        """Give the kinds of everything that happened to the release."""
        return [entry.event.kind for entry in await self.told(release)]


def now() -> datetime:
    """Give this moment."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_world(database: Database, declared: Catalogue | None = None) -> AsyncIterator[World]:
    """Run a world for the time of the block."""
    numbers = itertools.count(1)

    def new_id() -> str:
        return f"id{next(numbers):06d}"

    declared = declared or catalogue()
    places = [each for service in declared.services.values() for each in service.environments.values()]
    targets = [each.target for each in places if isinstance(each.target, MemoryTarget)]
    backend = MemoryBackend({target.pipeline: PIPELINE for target in targets}, now, new_id)
    world = World(database, declared, backend, new_id)
    world.start_watching()
    try:
        yield world
    finally:
        await world.stop_watching()
        backend.close()
