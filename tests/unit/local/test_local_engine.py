"""The engine as a whole: crashes, restarts, its lock, its clock, and actions that can't run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import sqlalchemy as sa

from bot.core.errors import BackendUnavailable, Misconfigured
from bot.core.model import Release, Run, Status, Surface
from bot.core.ports import RetryScope
from bot.store.database import Database, open_engine
from integrations.local.actions import AfterCrash, Attempt, Outcome, Progress, Result, Runner
from integrations.local.backend import LocalBackend
from integrations.local.progress import Reporter
from integrations.local.tables import ACTIONS, ATTEMPTS, METADATA
from integrations.local.target import LocalTarget, Settings
from tests.support.local_world import PIPELINE, SOURCE, LocalWorld, action, build
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]


@dataclass
class Place:
    """A data folder, a database and a world, which outlive the servers that are opened on them."""

    root: Path
    url: str
    world: LocalWorld
    providers: dict[tuple[str, str], Callable[[Settings], Runner]] = field(default_factory=dict)

    @asynccontextmanager
    async def server(self, *, kill: bool = True, slots: int = 16) -> AsyncIterator[LocalBackend]:
        engine = open_engine(self.url)
        backend = LocalBackend(
            Database(engine), self.root / "data", now, lambda: uuid4().hex, providers=self.providers, slots=slots
        )
        await backend.open()
        try:
            yield backend
        finally:
            await backend.close(kill=kill)
            await engine.dispose()

    async def process(self, wish: str = "wish-1") -> tuple[asyncio.subprocess.Process, str]:
        """Start a server in a process of its own; gives it and the id of the run it started."""
        target = self.world.target().model_dump_json()
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.engine_process", self.url, str(self.root / "data"), target, wish,
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert server.stdout is not None
        async with asyncio.timeout(60):
            return server, (await server.stdout.readline()).decode().strip()

    def left_behind(self) -> list[psutil.Process]:
        """Find processes that still work for this place."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.root) in " ".join(process.cmdline()) + process.cwd() and process.pid != os.getpid():
                    found.append(process)
            except psutil.Error:
                continue
        return found


def now() -> datetime:
    return datetime.now(UTC)


def wish(number: int = 1) -> Release:
    return Release(
        id=f"wish-{number}", number=number, service="shop", environment="prod", requested_by="ada",
        surface=Surface.CLI, backend="local", created=now(), updated=now(),
    )  # fmt: skip


@pytest.fixture
async def place(migrated_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path, migrated_url, LocalWorld(tmp_path / "world"))
    yield made
    for process in made.left_behind():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


async def when(backend: LocalBackend, place: Place, run_id: str, holds: Callable[[Run], object]) -> Run:
    return await until(lambda: backend.observe(place.world.target(), run_id), holds)


def at(stage: str, *names: str) -> Callable[[Run], bool]:
    def running(run: Run) -> bool:
        found = run.stage(stage)
        assert found is not None
        return all(a.status is Status.RUNNING for a in found.actions if a.name in names)

    return running


async def begun(place: Place, run_id: str, *steps: str) -> None:
    async def look() -> list[str]:
        return place.world.began(run_id)

    await until(look, lambda found: set(steps) <= set(found))


async def test_the_migration_makes_the_tables_as_they_are_declared(place: Place) -> None:
    engine = open_engine(place.url)

    def columns(connection: sa.Connection) -> dict[str, set[str]]:
        inspector = sa.inspect(connection)
        return {name: {c["name"] for c in inspector.get_columns(name)} for name in METADATA.tables}

    async with engine.connect() as connection:
        found = await connection.run_sync(columns)
    await engine.dispose()
    assert found == {name: {c.name for c in table.columns} for name, table in METADATA.tables.items()}


async def test_a_second_server_on_the_same_folder_is_refused(place: Place) -> None:
    async with place.server():
        with pytest.raises(Misconfigured, match="already runs with this data folder"):
            async with place.server():
                pass
    async with place.server():
        pass


