"""What was planned by voice: kept until it is carried out once, or never."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import Frozen
from bot.core.voice import Plan
from bot.store.tables import PLANS as T


class State(StrEnum):
    """How far a plan has come. Only the first two are open."""

    OPEN = "open"
    """Read back; no yes yet."""
    ASKED = "asked"
    """Yes was said; the tap or the PIN is missing."""
    DONE = "done"
    """Carried out, as `release_id`."""
    FAILED = "failed"
    """It could not be carried out: `why`."""
    WRONG = "wrong"
    """The wrong number was pressed, or the PIN was wrong."""
    DROPPED = "dropped"
    EXPIRED = "expired"


_OPEN = (State.OPEN.value, State.ASKED.value)


class StoredPlan(Frozen):
    """A plan and what became of it."""

    plan: Plan
    voice: str
    person: str
    state: State
    expires: datetime
    heard: str
    number: int | None
    choices: tuple[int, ...]
    message: str | None
    release_id: str | None
    why: str | None

    @property
    def open(self) -> bool:
        """Tell whether it may still be carried out, if it is not too late."""
        return self.state in _OPEN


async def add(c: AsyncConnection, plan: Plan, *, key: str, voice: str, person: str, heard: str) -> None:
    """Keep a new plan, unless one with this key is kept already."""
    make = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    await c.execute(
        make(T)
        .values(
            id=plan.id,
            key=key,
            voice=voice,
            person=person,
            state=State.OPEN.value,
            expires=plan.expires,
            body=plan.model_dump(mode="json"),
            heard=heard,
        )
        .on_conflict_do_nothing(index_elements=["key"])
    )


async def get(c: AsyncConnection, plan_id: str, *, lock: bool = False) -> StoredPlan | None:
    """Read a plan; with `lock` nobody else changes it until the transaction ends."""
    query = select(T).where(T.c.id == plan_id)
    row = (await c.execute(query.with_for_update() if lock else query)).mappings().first()
    return _stored(row) if row else None


async def by_key(c: AsyncConnection, key: str) -> StoredPlan | None:
    """Find the plan that an earlier delivery of the same request made."""
    row = (await c.execute(select(T).where(T.c.key == key))).mappings().first()
    return _stored(row) if row else None


async def of_voice(c: AsyncConnection, voice: str) -> Sequence[StoredPlan]:
    """List a voice's plans that wait for a yes, locked; those that wait for more than that are left alone."""
    query = select(T).where(T.c.voice == voice, T.c.state == State.OPEN.value).with_for_update()
    return [_stored(row) for row in (await c.execute(query)).mappings()]


async def of_person(c: AsyncConnection, person: str) -> Sequence[StoredPlan]:
    """List a person's open plans, locked."""
    query = select(T).where(T.c.person == person, T.c.state.in_(_OPEN)).with_for_update()
    return [_stored(row) for row in (await c.execute(query)).mappings()]


async def expired(c: AsyncConnection, now: datetime) -> Sequence[StoredPlan]:
    """List the open plans whose time is over, locked; those that somebody else has in hand are left out."""
    query = select(T).where(T.c.state.in_(_OPEN), T.c.expires <= now).with_for_update(skip_locked=True)
    return [_stored(row) for row in (await c.execute(query)).mappings()]


async def next_expiry(c: AsyncConnection) -> datetime | None:
    """Give when the next open plan expires."""
    found: datetime | None = await c.scalar(select(func.min(T.c.expires)).where(T.c.state.in_(_OPEN)))
    return found


async def change(c: AsyncConnection, plan_id: str, state: State, **values: Any) -> None:
    """Say what became of a plan."""
    await c.execute(update(T).where(T.c.id == plan_id).values(state=state.value, **values))


async def forget_before(c: AsyncConnection, then: datetime) -> None:
    """Drop plans that are long over."""
    await c.execute(delete(T).where(T.c.expires < then))


def _stored(row: Any) -> StoredPlan:
    return StoredPlan(
        plan=Plan.model_validate(row["body"]),
        voice=row["voice"],
        person=row["person"],
        state=State(row["state"]),
        expires=row["expires"],
        heard=row["heard"],
        number=row["number"],
        choices=tuple(row["choices"] or ()),
        message=row["message"],
        release_id=row["release_id"],
        why=row["why"],
    )
