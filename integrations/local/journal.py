"""Who keeps book of the engine's changes, told of each in its transaction; and the table of what it has to tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text
from sqlalchemy.ext.asyncio import AsyncConnection

from integrations.local.states import PipelineRows
from integrations.local.tables import METADATA, Moment

EVENTS = Table(
    "local_events",
    METADATA,
    # SQLite counts up by itself only in a column of exactly this type.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("target", String(32), nullable=False),
    Column("execution", String(250), nullable=False),
    Column("body", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Index("local_events_by_target", "target", "id"),
    comment="Events that their targets have not taken yet.",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One recorded change of a pipeline's rows."""

    before: PipelineRows
    after: PipelineRows
    at: datetime
    begun: str | None
    """The execution that it begins, if it does."""


class Journal(Protocol):
    """Hears of every change."""

    async def note(self, c: AsyncConnection, change: Change) -> None:
        """Take a change within its own transaction."""
        ...

    def committed(self) -> None:
        """Know that changes noted before are committed now."""
        ...
