"""Sayso with the backend aws over an engine that plays Amazon, whose events come as the test wants: late, twice, not.

The actions are steps without processes, so that a release takes a second at most.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.aws.backend import AwsBackend
from integrations.aws.clients import ANY_SERVICE, Clients
from integrations.aws.events.hearing import Hearing
from integrations.aws.pace import Pace
from integrations.aws.target import AwsTarget
from integrations.local import MIGRATIONS, VERSION_TABLE, starts
from integrations.local.actions import AfterCrash, Attempt, Outcome, Result
from integrations.local.aws.events import Describer
from integrations.local.backend import LocalBackend
from integrations.local.journal import Change
from integrations.local.target import LocalTarget
from tests.support.aws_world import aws_session, serving_aws
from tests.support.desk_world import World, catalogue, now

Delays = Callable[[], Sequence[float]]
"""Gives for an event the seconds after which it comes, once for each time that it comes; none: it is lost."""


class Step:
    """An action that ends at once: badly in its first attempt if its stage is among `broken`."""

    after_crash = AfterCrash.RERUN

    def __init__(self, broken: set[str]) -> None:
        self._broken = broken

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        """End it."""
        await asyncio.sleep(0.02)
        outputs = {artifact.name: str(attempt.folder) for artifact in attempt.declaration.output_artifacts}
        if attempt.stage in self._broken and attempt.id.endswith("#1"):
            return Result(outcome=Outcome.FAILED, detail="red", outputs=outputs)
        return Result(outcome=Outcome.SUCCEEDED, outputs=outputs)


@dataclass
class Post:
    """Takes the engine's events within its transactions, and delivers them when they are committed."""

    describe: Describer
    hear: Callable[[str], None]
    delays: Delays = lambda: (0.0,)
    ready: list[str] = field(default_factory=list)
    sent: int = 0

    async def note(self, c: AsyncConnection, change: Change) -> None:
        """See `integrations.local.journal.Journal`."""
        self.ready += [json.dumps(event.body) for event in await self.describe(c, change)]

    def committed(self) -> None:
        """See `integrations.local.journal.Journal`."""
        loop, texts = asyncio.get_running_loop(), self.ready[:]
        self.ready.clear()
        for text in texts:
            for delay in self.delays():
                self.sent += 1
                loop.call_later(delay, self.hear, text)


@dataclass
class Delivered:
    """Both sides."""

    world: World
    post: Post
    broken: set[str]
    perfect: dict[str, Any] = field(default_factory=dict)
    """By story, how it ends when every event comes once and at once."""


def _declaration() -> dict[str, Any]:
    def action(category: str, provider: str = "Step", owner: str = "Custom") -> dict[str, Any]:
        kind = {"category": category, "owner": owner, "provider": provider, "version": "1"}
        return {"name": category, "actionTypeId": kind}

    source = action("Source") | {"outputArtifacts": [{"name": "Tree"}]}
    stages = {"Source": source, "Build": action("Build"), "Staging": action("Deploy"),
              "Approval": action("Approval", "Manual", "AWS"), "Production": action("Deploy")}  # fmt: skip
    return {"pipeline": {"name": "shop", "pipelineType": "V2",
                         "stages": [{"name": name, "actions": [one]} for name, one in stages.items()]}}  # fmt: skip


@asynccontextmanager
async def open_delivered(root: Path) -> AsyncIterator[Delivered]:
    """Run both sides for the time of the block, each on an SQLite database of its own."""
    (root / "shop.json").write_text(json.dumps(_declaration()))
    broken: set[str] = set()
    kinds = dict.fromkeys([("Source", "Step"), ("Build", "Step"), ("Deploy", "Step")], lambda _: Step(broken))
    there, here = (open_engine(f"sqlite:///{root}/{name}.db") for name in ("amazon", "sayso"))
    await migrate(there, MIGRATIONS, VERSION_TABLE)
    await migrate(here)
    amazon = LocalBackend(Database(there), root / "data", now, lambda: str(uuid4()), providers=kinds)
    clients = None
    try:
        await amazon.open()
        await starts.register(amazon.engine, LocalTarget(pipeline=root / "shop.json"))
        async with serving_aws(amazon) as url:
            pace = Pace(time.monotonic, 1000, 1000)
            clients = Clients(session=aws_session, pace=pace, clock=now, endpoints={ANY_SERVICE: url}, backoff=0.01)
            backend = AwsBackend(clients, now, poll=0.3, rarely=0.3, together=0.02)
            target = AwsTarget(pipeline="shop", region="us-east-1")
            hearing = Hearing(backend.hear, backend.run_of, frozenset({"shop"}), time.monotonic)
            amazon.engine.journal = post = Post(Describer(lambda: str(uuid4())), hearing.hear)
            world = _world(Database(here), backend, target)
            world.start_watching()
            try:
                yield Delivered(world, post, broken)
            finally:
                await world.stop_watching()
                backend.close()
    finally:
        if clients is not None:
            await clients.close()
        await amazon.close(kill=True)
        await there.dispose()
        await here.dispose()


def _world(database: Database, backend: AwsBackend, target: AwsTarget) -> World:
    declared, numbers = catalogue(), itertools.count(1)
    service = declared.services["shop"]
    places = {key: place.model_copy(update={"target": target}) for key, place in service.environments.items()}
    declared = declared.model_copy(update={"services": {"shop": service.model_copy(update={"environments": places})}})
    return World(database, declared, cast("Any", backend), lambda: f"id{next(numbers):06d}")
