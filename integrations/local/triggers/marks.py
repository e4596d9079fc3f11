"""Remembers how far a schedule or a polled branch has come, so that a restart neither misses nor repeats."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.ports import Transactions
from integrations.local.tables import MARKS


@dataclass(frozen=True, slots=True)
class Mark:
    """What was seen last, and when."""

    value: str
    at: datetime


class Marks:
    """Marks by what they are of."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    async def get(self, what: str) -> Mark | None:
        """Read a mark; None if there is none yet."""
        async with self._database.read() as c:
            row = (await c.execute(sa.select(MARKS.c.value, MARKS.c.at).where(MARKS.c.key == _key(what)))).one_or_none()
        return Mark(row.value, row.at) if row else None

    async def put(self, what: str, value: str, at: datetime) -> None:
        """Write a mark."""
        async with self._database.write() as c:
            await put_mark(c, what, value, at)


async def put_mark(c: AsyncConnection, what: str, value: str, at: datetime) -> None:
    """Write a mark within a transaction; two servers on one database may write the same one at the same moment."""
    make = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    wish = make(MARKS).values(key=_key(what), what=what, value=value, at=at)
    new = {"value": wish.excluded.value, "at": wish.excluded.at}
    await c.execute(wish.on_conflict_do_update(index_elements=[MARKS.c.key], set_=new))


def used_delivery(file: str, token: str) -> str:
    """Name the mark of a webhook's delivery whose execution is dropped already."""
    return f"delivery {file} {token}"


def _key(what: str) -> str:
    return hashlib.sha256(what.encode()).hexdigest()
