"""Attempts on several machines: takeover, labels, stopping from elsewhere, and what DBOS gives up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import sqlalchemy as sa

from bot.core.errors import Misconfigured
from bot.core.model import Release, Run, Status, Surface
from bot.core.ports import Sharing
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.backend import LocalBackend
from integrations.local.cluster import take_over
from integrations.local.labels import queue_of, queues_of
from integrations.local.members import CANCELS
from integrations.local.target import LocalTarget
from integrations.local.work import LOST
from tests.support.local_world import SOURCE, LocalWorld, build
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
LEASE = 2.0


@dataclass
class Site:
    """A shared folder, a database and a pipeline."""

    root: Path
    url: str
    world: LocalWorld

    @asynccontextmanager
    async def member(self, *, works: bool = True, labels: tuple[str, ...] = ()) -> AsyncIterator[LocalBackend]:
        """Be one of the processes that share the work."""
        engine = open_engine(self.url)
        sharing = Sharing(works=works, labels=frozenset(labels), lease=LEASE)
        backend = LocalBackend(Database(engine), self.root / "data", now, lambda: uuid4().hex, sharing=sharing)
        await backend.open()
        try:
            yield backend
        finally:
            await backend.close(kill=True)
            await engine.dispose()

    @asynccontextmanager
    async def process(
        self, target: LocalTarget, wish: str = "wish-1"
    ) -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
        """Start another one in a process of its own; gives it and the id of the run that it started."""
        server = subprocess.Popen(  # noqa: ASYNC220 -- starting it takes no time worth mentioning
            [sys.executable, "-m", "tests.support.engine_process", self.url, str(self.root / "data"),
             target.model_dump_json(), wish, Sharing(lease=LEASE).model_dump_json()],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert server.stdout
        try:
            yield server, (await asyncio.to_thread(server.stdout.readline)).decode().strip()
        finally:
            server.kill()
            server.communicate()


def now() -> datetime:
    return datetime.now(UTC)


def wish(number: int = 1) -> Release:
    return Release(
        id=f"wish-{number}", number=number, service="shop", environment="prod", requested_by="ada",
        surface=Surface.CLI, backend="local", created=now(), updated=now(),
    )  # fmt: skip


@pytest.fixture
async def site(fresh_postgres: str, tmp_path: Path) -> AsyncIterator[Site]:
    engine = open_engine(fresh_postgres)
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    await engine.dispose()
    world = LocalWorld(tmp_path / "world")
    world.declare([{"name": "Source", "actions": [SOURCE]}, {"name": "Build", "actions": [build("Unit", 1)]}])
    yield Site(tmp_path, fresh_postgres, world)
    for process in psutil.process_iter():
        if str(tmp_path) in " ".join(command_line(process)) and process.pid != os.getpid():
            with suppress(psutil.Error):
                process.kill()


def command_line(process: psutil.Process) -> list[str]:
    """Nothing for one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def of_unit(run: Run) -> tuple[Status, str]:
    stage = run.stage("Build")
    assert stage
    return stage.actions[0].status, stage.actions[0].detail


async def test_a_build_of_a_killed_process_is_taken_over_and_followed_to_its_end(site: Site) -> None:
    target = site.world.target()
    async with site.process(target) as (other, run_id):
        await until(lambda: asyncio.to_thread(site.world.began, run_id), lambda began: began == ["Build.Unit"])
        async with site.member() as backend:
            assert of_unit(await backend.observe(target, run_id))[0] is Status.RUNNING
            other.kill()
            other.wait()
            await until(backlog, lambda names: names == {backend.engine.runner._members.me})  # type: ignore[attr-defined]
            site.world.say(run_id, "Build.Unit")
            run = await until(lambda: backend.observe(target, run_id), lambda run: run.status.finished)
            assert run.status is Status.SUCCEEDED, run
            assert site.world.began(run_id) == ["Build.Unit"], "it was followed, not built again"


async def backlog() -> set[str | None]:
    """Tell which processes have attempts under way, by DBOS."""
    from dbos import DBOS  # noqa: PLC0415

    return {each.executor_id for each in await DBOS.list_workflows_async(status="PENDING")}


async def test_taking_over_from_a_living_process_or_twice_neither_builds_twice_nor_loses_the_end(site: Site) -> None:
    target = site.world.target()
    async with site.process(target) as (_, run_id), site.member() as backend:
        await until(lambda: asyncio.to_thread(site.world.began, run_id), lambda began: began == ["Build.Unit"])
        (owner,) = await backlog()
        taken = [await asyncio.to_thread(take_over, [str(owner)]) for _ in range(2)]
        assert taken == [1, 0]
        site.world.say(run_id, "Build.Unit")
        run = await until(lambda: backend.observe(target, run_id), lambda run: run.status.finished)
        assert run.status is Status.SUCCEEDED, run
        assert site.world.began(run_id) == ["Build.Unit"]


