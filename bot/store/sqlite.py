"""SQLite's driver for SQLAlchemy: one message to a connection's thread for each statement, its rows included."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Self

from aiosqlite import Connection
from aiosqlite.core import _STOP_RUNNING_SENTINEL as _STOPPED
from aiosqlite.core import set_exception, set_result


async def connect(database: str) -> Connection:
    """Open a file (or `:memory:`) as SQLAlchemy's dialect for aiosqlite would, but with `WholeCursor`s.

    aiosqlite alone asks its thread four times for a statement: for a cursor, to run it, for its rows, and to close it.
    Each time costs more than most of our statements do.
    """
    connection = _Connection(lambda: sqlite3.connect(database, check_same_thread=False), iter_chunk_size=64)
    connection._thread = Thread(target=_work, args=(connection._tx,), daemon=True)  # noqa: SLF001
    return await connection


def _work(asked: SimpleQueue[tuple[Any, Callable[[], Any]]]) -> None:
    """Do what a connection is asked, in its thread, until it stops.

    Whoever asked may have been cancelled, and their event loop may have ended before the answer; aiosqlite's own thread
    dies of that, with a traceback.
    """
    answer: Any = None
    opened: sqlite3.Connection | None = None
    while answer is not _STOPPED:
        future, function = asked.get()
        try:
            answer = function()
            opened = answer if isinstance(answer, sqlite3.Connection) else opened
            told = partial(set_result, future, answer)
        except BaseException as error:  # noqa: BLE001 - it is the asker's
            told = partial(set_exception, future, error)
        if future is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits for it
                future.get_loop().call_soon_threadsafe(told)
        del future, function, told
    if opened is not None:
        opened.close()  # whoever asked for it may have gone before they had it


class _Connection(Connection):
    def cursor(self) -> WholeCursor:  # type: ignore[override]
        """Give a cursor that exists from its first statement on."""
        return WholeCursor(self)


class WholeCursor:
    """What SQLAlchemy uses of a DBAPI cursor (PEP 249); a result is read as a whole, so it is none for `stream`."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        """Open nothing: there is no cursor before the first statement."""
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> None:
        """Run a statement, and read what it gives."""
        await self._ask(sqlite3.Cursor.execute, sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> None:
        """Run a statement once for each of the parameters."""
        await self._ask(sqlite3.Cursor.executemany, sql, parameters)

    async def _ask(self, verb: Any, sql: str, parameters: Any) -> None:
        await self._connection._execute(self._run, verb, sql, parameters)  # type: ignore[no-untyped-call] # noqa: SLF001

    def _run(self, verb: Any, sql: str, parameters: Any) -> None:
        """Do it, in the connection's thread."""
        cursor = self._connection._conn.cursor()  # noqa: SLF001
        try:
            verb(cursor, sql, parameters)
            self._rows = cursor.fetchall() if cursor.description else []
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()

    async def fetchall(self) -> list[Any]:
        """Give the rows, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Do nothing: it was closed when its rows had been read."""
