"""What several kinds of test need: real databases, migrated, one for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.local import MIGRATIONS, VERSION_TABLE
from tests.support.postgres import create_database, postgres


def pytest_configure() -> None:
    """Be patient: this machine may be slow.

    The playgrounds of this run wait longer for the bot than Slack does, and a test's HTTP client that says nothing of
    time waits a minute, where httpx would five seconds.
    """
    os.environ["PLAYGROUND_PATIENCE"] = "60"
    patience = httpx._config.DEFAULT_TIMEOUT_CONFIG
    patience.connect = patience.read = patience.write = patience.pool = 60.0


def pytest_xdist_auto_num_workers() -> int:
    """Say how many tests run side by side: more than there are cores, for half of the time they wait."""
    cores = os.cpu_count() or 1
    return min(2 * cores, cores + 4)


@pytest.fixture(scope="session")
def postgres_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL server for this test process; gives the folder of its socket."""
    with postgres(tmp_path_factory.mktemp("postgres")) as folder:
        yield folder


@pytest.fixture
async def fresh_postgres(postgres_folder: str) -> str:
    """The URL of an empty PostgreSQL database of this test's own."""
    return await create_database(postgres_folder, f"t{uuid4().hex}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("fresh_postgres")
    return url


async def _migrated(url: str) -> None:
    engine = open_engine(url)
    await migrate(engine)
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    await engine.dispose()


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has been migrated, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    asyncio.run(_migrated(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres_with_tables(postgres_folder: str) -> str:
    """A database that has been migrated, to be copied."""
    name = "migrated"
    asyncio.run(_migrated(asyncio.run(create_database(postgres_folder, name))))
    return name


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes a `sqlite` or `postgresql` database with all tables and no rows, and gives its URL."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            shutil.copyfile(request.getfixturevalue("sqlite_with_tables"), tmp_path / "test.db")
            return f"sqlite:///{tmp_path / 'test.db'}"
        template: str = request.getfixturevalue("postgres_with_tables")
        folder = request.getfixturevalue("postgres_folder")
        return asyncio.run(create_database(folder, f"t{uuid4().hex}", template))

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, empty_database: Callable[[str], str]) -> str:
    """The URL of a database with all tables and no rows: the test runs once on each kind."""
    return empty_database(request.param)


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    """An open, migrated database."""
    opened = Database(open_engine(migrated_url))
    yield opened
    await opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to tell besides that they passed: their property `told`."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[0]}: {value}")
