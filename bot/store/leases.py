"""Who of several servers on one database does what, for as long as it keeps saying that it lives."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from bot.store.database import Database
from bot.store.tables import LEASES as T

_log = logging.getLogger(__name__)
_NOW = func.clock_timestamp()


class Leases(Protocol):
    """Names that one server at a time holds, as `watch 0192…` or `deliver`."""

    every: float
    """Seconds after which to look again whether a name that another server holds has become free."""

    async def claim(self, names: Collection[str]) -> frozenset[str]:
        """Take what is free or ours already, and say which of the names are ours now."""
        ...

    def held(self, name: str) -> bool:
        """Tell, without asking anybody, whether a name is surely still ours at this moment."""
        ...

    async def release(self, name: str) -> None:
        """Give a name back."""
        ...


class Sole:
    """The only server of its database: everything is its own."""

    every = 30.0

    async def claim(self, names: Collection[str]) -> frozenset[str]:
        """Give all."""
        return frozenset(names)

    def held(self, _name: str) -> bool:
        """Say yes, always."""
        return True

    async def release(self, _name: str) -> None:
        """Do nothing."""


class SharedLeases:
    """Rows that run out by the database's clock; on PostgreSQL.

    A server that is killed, stopped (SIGSTOP) or cut off stops renewing, and after `seconds` its names are anybody's.
    `held` counts from before the request, on a clock that goes on while the machine sleeps: a server that wakes up
    late knows at once that it may no longer be the one. An advisory lock would not do: a stopped process keeps its
    connection, and with it the lock.
    """

    def __init__(
        self, database: Database, owner: str, *, seconds: float, moment: Callable[[], float] | None = None
    ) -> None:
        self._database, self._owner, self._seconds = database, owner, seconds
        self._moment = moment or awake
        self._until: dict[str, float] = {}
        self.every = min(1.0, seconds / 4)

    async def claim(self, names: Collection[str]) -> frozenset[str]:
        """Take what is free, ours, or has run out."""
        if not names:
            return frozenset()
        begun = self._moment()
        others = select(T.c.name).where(T.c.name.in_(names), T.c.owner != self._owner, T.c.expires > _NOW)
        async with self._database.write() as c:
            free = set(names) - set(await c.scalars(others))
            if not free:
                return frozenset()
            rows = [{"name": name, "owner": self._owner, "expires": self._expiry()} for name in sorted(free)]
            wish = insert(T).values(rows)
            wish = wish.on_conflict_do_update(
                index_elements=[T.c.name],
                set_={"owner": wish.excluded.owner, "expires": wish.excluded.expires},
                where=(T.c.expires <= _NOW) | (T.c.owner == self._owner),
            )
            ours = frozenset(await c.scalars(wish.returning(T.c.name)))
        self._until.update(dict.fromkeys(ours, begun + self._seconds))
        return ours

    def held(self, name: str) -> bool:
        """Tell whether it was renewed not too long ago."""
        return self._until.get(name, 0.0) > self._moment()

    async def release(self, name: str) -> None:
        """Delete the row, if it is ours."""
        if self._until.pop(name, None) is None:
            return
        async with self._database.write() as c:
            await c.execute(delete(T).where(T.c.name == name, T.c.owner == self._owner))

    async def keep(self) -> None:
        """Renew until cancelled, all names in one statement; what another has taken meanwhile is no longer ours."""
        while True:
            await asyncio.sleep(self._seconds / 4)
            try:
                await self._renew()
            except (DBAPIError, OSError) as error:  # the names run out by themselves
                _log.warning("leases could not be renewed: %s", type(error).__name__)

    async def _renew(self) -> None:
        begun, known = self._moment(), set(self._until)
        if not known:
            return
        mine = update(T).where(T.c.owner == self._owner).values(expires=self._expiry())
        async with self._database.write() as c:
            renewed = set(await c.scalars(mine.returning(T.c.name)))
        for name in known & set(self._until):
            if name in renewed:
                self._until[name] = begun + self._seconds
            else:
                del self._until[name]

    async def leave(self) -> None:
        """Give everything back, so that nobody has to wait for it."""
        self._until.clear()
        async with self._database.write() as c:
            await c.execute(delete(T).where(T.c.owner == self._owner))

    def _expiry(self) -> ColumnElement[datetime]:
        return _NOW + timedelta(seconds=self._seconds)


def awake() -> float:
    """Give seconds of a clock that also counts while this process is stopped or the machine sleeps (Linux)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
