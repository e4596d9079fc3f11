"""The client's commands as real processes against a real server: same words as in chat, exit codes by outcome."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.core.model import Release, Status
from bot.store import releases
from bot.store.database import Database
from tests.support.commands import sayso
from tests.support.desk_world import World, open_world
from tests.support.http_world import TOKENS, make_api, serving
from tests.support.waiting import until


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough here."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@dataclass
class Terminal:
    """People's terminals."""

    world: World
    url: str
    folder: Path

    async def run(self, who: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a person, while the server goes on in this process."""
        token = TOKENS.get(who, who)
        return await asyncio.to_thread(
            lambda: sayso(*arguments, folder=self.folder, SAYSO_URL=self.url, SAYSO_TOKEN=token)
        )

    async def started(self, who: str, *arguments: str) -> asyncio.Task[subprocess.CompletedProcess[str]]:
        """Begin a command that goes on."""
        return asyncio.create_task(self.run(who, *arguments))


@pytest.fixture
async def terminal(database: Database, tmp_path: Path) -> AsyncIterator[Terminal]:
    async with open_world(database) as world, serving(make_api(world)) as url:
        yield Terminal(world, url, tmp_path)


async def newest(world: World) -> Release:
    """Wait for the first release."""

    async def look() -> Sequence[Release]:
        async with world.database.read() as c:
            return await releases.recent(c, limit=1)

    return (await until(look, len))[0]


async def test_deploy_watch_tells_every_event_and_succeeds(terminal: Terminal) -> None:
    shipping = await terminal.started("ana", "deploy", "shop@main", "staging", "--reason", "new prices", "--watch")
    release = await newest(terminal.world)
    assert (release.ref, release.reason, release.surface) == ("main", "new prices", "cli")
    run_id = await terminal.world.when_running(release, "Build")
    terminal.world.backend.end(run_id, "Build", "Unit")
    await terminal.world.when_running(release, "Staging")
    terminal.world.backend.end(run_id, "Staging", "Deploy")
    done = await shipping
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    lines = [line.partition(" ")[2] for line in told]
    assert lines[0] == "Ana asked for it"
    assert "Build: started" in lines
    assert any(line.startswith("staging runs it now:") for line in lines)
    assert told[-1].startswith("shop #1 to staging:")
    where = await terminal.run("ben", "where", "shop")
    assert [line.split("\t")[1] for line in where.stdout.splitlines()] == ["staging", "prod"]
    assert "(#1)" in where.stdout
    history = await terminal.run("ben", "history")
    assert "shop #1 to staging" in history.stdout


async def test_watching_a_release_that_fails_ends_with_one(terminal: Terminal) -> None:
    release = await terminal.world.deploy("ana", "staging")
    run_id = await terminal.world.when_running(release, "Build")
    watching = await terminal.started("ben", "watch", "shop", "staging")
    terminal.world.backend.end(run_id, "Build", "Unit", ok=False, detail="2 tests failed")
    done = await watching
    assert done.returncode == 1
    assert "Build / Unit: failed" in done.stdout
    assert "2 tests failed" in done.stdout
    again = await terminal.run("ben", "watch", "shop")
    assert again.returncode == 1


async def test_approving_needs_another_person_and_says_who(terminal: Terminal) -> None:
    release = await terminal.world.at_gate("ana")
    status = await terminal.run("ben", "status")
    assert "shop #1 waits for you: sayso approve shop#1" in status.stdout
    own = await terminal.run("ana", "approve", "shop#1")
    assert own.returncode == 1
    assert own.stderr.strip() == "You asked for this release, so somebody else must approve it. Who may: Ben or Chi."
    done = await terminal.run("ben", "approve", "--reason", "looks good")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Approval 1 of 1.")
    run_id = await terminal.world.when_running(release, "Production")
    terminal.world.backend.end(run_id, "Production", "Deploy")
    seen = await terminal.world.when_status(release, Status.SUCCEEDED)
    assert seen.approvals[0].comment == "looks good"
    nothing = await terminal.run("ben", "approve")
    assert (nothing.returncode, nothing.stderr.strip()) == (2, "Nothing waits for you.")


async def test_a_run_that_waits_is_offered_first(terminal: Terminal) -> None:
    await terminal.world.ship("ana", "staging")
    offered = await terminal.run("ben", "deploy", "shop", "prod")
    assert offered.returncode == 1
    assert offered.stdout.startswith("A run of shop already waits before prod:")
    assert "--waiting" in offered.stderr
    taken = await terminal.run("ben", "deploy", "shop", "prod", "--waiting")
    assert taken.returncode == 0, taken.stderr
    assert "shop #2 to prod" in taken.stdout


async def test_stop_and_retry_and_rollback_from_the_terminal(terminal: Terminal) -> None:
    release = await terminal.world.deploy("ana", "staging")
    await terminal.world.when_running(release, "Build")
    assert (await terminal.run("ana", "stop", "shop", "staging", "--now")).returncode == 0
    await terminal.world.when_status(release, Status.STOPPED)
    assert (await terminal.run("ana", "retry", "shop", "1")).returncode == 0
    await terminal.world.when_running(release, "Build")
    back = await terminal.run("ana", "rollback", "shop", "staging")
    assert back.returncode == 1
    assert "shop #1" in back.stderr


async def test_an_environment_is_held_and_opened_from_the_terminal(terminal: Terminal) -> None:
    held = await terminal.run("ana", "hold", "shop", "prod", "-m", "incident 12")
    assert (held.returncode, held.stdout.strip()) == (0, "The way into prod of shop is held."), held.stderr
    asked = await terminal.run("ben", "deploy", "shop", "prod")
    assert "The way into prod is held by Ana: incident 12." in asked.stdout
    where = await terminal.run("ben", "where", "shop", "prod")
    assert "held by Ana: incident 12" in where.stdout
    opened = await terminal.run("ben", "unhold", "shop", "prod")
    assert opened.stdout.strip() == "The way into prod of shop is open."
    which = await terminal.run("ben", "hold", "shop")
    assert (which.returncode, which.stderr.strip()) == (2, "Which environment? shop has: staging, prod.")


@pytest.mark.parametrize(
    ("who", "arguments", "code", "told"),
    [
        ("ana", ("deploy", "shp", "prod"), 2, "Did you mean shop?"),
        ("ana", ("deploy", "shop", "prd"), 2, "Did you mean prod?"),
        ("ana", ("status", "shop", "#77"), 2, "There is no release shop #77."),
        ("ana", ("watch", "shop"), 2, "Nothing is under way for shop."),
        ("dee", ("deploy", "shop", "prod"), 1, "You are not among those who may deploy shop to prod."),
        ("wrong-token-wrong-token", ("status",), 2, "This token is not one of ours."),
        ("", ("status",), 2, "SAYSO_TOKEN is not set."),
    ],
)
async def test_what_can_not_be_done_is_a_sentence_and_a_code(
    terminal: Terminal, who: str, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = await terminal.run(who, *arguments)
    assert told in done.stderr
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense"])
def test_a_server_that_does_not_answer_is_a_sentence(tmp_path: Path, url: str) -> None:
    done = sayso("status", folder=tmp_path, SAYSO_URL=url, SAYSO_TOKEN="a-token")
    assert done.returncode == (3 if url.startswith("http") else 2)
    assert "Traceback" not in done.stderr
    assert url in done.stderr or "SAYSO_URL" in done.stderr


def test_every_command_has_help_and_unknown_ones_are_two(tmp_path: Path) -> None:
    told = sayso("--help", folder=tmp_path, NO_COLOR="1")
    assert told.returncode == 0
    for name in ("serve", "check", "migrate", "demo", "playground", "deploy", "approve", "watch", "where"):
        assert name in told.stdout
    assert "\x1b[" not in told.stdout
    assert "Exit codes" in told.stdout
    assert sayso("nonsense", folder=tmp_path).returncode == 2
    assert sayso("deploy", folder=tmp_path).returncode == 2