async def test_builds_go_on_when_the_server_is_killed_and_nothing_runs_twice(place: Place) -> None:
    server, run_id = await place.process()
    await begun(place, run_id, "Build.Unit", "Build.Style")
    server.kill()
    await server.wait()
    place.world.say(run_id, "Build.Unit")  # it ends while no server is there
    async with place.server() as backend:
        assert await backend.start(place.world.target(), wish()) == run_id
        await when(backend, place, run_id, lambda run: run.stages[1].actions[0].status is Status.SUCCEEDED)
        place.world.say(run_id, "Build.Style")
        await when(backend, place, run_id, at("Build", "Package"))
        place.world.say(run_id, "Build.Package")
        await when(backend, place, run_id, lambda run: run.stages[1].status is Status.SUCCEEDED)
        await begun(place, run_id, "Staging.Deploy")
    assert sorted(place.world.began(run_id)) == ["Build.Package", "Build.Style", "Build.Unit", "Staging.Deploy"]


async def test_a_server_killed_again_and_again_brings_the_release_to_its_end(place: Place) -> None:
    """Kill it at six arbitrary moments; every step really runs once, and the run goes on where it was."""
    server, run_id = await place.process()
    for kill_number, pause in enumerate((0.0, 0.05, 0.15, 0.3, 0.1, 0.2)):
        await asyncio.sleep(pause)  # arbitrary moments are the point here; the assertions hold for any
        server.kill()
        await server.wait()
        server, again = await place.process()
        assert again == run_id, f"kill {kill_number} made another run"
        for step in ("Build.Unit", "Build.Style", "Build.Package")[: kill_number + 1]:
            if step in place.world.began(run_id) and not (place.world.control / run_id / step).exists():
                place.world.say(run_id, step)
    server.kill()
    await server.wait()
    async with place.server() as backend:
        for step in ("Build.Unit", "Build.Style", "Build.Package"):
            place.world.say(run_id, step)
        await when(backend, place, run_id, lambda run: run.stages[1].status is Status.SUCCEEDED)
    began = place.world.began(run_id)
    assert sorted(step for step in began if step.startswith("Build")) == ["Build.Package", "Build.Style", "Build.Unit"]


async def test_a_condition_is_taken_over_when_the_server_is_killed_in_the_middle_of_it(place: Place) -> None:
    rule = {"name": "Ready", "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "Commands"},
            "commands": ["sh step.sh Build.Ready"], "inputArtifacts": [{"name": "Tree"}]}  # fmt: skip
    guarded = {"name": "Build", "actions": [build("Unit", 1)], "beforeEntry": {"conditions": [{"rules": [rule]}]}}
    place.world.declare([{"name": "Source", "actions": [SOURCE]}, guarded], pipelineType="V2")
    server, run_id = await place.process()
    await begun(place, run_id, "Build.Ready")
    server.kill()
    await server.wait()
    place.world.say(run_id, "Build.Ready")  # it ends while no server is there
    async with place.server() as backend:
        await begun(place, run_id, "Build.Unit")
        place.world.say(run_id, "Build.Unit")
        run = await when(backend, place, run_id, lambda run: run.status.finished)
    assert run.status is Status.SUCCEEDED
    assert place.world.began(run_id) == ["Build.Ready", "Build.Unit"]


@pytest.mark.parametrize("how", ["leave", "kill"])
async def test_a_server_that_closes_leaves_builds_running_or_ends_them_as_told(place: Place, how: str) -> None:
    server, run_id = await place.process()
    await begun(place, run_id, "Build.Unit", "Build.Style")
    assert server.stdin is not None
    server.stdin.write(f"{how}\n".encode())
    await server.stdin.drain()
    async with asyncio.timeout(60):
        assert await server.wait() == 0
    assert bool(place.left_behind()) == (how == "leave")
    async with place.server() as backend:
        if how == "leave":
            place.world.say(run_id, "Build.Unit")
            place.world.say(run_id, "Build.Style")
            await when(backend, place, run_id, at("Build", "Package"))
        else:
            run = await when(backend, place, run_id, lambda run: run.status.finished)
            assert run.status is Status.FAILED
            assert "Sayso was shut down" in run.detail
    assert [step for step in place.world.began(run_id) if step == "Build.Unit"] == ["Build.Unit"]


