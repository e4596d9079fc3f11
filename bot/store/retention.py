"""What is old and needed by nobody: which releases that are, and dropping them with all that is told of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import Release
from bot.store.tables import COMMANDS, CURSORS, EVENTS, HOLDS, INTENTS, MESSAGES, RELEASES
from bot.store.tables import RELEASES as T

DEPLOYMENTS_KEPT = 10
"""Of each environment, whatever their age: what runs there, and what a rollback may lead back to."""


async def needed(c: AsyncConnection) -> frozenset[str]:
    """Give the releases that are kept whatever their age.

    The newest one of each place, by which numbers go on and retries are judged, and those behind its last deployments.
    """
    latest = func.row_number().over(partition_by=(T.c.service, T.c.environment), order_by=T.c.created.desc())
    newest = select(T.c.id, latest.label("place")).subquery()
    e = EVENTS.c
    back = func.row_number().over(partition_by=(e.service, e.environment), order_by=e.position.desc())
    deployed = select(e.release_id, back.label("place")).where(e.kind == "deployed").subquery()
    kept = await c.scalars(
        select(newest.c.id)
        .where(newest.c.place == 1)
        .union(select(deployed.c.release_id).where(deployed.c.place <= DEPLOYMENTS_KEPT))
    )
    return frozenset(kept)


async def old(
    c: AsyncConnection, before: datetime, kept: Collection[str], last: tuple[datetime, str] | None, limit: int
) -> tuple[Sequence[str], tuple[datetime, str] | None]:
    """List releases to which nothing has happened since, from the oldest on; `last` as the former call gave it.

    Never one that is active, has something to be done or sent, or an event that some listener has not read yet.
    The second value is None after the last page.
    """
    unread = select(func.min(CURSORS.c.position)).scalar_subquery()  # a cursor of another kind is a time, far greater
    query = (
        select(T.c.id, T.c.created, T.c.body)
        .where(
            T.c.created < before,
            ~T.c.active,
            ~exists().where(INTENTS.c.done.is_(False), INTENTS.c.release_id == T.c.id),
            ~exists().where(
                MESSAGES.c.release_id == T.c.id, MESSAGES.c.desired > MESSAGES.c.delivered, MESSAGES.c.dead.is_(None)
            ),
            ~exists().where(EVENTS.c.release_id == T.c.id, EVENTS.c.position > unread),
        )
        .order_by(T.c.created, T.c.id)
        .limit(limit)
    )
    if last is not None:
        query = query.where((T.c.created > last[0]) | ((T.c.created == last[0]) & (T.c.id > last[1])))
    rows = (await c.execute(query)).all()
    found = [row.id for row in rows if row.id not in kept and _since(row) < before]
    return found, ((rows[-1].created, rows[-1].id) if len(rows) == limit else None)


def _since(row: Any) -> datetime:
    return Release.model_validate(row.body).updated


async def runs(c: AsyncConnection) -> frozenset[str]:
    """Give the runs of all releases that are there."""
    return frozenset(run for run in await c.scalars(select(T.c.run_id).distinct()) if run)


async def drop(c: AsyncConnection, release_ids: Sequence[str]) -> None:
    """Delete releases with their events, messages and intents; one that is active by now stays."""
    ids = list(await c.scalars(select(T.c.id).where(T.c.id.in_(release_ids), ~T.c.active).with_for_update()))
    await c.execute(delete(EVENTS).where(EVENTS.c.release_id.in_(ids)))
    await c.execute(delete(MESSAGES).where(MESSAGES.c.release_id.in_(ids)))
    await c.execute(delete(INTENTS).where(INTENTS.c.done.is_(True), INTENTS.c.release_id.in_(ids)))
    await c.execute(delete(RELEASES).where(T.c.id.in_(ids)))


async def drop_loose(c: AsyncConnection, before: datetime) -> None:
    """Delete old memos that were sent, and old holds that are history; what each place stands at is kept."""
    sent = (MESSAGES.c.desired <= MESSAGES.c.delivered) | MESSAGES.c.dead.is_not(None)
    await c.execute(delete(MESSAGES).where(MESSAGES.c.purpose == "memo", MESSAGES.c.created < before, sent))
    h = HOLDS.c
    standing = select(func.max(h.id)).where(h.refused.is_(None)).group_by(h.service, h.environment)
    await c.execute(delete(HOLDS).where(h.since < before, h.done, h.id.not_in(standing)))


async def drop_keys(c: AsyncConnection, before: datetime) -> None:
    """Delete the keys of commands that nobody will send again."""
    await c.execute(delete(COMMANDS).where(COMMANDS.c.at < before))
