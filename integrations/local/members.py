"""The processes that share the work: who lives by the database's clock, who can do what, what must end."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bot.core.ports import Sharing, Transactions
from integrations.local.tables import METADATA, Moment

MEMBERS = sa.Table(
    "local_members",
    METADATA,
    sa.Column("id", sa.String(300), primary_key=True),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("works", sa.Boolean, nullable=False),
    sa.Column("beat", Moment, nullable=False),
    comment="Processes that share the work, and when each last said that it lives, by the database's clock.",
)
CANCELS = sa.Table(
    "local_cancels",
    METADATA,
    sa.Column("action", sa.String(250), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    comment="Attempts that are to end, wherever they run.",
)
FORGOTTEN = timedelta(days=1)
_NOW = sa.func.clock_timestamp()
Key = tuple[str, int]
"""An attempt: its action's id and its number."""


class Members:
    """One process's place among the others; `me` is new at every start, so that nobody inherits an old one's name."""

    def __init__(self, database: Transactions, me: str, sharing: Sharing) -> None:
        self._database, self.me, self._sharing = database, me, sharing
        self._lease = timedelta(seconds=sharing.lease)

    async def beat(self) -> None:
        """Say that this process lives."""
        row = {"id": self.me, "labels": sorted(self._sharing.labels), "works": self._sharing.works, "beat": _NOW}
        async with self._database.write() as c:
            wish = insert(MEMBERS).values(row)
            await c.execute(wish.on_conflict_do_update(index_elements=[MEMBERS.c.id], set_={"beat": _NOW}))

    async def dead(self, names: Collection[str]) -> list[str]:
        """Tell which of these processes have not said for a whole lease that they live, or have left."""
        async with self._database.write() as c:
            await c.execute(sa.delete(MEMBERS).where(MEMBERS.c.beat < _NOW - FORGOTTEN))
            alive = sa.select(MEMBERS.c.id).where(MEMBERS.c.id.in_(names), MEMBERS.c.beat >= _NOW - self._lease)
            living = set(await c.scalars(alive))
        return sorted(set(names) - living)

    async def leave(self) -> None:
        """Say goodbye: what is still under way here is anybody's at once."""
        async with self._database.write() as c:
            await c.execute(sa.delete(MEMBERS).where(MEMBERS.c.id == self.me))

    async def can(self, labels: frozenset[str]) -> bool:
        """Tell whether any living process takes actions with these labels."""
        query = sa.select(MEMBERS.c.labels).where(MEMBERS.c.works, MEMBERS.c.beat >= _NOW - self._lease)
        async with self._database.read() as c:
            return any(labels <= set(has) for has in await c.scalars(query))

    async def end(self, key: Key) -> None:
        """Have an attempt ended by whoever runs it, now or after a takeover."""
        async with self._database.write() as c:
            await c.execute(insert(CANCELS).values(action=key[0], attempt=key[1]).on_conflict_do_nothing())

    async def ended(self, keys: Iterable[Key]) -> set[Key]:
        """Tell which of these attempts are to end."""
        a, n = CANCELS.c.action, CANCELS.c.attempt
        async with self._database.read() as c:
            rows = await c.execute(sa.select(a, n).where(a.in_({key[0] for key in keys})))
            return {(row.action, row.attempt) for row in rows}

    async def forget(self, key: Key) -> None:
        """Drop the wish to end an attempt that is over."""
        async with self._database.write() as c:
            await c.execute(sa.delete(CANCELS).where(CANCELS.c.action == key[0], CANCELS.c.attempt == key[1]))