async def test_what_was_being_abandoned_when_the_server_died_is_ended_by_the_next(place: Place) -> None:
    async with place.server(kill=False) as backend:
        run_id = await backend.start(place.world.target(), wish())
        await begun(place, run_id, "Build.Unit", "Build.Style")
    engine = open_engine(place.url)  # as if the process had died between the commit and the signal
    async with engine.begin() as c:
        await c.execute(sa.text("UPDATE local_executions SET state = 'Stopping', abandon = true"))
    await engine.dispose()
    assert place.left_behind()
    async with place.server() as backend:
        run = await when(backend, place, run_id, lambda run: run.status.finished)
        assert run.status is Status.STOPPED
        assert place.left_behind() == []


class Rocket:
    """A runner whose work can't be repeated: it notes every launch, and lands when told."""

    after_crash = AfterCrash.ASK

    def __init__(self, folder: Path) -> None:
        self.launches, self.landed = folder / "launches", folder / "landed"

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        assert not interrupted
        with self.launches.open("a") as launches:
            launches.write(attempt.id + "\n")
        await until(_lines(self.landed), lambda lines: lines is not None)
        return Result(outcome=Outcome.SUCCEEDED)


@pytest.fixture
def rocket(place: Place) -> Rocket:
    made = Rocket(place.root)
    place.providers[("Invoke", "Rocket")] = lambda _: made
    place.world.declare(
        [{"name": "Source", "actions": [SOURCE]}, {"name": "Launch", "actions": [action("Invoke", "Rocket", "Go")]}]
    )
    return made


async def test_what_may_not_be_repeated_is_unknown_after_a_crash_until_a_person_retries(
    place: Place, rocket: Rocket
) -> None:
    async with place.server(kill=False) as backend:
        run_id = await backend.start(place.world.target(), wish())
        await until(_lines(rocket.launches), bool)
    async with place.server() as backend:
        run = await when(backend, place, run_id, lambda run: run.status.finished)
        assert run.status is Status.UNKNOWN
        assert run.stages[1].actions[0].status is Status.UNKNOWN
        assert "nobody can say how far it came" in run.detail
        rocket.landed.touch()
        await backend.retry(place.world.target(), run_id, "Launch", RetryScope.FAILED_ACTIONS, 1)
        run = await when(backend, place, run_id, lambda run: run.status.finished)
        assert run.status is Status.SUCCEEDED
    assert len(rocket.launches.read_text().splitlines()) == 2


async def test_only_so_many_attempts_run_at_once_and_the_others_have_their_turn(place: Place, rocket: Rocket) -> None:
    place.world.declare(
        [
            {"name": "Source", "actions": [SOURCE]},
            {"name": "Launch", "actions": [action("Invoke", "Rocket", f"Go{n}") for n in range(6)]},
        ]
    )
    async with place.server(slots=2) as backend:
        run_id = await backend.start(place.world.target(), wish())
        await until(_lines(rocket.launches), lambda count: count == 2)
        await asyncio.sleep(0.3)
        assert await _lines(rocket.launches)() == 2
        rocket.landed.touch()
        run = await when(backend, place, run_id, lambda run: run.status.finished)
        assert run.status is Status.SUCCEEDED
    assert len(rocket.launches.read_text().splitlines()) == 6


def _lines(path: Path) -> Callable[[], Awaitable[int | None]]:
    """Count a file's lines; None while there is no file."""

    async def look() -> int | None:
        try:
            text = await asyncio.to_thread(path.read_text)
        except FileNotFoundError:
            return None
        return len(text.splitlines())

    return look


async def test_an_action_that_nothing_here_can_run_fails_and_says_what_could(place: Place) -> None:
    place.world.declare(
        [
            {"name": "Source", "actions": [SOURCE]},
            {"name": "Deploy", "actions": [action("Deploy", "ECS", "Roll", inputArtifacts=[{"name": "Tree"}])]},
        ]
    )
    async with place.server() as backend:
        run_id = await backend.start(place.world.target(), wish())
        run = await when(backend, place, run_id, lambda run: run.status.finished)
        assert run.status is Status.FAILED
        assert "A Deploy action of ECS can't run on this machine." in run.detail
        assert "CodeDeploy" in run.detail
        tail = run.stages[1].actions[0].log
        assert tail is not None
        assert tail.key is not None
        assert "ECS" in await backend.log(place.world.target(), run_id, tail.key)


