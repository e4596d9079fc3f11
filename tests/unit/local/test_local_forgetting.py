"""Old executions are dropped with all that is kept of them; what a stage may go back to stays."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.core.errors import RunNotFound
from bot.core.ports import Forgets
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.actions import AfterCrash, Attempt, Outcome, Result
from integrations.local.answers import ExecutionRecord, StartRequest
from integrations.local.backend import LocalBackend
from integrations.local.states import State
from integrations.local.tables import ACTIONS, ARTIFACTS, ATTEMPTS, EXECUTIONS, STAGES
from integrations.local.triggers.deciding import Reason
from integrations.local.triggers.starting import Starter
from tests.contract.worlds import Clock
from tests.support.local_world import LocalWorld, action
from tests.support.waiting import until

OVER = {State.SUCCEEDED, State.FAILED}


class Writes:
    """Leaves an artifact of its own, unless its input variable says that it fails."""

    after_crash = AfterCrash.RERUN

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        (attempt.folder / "what.txt").write_text(attempt.configuration.get("What", attempt.execution_id))
        attempt.log.write_text("a line\n")
        if attempt.configuration.get("What") == "fail":
            return Result(outcome=Outcome.FAILED, detail="it was to fail")
        outputs = {each.name: str(attempt.folder) for each in attempt.declaration.output_artifacts}
        return Result(outcome=Outcome.SUCCEEDED, outputs=outputs)


@dataclass
class World:
    backend: LocalBackend
    data: Path
    clock: Clock

    async def run(self, what: str) -> str:
        """Run the pipeline to its end; its second stage writes this."""
        cp = self.backend.codepipeline
        execution = await cp.start_pipeline_execution("shop", StartRequest(f"token-{what}", variables={"what": what}))

        async def look() -> ExecutionRecord:
            return await cp.get_pipeline_execution("shop", execution)

        await until(look, lambda record: record.status in OVER)
        return execution

    async def left(self) -> set[str]:
        async with self.backend.engine.database.read() as c:
            for table in (STAGES, ACTIONS, ATTEMPTS, ARTIFACTS):
                strays = set(await c.scalars(sa.select(table.c.execution))) - set(
                    await c.scalars(sa.select(EXECUTIONS.c.id))
                )
                assert not strays, table.name
            return set(await c.scalars(sa.select(EXECUTIONS.c.id)))

    def artifacts(self) -> set[str]:
        return {file.read_text() for file in (self.data / "artifacts").rglob("what.txt")}

    def folders(self) -> set[str]:
        return {path.name for path in (self.data / "runs").iterdir()}


def step(category: str, name: str, **more: Any) -> dict[str, Any]:
    return action(category, "Writes", name, **more)


SHOP: dict[str, Any] = {
    "name": "shop", "pipelineType": "V2", "variables": [{"name": "what"}],
    "stages": [
        {"name": "Source", "actions": [step("Source", "Get", outputArtifacts=[{"name": "Tree"}])]},
        {"name": "Build", "actions": [step("Build", "Make", configuration={"What": "#{variables.what}"},
                                           outputArtifacts=[{"name": "Made"}])]},
    ],
}  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    kinds = {("Source", "Writes"): lambda _: Writes(), ("Build", "Writes"): lambda _: Writes()}
    clock, numbers = Clock(), count(1)
    backend = LocalBackend(Database(engine), tmp_path / "data", clock, lambda: f"run-{next(numbers)}", providers=kinds)
    await backend.open()
    await backend.codepipeline.create_pipeline(SHOP)
    try:
        yield World(backend, tmp_path / "data", clock)
    finally:
        await backend.close(kill=True)
        await engine.dispose()


async def forget(world: World, days: int, *kept: str) -> int:
    assert isinstance(world.backend, Forgets)
    return await world.backend.forget(world.clock() - timedelta(days=days), kept)


async def test_old_executions_go_with_their_rows_folders_and_artifacts(world: World) -> None:
    first, kept, good, failed = [await world.run(what) for what in ("one", "two", "three", "fail")]
    assert await forget(world, 30) == 0
    world.clock.ahead = timedelta(days=40)
    young = await world.run("four")
    await world.backend.codepipeline.delete_pipeline("none")
    assert await forget(world, 30, kept) == 3
    assert await world.left() == {kept, young}
    assert world.folders() == {kept, young}
    assert world.artifacts() == {kept, young, "two", "four"}
    with pytest.raises(RunNotFound):
        await world.backend.codepipeline.get_pipeline_execution("shop", first)
    assert {good, failed} & world.folders() == set()
    assert await forget(world, 30, kept) == 0


async def test_what_a_stage_runs_and_may_go_back_to_stays_however_old(world: World) -> None:
    old, good = await world.run("one"), await world.run("two")
    cp = world.backend.codepipeline
    back = await cp.rollback_stage("shop", "Build", old)

    async def look() -> ExecutionRecord:
        return await cp.get_pipeline_execution("shop", back)

    await until(look, lambda record: record.status in OVER)
    broken = await world.run("fail")
    world.clock.ahead = timedelta(days=400)
    assert await forget(world, 30) == 1, "good was neither the last in a stage, nor what the rollback led to"
    assert await world.left() == {old, back, broken}
    again = await cp.rollback_stage("shop", "Build", old)
    assert again not in {old, good, back, broken}


async def test_of_a_deleted_pipeline_nothing_old_stays(world: World) -> None:
    await world.run("one")
    await world.backend.codepipeline.delete_pipeline("shop")
    world.clock.ahead = timedelta(days=40)
    assert await forget(world, 30) == 1
    assert (await world.left(), world.folders(), world.artifacts()) == (set(), set(), set())


async def test_a_recorded_delivery_starts_nothing_even_after_its_execution_is_forgotten(
    world: World, tmp_path: Path
) -> None:
    local = LocalWorld(tmp_path / "world")
    local.declare([{"name": "Source", "actions": [step("Source", "Get", outputArtifacts=[{"name": "Tree"}])]},
                   {"name": "Build", "actions": [step("Build", "Make")]}])  # fmt: skip
    starter, target = Starter(world.backend.engine), local.target()
    pipeline = await starter.pipeline(target)
    for token in ("hook-old", "hook-new"):
        execution = await starter.start(target, pipeline, token, Reason("WebhookV2", "a push"))
        await until(
            lambda run=execution: world.backend.observe(target, run),  # type: ignore[misc]
            lambda run: run.status.finished,
        )
    assert not await starter.was_used(target, "hook-old")
    world.clock.ahead = timedelta(days=40)
    assert await forget(world, 30) == 1
    assert await starter.was_used(target, "hook-old")
    assert not await starter.was_used(target, "hook-new")


async def test_a_folder_that_cannot_be_removed_keeps_no_other_from_going(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {await world.run("one"), await world.run("two")}
    await world.backend.codepipeline.delete_pipeline("shop")
    world.clock.ahead = timedelta(days=40)
    first = next(iter((world.data / "runs").iterdir())).name
    removing = shutil.rmtree

    def refused(path: Path, *args: Any, **more: Any) -> None:
        if Path(path).name == first:
            raise PermissionError(13, "Permission denied", str(path))
        removing(path, *args, **more)

    monkeypatch.setattr(shutil, "rmtree", refused)
    assert await forget(world, 30) == 2
    assert first in old
    assert (world.folders(), world.artifacts()) == ({first}, set())
    assert first in caplog.text


async def test_what_is_forgotten_just_before_a_rollback_begins_is_not_gone_back_to(world: World) -> None:
    old, _, _ = [await world.run(what) for what in ("one", "two", "three")]
    world.clock.ahead = timedelta(days=40)
    writing = world.backend.engine.database._writing  # type: ignore[attr-defined]

    async def queued() -> int:
        return len(writing._waiters or ())

    async with world.backend.engine.database.write():
        forgetting = asyncio.create_task(forget(world, 30))
        await until(queued, lambda n: n == 1)
        back = asyncio.create_task(world.backend.codepipeline.rollback_stage("shop", "Build", old))
        await until(queued, lambda n: n == 2)
    with pytest.raises(RunNotFound):
        await back
    await forgetting
    assert old not in await world.left()
