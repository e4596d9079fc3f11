"""Opens the database: SQLite with WAL by default, PostgreSQL by URL; one transaction per change."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import partial
from typing import Any

from sqlalchemy import URL, event, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.core.errors import Misconfigured
from bot.core.wording import say
from bot.store.sqlite import connect

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_READ = {"sayso_read": True}
_SERVING = 7_305_802  # any number: the PostgreSQL advisory lock of the one server


def open_engine(url: str) -> AsyncEngine:
    """Open an engine for `sqlite:///path`, `postgresql://…` (or the same with an async driver's name).

    SQLite gets WAL, full durability (what was acknowledged survives a power cut), and transactions that take the
    write lock at their begin, so that no transaction fails half way for a lock.
    """
    try:
        parsed = make_url(url)
        name = parsed.drivername
        if name.split("+")[0] not in _DRIVERS:
            raise Misconfigured(
                f"SAYSO_DATABASE_URL names {name.split('+')[0]!r}, which Sayso can't use.",
                fix="Use sqlite:///path/to/file.db or postgresql://user@host/name.",
            )
        driven = parsed.set(drivername=_DRIVERS.get(name, name))
        engine = (
            create_async_engine(driven, async_creator=partial(connect, parsed.database or ":memory:"))
            if name.startswith("sqlite")
            else create_async_engine(driven, pool_pre_ping=True)
        )
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise Misconfigured(
            "SAYSO_DATABASE_URL is not a database URL.",
            fix="Expected sqlite:///path/to/file.db or postgresql://user@host/name.",
        ) from error
    if engine.dialect.name == "sqlite":
        _check_file(parsed)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _check_file(url: URL) -> None:
    """Open the file once: a driver's thread that can't would end noisily, after the event loop has gone."""
    try:
        sqlite3.connect(url.database or ":memory:").close()
    except sqlite3.Error as error:
        raise Misconfigured(
            say("start.no_database", url=url.render_as_string(hide_password=True), error=error),
            fix=say("start.no_database.fix"),
        ) from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("sayso_read")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@asynccontextmanager
async def only_server(engine: AsyncEngine) -> AsyncIterator[None]:
    """Make sure that nobody else serves this PostgreSQL database; `Misconfigured` if somebody does.

    Two deliverers would post twice. SQLite needs none of it: its data folder has a lock. The lock goes with its
    connection, so a server that was killed leaves none behind.
    """
    if engine.dialect.name != "postgresql":
        yield
        return
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        if not await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _SERVING}):
            raise Misconfigured(say("start.database_taken"), fix=say("start.database_taken.fix"))
        try:
            yield
        finally:
            with suppress(DBAPIError, OSError):  # gone with the connection, then
                await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _SERVING})


class Database:
    """Gives transactions; the functions of this package take the connection that they yield."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        # Writers of one process queue here, which is fairer and quicker than SQLite's own waiting.
        self._writing = asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open one transaction; it commits at the end of the block and rolls back on an error."""
        async with self._writing, self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a consistent view for reading."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(**_READ)

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()
