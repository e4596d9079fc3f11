"""The event log: appended in the transaction that makes the event true, read in order from a position."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.events import EVENT, Event, LoggedEvent
from bot.core.model import Release
from bot.store.tables import EVENTS as T

_APPENDING = 7_305_801  # any number: the PostgreSQL advisory lock that all who append take


async def append(c: AsyncConnection, release: Release, events: Iterable[Event], at: datetime) -> None:
    """Append what happened to a release.

    On PostgreSQL positions are drawn before the commit, so two writers could become visible out of order and a
    listener's cursor would jump over the slower one; a lock until the commit keeps them in line.
    """
    rows = [
        {
            "release_id": release.id,
            "service": release.service,
            "environment": event.environment if event.kind == "deployed" else release.environment,
            "kind": event.kind,
            "at": at,
            "body": event.model_dump(mode="json"),
        }
        for event in events
    ]
    if not rows:
        return
    if c.dialect.name == "postgresql":
        await c.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPENDING})
    await c.execute(insert(T), rows)


def _logged(row: Any) -> LoggedEvent:
    return LoggedEvent(
        position=row.position,
        release_id=row.release_id,
        service=row.service,
        environment=row.environment,
        at=row.at,
        event=EVENT.validate_python(row.body),
    )


async def after(
    c: AsyncConnection, position: int, *, release_id: str | None = None, limit: int = 500
) -> Sequence[LoggedEvent]:
    """Read the log behind a position, oldest first, of one release or of all."""
    query = select(T).where(T.c.position > position).order_by(T.c.position).limit(limit)
    if release_id:
        query = query.where(T.c.release_id == release_id)
    return [_logged(row) for row in await c.execute(query)]


async def last(c: AsyncConnection) -> int:
    """Give the position of the newest event; 0 if there is none."""
    return await c.scalar(select(func.max(T.c.position))) or 0


async def deployments(c: AsyncConnection, service: str, environment: str, *, limit: int = 20) -> Sequence[LoggedEvent]:
    """List what was deployed to an environment, newest first."""
    rows = await c.execute(
        select(T)
        .where(T.c.kind == "deployed", T.c.service == service, T.c.environment == environment)
        .order_by(T.c.position.desc())
        .limit(limit)
    )
    return [_logged(row) for row in rows]