async def test_a_variable_that_nothing_gave_fails_the_action_with_its_name(place: Place) -> None:
    place.world.declare(
        [
            {"name": "Source", "actions": [SOURCE]},
            {
                "name": "Build",
                "actions": [build("Unit", 1) | {"configuration": {"ProjectName": "#{SourceVariables.Nothing}"}}],
            },
        ]
    )
    async with place.server() as backend:
        run_id = await backend.start(place.world.target(), wish())
        run = await when(backend, place, run_id, lambda run: run.status.finished)
        assert "the namespace SourceVariables has no variable Nothing" in run.detail


async def test_a_branch_that_does_not_exist_fails_the_source_stage(place: Place) -> None:
    async with place.server() as backend:
        release = wish().model_copy(update={"ref": "mian"})
        run_id = await backend.start(place.world.target(), release)
        run = await when(backend, place, run_id, lambda run: run.status.finished)
        assert run.status is Status.FAILED
        assert "Did you mean main?" in run.detail


async def test_a_retry_uses_the_settings_that_the_catalogue_has_now(place: Place) -> None:
    wrong = place.world.target(projects={"Build.Unit": {"buildspec": "nowhere.yml"}, "Build.Style": {"buildspec": "x"}})
    async with place.server() as backend:
        run_id = await backend.start(wrong, wish())
        await when(backend, place, run_id, lambda run: run.status is Status.FAILED)
        await backend.retry(place.world.target(), run_id, "Build", RetryScope.FAILED_ACTIONS, 1)
        await when(backend, place, run_id, at("Build", "Unit", "Style"))


async def test_a_run_keeps_the_pipeline_it_began_with(place: Place) -> None:
    async with place.server() as backend:
        run_id = await backend.start(place.world.target(), wish())
        await begun(place, run_id, "Build.Unit")
        place.world.declare(PIPELINE[:2])
        run = await backend.observe(place.world.target(), run_id)
        assert [stage.name for stage in run.stages] == ["Source", "Build", "Staging", "Production"]