async def test_a_run_is_stopped_from_another_process_than_the_one_that_builds(site: Site) -> None:
    target = site.world.target()
    async with site.process(target) as (_, run_id), site.member(works=False) as backend:
        await until(lambda: asyncio.to_thread(site.world.began, run_id), lambda began: began == ["Build.Unit"])
        await backend.stop(target, run_id, "enough", abandon=True)
        run = await until(lambda: backend.observe(target, run_id), lambda run: run.status.finished)
        assert run.status is Status.STOPPED

        async def asked() -> object:
            async with backend.engine.database.read() as c:
                return await c.scalar(sa.select(sa.func.count()).select_from(CANCELS))

        # Forgotten by the one that builds, a moment after the run has ended.
        await until(asked, lambda left: left == 0)


async def test_an_action_whose_labels_nobody_has_says_so_waits_and_can_be_stopped(site: Site) -> None:
    target = labelled(site)
    async with site.member() as backend:
        run_id = await backend.start(target, wish())
        run = await until(lambda: backend.observe(target, run_id), lambda run: of_unit(run)[1])
        assert of_unit(run) == (Status.RUNNING, "waits for a worker with the label gpu, linux")
        assert site.world.began(run_id) == []
        await backend.stop(target, run_id, "enough", abandon=True)
        run = await until(lambda: backend.observe(target, run_id), lambda run: run.status.finished)
        assert run.status is Status.STOPPED


async def test_an_action_goes_to_a_process_that_has_its_labels(site: Site) -> None:
    target = labelled(site)
    async with site.process(target) as (other, run_id):
        async with site.member(labels=("gpu", "linux", "big")) as backend:
            await until(lambda: asyncio.to_thread(site.world.began, run_id), lambda began: began == ["Build.Unit"])
            mine = " ".join(chain.from_iterable(map(command_line, psutil.Process().children())))
            assert run_id in mine, "the build runs under the one with the labels"
            site.world.say(run_id, "Build.Unit")
            run = await until(lambda: backend.observe(target, run_id), lambda run: run.status.finished)
            assert run.status is Status.SUCCEEDED
        assert other.poll() is None


async def test_of_a_run_that_is_dropped_nothing_stays_in_dbos(site: Site) -> None:
    from dbos import DBOS  # noqa: PLC0415

    target = site.world.target()
    async with site.member() as backend:
        runs = []
        for number in (1, 2):
            run_id = await backend.start(target, wish(number))
            site.world.say(run_id, "Build.Unit")
            await until(lambda run_id=run_id: backend.observe(target, run_id), lambda run: run.status.finished)  # type: ignore[misc]
            runs.append(run_id)
        assert await backend.forget(now() + timedelta(days=1), ()) == 1
        left = {each.workflow_id.rpartition(".")[0] for each in await DBOS.list_workflows_async()}
        assert left == {runs[1]}


async def test_what_dbos_has_done_with_but_nobody_recorded_is_shown_as_unknown(site: Site) -> None:
    from dbos import DBOS  # noqa: PLC0415

    target = labelled(site)
    async with site.member() as backend:
        run_id = await backend.start(target, wish())
        await until(lambda: backend.observe(target, run_id), lambda run: of_unit(run)[1])
        (waiting,) = await DBOS.list_workflows_async(status="ENQUEUED")
        await DBOS.cancel_workflow_async(waiting.workflow_id)
        run = await until(lambda: backend.observe(target, run_id), lambda run: run.status.finished)
        assert (run.status, of_unit(run)) == (Status.UNKNOWN, (Status.UNKNOWN, LOST))


def labelled(site: Site) -> LocalTarget:
    labels = {"Build.Unit": {"buildspec": "Build.Unit.yml", "labels": ["linux", "gpu"]}}
    return site.world.target(projects=labels)


def test_a_machine_listens_to_the_queues_that_ask_for_no_more_than_it_has() -> None:
    assert queue_of(()) == "actions"
    assert queue_of(["linux", "gpu"]) == queue_of(["gpu", "linux"]) == "actions:gpu:linux"
    assert queues_of(["linux", "gpu"]) == ["actions", "actions:gpu", "actions:linux", "actions:gpu:linux"]


def test_sqlite_can_not_be_shared(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    with pytest.raises(Misconfigured, match="only share the work on PostgreSQL"):
        LocalBackend(Database(engine), tmp_path, now, lambda: uuid4().hex, sharing=Sharing())


def test_without_dbos_a_sentence_says_how_to_install_it() -> None:
    program = "import sys; sys.modules['dbos'] = None\nfrom integrations.local.cluster import load_dbos\nload_dbos()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'Install "sayso[cluster]"' in done.stderr
