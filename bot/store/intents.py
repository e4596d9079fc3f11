"""What is yet to be done in the world: written before anybody is told yes, done once, found again after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import Decision, Frozen, HeldBy
from bot.store.tables import COMMANDS, INTENTS


class Task(StrEnum):
    """The backend's verbs that change the world."""

    START = "start"
    DECIDE = "decide"
    STOP = "stop"
    RETRY = "retry"
    OVERRIDE = "override"
    ROLL_BACK = "roll_back"


class Arguments(Frozen):
    """Whatever the verb needs beside its release."""

    run_id: str | None = None
    """Another run than the release's own: to stop the one it replaces."""
    gate: str | None = None
    decision: Decision | None = None
    reason: str = ""
    abandon: bool = False
    stage: str | None = None
    attempt: int | None = None
    condition: HeldBy | None = None
    whole: bool = False
    """Retry all actions of the stage, not only those that failed."""
    to: str | None = None
    """The run whose state to go back to."""


class Intent(Frozen):
    """One thing to do at a backend for one release."""

    id: int
    release_id: str
    task: Task
    arguments: Arguments
    tries: int
    created: datetime


async def add(c: AsyncConnection, release_id: str, task: Task, arguments: Arguments, now: datetime) -> None:
    """Write down what is to be done."""
    await c.execute(
        insert(INTENTS).values(
            release_id=release_id,
            verb=task.value,
            arguments=arguments.model_dump(mode="json", exclude_defaults=True),
            created=now,
        )
    )


def _intent(row: Any) -> Intent:
    return Intent(
        id=row.id,
        release_id=row.release_id,
        task=Task(row.verb),
        arguments=Arguments.model_validate(row.arguments),
        tries=row.tries,
        created=row.created,
    )


async def pending(c: AsyncConnection, release_id: str) -> Sequence[Intent]:
    """List what is still to be done for a release, in order."""
    query = select(INTENTS).where(INTENTS.c.done.is_(False), INTENTS.c.release_id == release_id).order_by(INTENTS.c.id)
    return [_intent(row) for row in await c.execute(query)]


async def waiting_releases(c: AsyncConnection) -> Sequence[str]:
    """List the ids of all releases for which something is still to be done."""
    return list(await c.scalars(select(INTENTS.c.release_id).where(INTENTS.c.done.is_(False)).distinct()))


async def since(c: AsyncConnection, last: int) -> tuple[int, Sequence[str]]:
    """Give the newest intent's id, and the releases of all intents after `last`."""
    rows = (await c.execute(select(INTENTS.c.id, INTENTS.c.release_id).where(INTENTS.c.id > last))).all()
    return max((row.id for row in rows), default=last), [row.release_id for row in rows]


async def is_done(c: AsyncConnection, intent: Intent) -> bool:
    """Tell whether somebody has ticked it off."""
    return bool(await c.scalar(select(INTENTS.c.done).where(INTENTS.c.id == intent.id)))


async def starting(c: AsyncConnection) -> Sequence[str]:
    """List the releases whose run was asked for, but is not recorded yet."""
    begun = INTENTS.c.verb.in_([Task.START.value, Task.ROLL_BACK.value])
    return list(await c.scalars(select(INTENTS.c.release_id).where(INTENTS.c.done.is_(False), begun).distinct()))


async def tried(c: AsyncConnection, intent: Intent) -> None:
    """Count a try that did not come through."""
    await c.execute(update(INTENTS).where(INTENTS.c.id == intent.id).values(tries=INTENTS.c.tries + 1))


async def done(c: AsyncConnection, intent: Intent) -> None:
    """Tick it off."""
    await c.execute(update(INTENTS).where(INTENTS.c.id == intent.id).values(done=True))


async def recall(c: AsyncConnection, key: str) -> str | None:
    """Find the release that an earlier delivery of the same command made or changed.

    Of two deliveries at once the second waits here until the first has committed.
    """
    if c.dialect.name == "postgresql":  # SQLite has one writer anyway
        await c.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"command {key}"})
    return await c.scalar(select(COMMANDS.c.release_id).where(COMMANDS.c.key == key))


async def remember(c: AsyncConnection, key: str, release_id: str, now: datetime) -> None:
    """Keep a command's key."""
    await c.execute(insert(COMMANDS).values(key=key, release_id=release_id, at=now))