async def test_many_starts_at_once_get_numbers_of_their_own(place: Place) -> None:
    place.world.declare(PIPELINE, executionMode="QUEUED", pipelineType="V2")
    async with place.server() as backend:
        target = place.world.target()
        ids = await asyncio.gather(*(backend.start(target, wish(n // 2)) for n in range(20)))
        assert len(set(ids)) == 10
        assert len(await backend.recent(target, 50)) == 10


async def test_a_database_that_went_away_is_said_to_be_away(place: Place, tmp_path: Path) -> None:
    async with place.server() as backend:
        run_id = await backend.start(place.world.target(), wish())
        await begun(place, run_id, "Build.Unit", "Build.Style")
        engine = open_engine(place.url)
        async with engine.begin() as c:
            await c.execute(sa.text("ALTER TABLE local_executions RENAME TO gone"))
        with pytest.raises(BackendUnavailable):
            await backend.observe(place.world.target(), run_id)
        async with engine.begin() as c:
            await c.execute(sa.text("ALTER TABLE gone RENAME TO local_executions"))
        await engine.dispose()
        await when(backend, place, run_id, at("Build", "Unit"))


async def test_an_outcome_survives_a_database_that_is_away_for_a_moment(place: Place) -> None:
    async with place.server() as backend:
        run_id = await backend.start(place.world.target(), wish())
        await begun(place, run_id, "Build.Unit", "Build.Style")
        engine = open_engine(place.url)
        async with engine.begin() as c:
            await c.execute(sa.text("ALTER TABLE local_artifacts RENAME TO gone"))
            await c.execute(sa.text("ALTER TABLE local_transitions RENAME TO gone_too"))
        place.world.say(run_id, "Build.Unit")
        place.world.say(run_id, "Build.Style")
        await asyncio.sleep(1)
        async with engine.begin() as c:
            await c.execute(sa.text("ALTER TABLE gone RENAME TO local_artifacts"))
            await c.execute(sa.text("ALTER TABLE gone_too RENAME TO local_transitions"))
        await engine.dispose()
        await when(backend, place, run_id, at("Build", "Package"))


async def test_an_attempt_begins_once_the_database_is_back(place: Place) -> None:
    async with place.server() as backend:
        engine = open_engine(place.url)
        async with engine.begin() as c:
            await c.execute(sa.text("ALTER TABLE local_attempts RENAME TO gone"))
        run_id = await backend.start(place.world.target(), wish())
        await asyncio.sleep(1)
        async with engine.begin() as c:
            await c.execute(sa.text("ALTER TABLE gone RENAME TO local_attempts"))
        await engine.dispose()
        await begun(place, run_id, "Build.Unit", "Build.Style")


async def test_an_attempt_whose_start_was_never_followed_up_is_found_by_the_clock(place: Place) -> None:
    """As after a commit whose answer got lost: the row says that it is under way, and nobody works on it."""
    async with place.server() as backend:
        run_id = await backend.start(place.world.target(), wish())
        await begun(place, run_id, "Build.Unit", "Build.Style")
        place.world.say(run_id, "Build.Unit")
        place.world.say(run_id, "Build.Style")
        await begun(place, run_id, "Build.Package")
        engine = open_engine(place.url)
        package = sa.and_(ACTIONS.c.execution == run_id, ACTIONS.c.name == "Unit")
        async with engine.begin() as c:
            await c.execute(sa.update(ACTIONS).where(package).values(state="InProgress", attempt=2))
        await engine.dispose()
        await backend.tick()
        await until(lambda: _steps(place, run_id), lambda steps: steps.count("Build.Unit") == 2)


async def _steps(place: Place, run_id: str) -> list[str]:
    return place.world.began(run_id)


async def test_every_attempt_has_its_row_with_machine_and_end(place: Place) -> None:
    async with place.server() as backend:
        run_id = await backend.start(place.world.target(), wish())
        await begun(place, run_id, "Build.Unit", "Build.Style")
        place.world.say(run_id, "Build.Style")
        place.world.say(run_id, "Build.Unit", ok=False)
        await when(backend, place, run_id, lambda run: run.status.finished)
        await backend.retry(place.world.target(), run_id, "Build", RetryScope.FAILED_ACTIONS, 1)
        await when(backend, place, run_id, at("Build", "Unit"))
        engine = open_engine(place.url)
        query = (
            sa.select(ACTIONS.c.name, ATTEMPTS.c.attempt, ATTEMPTS.c.state, ATTEMPTS.c.pid)
            .join(ACTIONS, ATTEMPTS.c.action == ACTIONS.c.id)
            .order_by(ATTEMPTS.c.begun)
        )
        async with engine.connect() as c:
            rows = (await c.execute(query.where(ATTEMPTS.c.state.is_not(None)))).all()
        await engine.dispose()
    assert {(row.name, row.attempt, row.state) for row in rows} == {
        ("Checkout", 1, "Succeeded"),
        ("Unit", 1, "Failed"),
        ("Style", 1, "Succeeded"),
    }
    assert {row.pid for row in rows} == {os.getpid()}


async def test_progress_is_told_at_once_and_then_not_too_often_but_always_the_latest() -> None:
    written: list[Progress] = []

    async def write(progress: Progress) -> None:
        written.append(progress)

    reporter = Reporter(write, pause=0.1)
    running = asyncio.create_task(reporter.run())

    async def details() -> list[str | None]:
        return [progress.detail for progress in written]

    await reporter.report(Progress(detail="0"))
    await until(details, lambda found: found == ["0"])
    for n in range(1, 500):
        await reporter.report(Progress(detail=str(n)))
    await until(details, lambda found: found[-1] == "499")
    assert len(written) < 20
    running.cancel()


def test_a_target_says_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="colour"):
        LocalTarget.model_validate({"pipeline": str(tmp_path), "colour": "red"})
