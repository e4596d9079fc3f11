"""What an approval costs in a store with a long history, beside an empty one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from bot.core.commands import Verb
from bot.core.events import Event, ReleaseFinished, ReleaseRequested
from bot.core.model import Status
from bot.store import record
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from tests.bench.figures import Figure, Sizes, percentile
from tests.support import release_looks as looks
from tests.support.desk_world import World, open_world


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Measure both in turn, in this process, with a desk and a watcher over SQLite."""
    root.mkdir(parents=True, exist_ok=True)
    long, empty = asyncio.run(_measure(root, sizes))
    yield Figure(
        f"approval with {sizes.finished:,} finished releases, p50", percentile(long, 0.5), "ms", percentile(empty, 0.5),
        "an empty store", ratio_aim=1.5,
    )  # fmt: skip


async def _measure(root: Path, sizes: Sizes) -> tuple[list[float], list[float]]:
    async with AsyncExitStack() as stack:
        worlds = []
        for name, finished in (("long", sizes.finished), ("empty", 0)):
            engine = open_engine(f"sqlite:///{root / name}.db")
            stack.push_async_callback(engine.dispose)
            await migrate(engine)
            database = Database(engine)
            await _fill(database, finished)
            worlds.append(await stack.enter_async_context(open_world(database)))
        samples: tuple[list[float], list[float]] = ([], [])
        for _ in range(sizes.approvals):
            for world, taken in zip(worlds, samples, strict=True):
                taken.append(await _approval(world))
    return samples


async def _fill(database: Database, count: int) -> None:
    for number in range(1, count + 1):
        release = looks.shipped().model_copy(
            update={
                "id": f"old{number:05}",
                "number": number,
                "active": False,
                "created": looks.NOON - timedelta(minutes=count - number),
            }
        )
        told: list[Event] = [
            ReleaseRequested(by="ana", how=release.kind),
            ReleaseFinished(status=Status.SUCCEEDED, attempt=1, seconds=185),
        ]
        async with database.write() as c:
            await record.new(c, release, told, card=(f"card{number:05}", "C0RELEASES"), now=release.created)


async def _approval(world: World) -> float:
    """Take a release to its gate, approve it, and to its end; gives the milliseconds of the approval."""
    release = await world.at_gate("ana")
    began = time.perf_counter()
    await world.do("ben", Verb.APPROVE, release=release.id)
    milliseconds = 1000 * (time.perf_counter() - began)
    run_id = await world.when_running(release, "Production")
    world.backend.end(run_id, "Production", "Deploy")
    await world.when_status(release, Status.SUCCEEDED)
    return milliseconds
