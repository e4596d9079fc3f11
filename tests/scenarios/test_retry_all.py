"""A failed stage may be run again as a whole: also what went well in it, and so whoever approved is asked anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.commands import Verb
from bot.core.model import ActionKind, Release, Status
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from tests.support.desk_world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    await migrate(engine)
    database = Database(engine)
    async with open_world(database) as opened:
        plans = opened.backend.pipelines["shop"]
        assert not isinstance(plans, str)
        opened.backend.pipelines["shop"] = [  # the approval stands in the stage that it guards
            plan.model_copy(update={"stage": "Production"}) if plan.kind is ActionKind.APPROVAL
            else plan.model_copy(update={"order": 2}) if plan.stage == "Production" else plan
            for plan in plans
        ]  # fmt: skip
        yield opened
    await database.close()


async def failed_behind_its_gate(world: World) -> Release:
    release = await world.at_gate("ana")
    await world.do("ben", Verb.APPROVE, release=release.id)
    run_id = await world.when_running(release, "Production")
    world.backend.end(run_id, "Production", "Deploy", ok=False, detail="no room")
    return await world.when_status(release, Status.FAILED)


async def test_a_retry_runs_only_what_failed(world: World) -> None:
    release = await failed_behind_its_gate(world)
    await world.do("ana", Verb.RETRY, release=release.id)
    await world.when_running(release, "Production")


async def test_a_retry_of_all_asks_anew_before_it_deploys(world: World) -> None:
    release = await failed_behind_its_gate(world)
    await world.do("ana", Verb.RETRY, release=release.id, whole=True)
    waiting = await world.when_status(release, Status.WAITING)
    assert waiting.run is not None and waiting.run.open_gate is not None
    assert waiting.run.stages[-1].attempt == 2
    assert waiting.run.open_gate[2].token != waiting.gate  # the approval that was given does not count for this one
