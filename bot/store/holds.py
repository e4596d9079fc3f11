"""Which environments are held: every wish to close or open one, and what the backend has taken of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.events import Event
from bot.core.model import Frozen, Hold, Release
from bot.store import record, releases
from bot.store.tables import HOLDS as T


class HoldWish(Frozen):
    """One wish, as it stands in the table."""

    id: int
    service: str
    hold: Hold
    refused: str | None = None
    """Why the backend would not; then what was wished before still counts."""

    @property
    def notice(self) -> str:
        """Name the message that tells it in the service's channel."""
        return f"hold-{self.id}"


def _wish(row: Any) -> HoldWish:
    hold = Hold(
        environment=row.environment,
        stage=row.stage,
        closed=row.closed,
        by=row.person,
        reason=row.reason,
        since=row.since,
        done=row.done,
    )
    return HoldWish(id=row.id, service=row.service, hold=hold, refused=row.refused)


async def add(c: AsyncConnection, service: str, hold: Hold) -> int:
    """Write a wish down; gives its id."""
    values = hold.model_dump(exclude={"by"}) | {"service": service, "person": hold.by}
    return int((await c.execute(insert(T).values(**values).returning(T.c.id))).scalar_one())


async def get(c: AsyncConnection, wish: int) -> HoldWish:
    """Read one wish."""
    return _wish((await c.execute(select(T).where(T.c.id == wish))).one())


async def standing(c: AsyncConnection, service: str | None = None) -> dict[tuple[str, str], Hold]:
    """Give the places, as service and environment, whose way in is closed, or not known to be open again."""
    newest = select(func.max(T.c.id)).where(T.c.refused.is_(None)).group_by(T.c.service, T.c.environment)
    if service is not None:
        newest = newest.where(T.c.service == service)
    found = map(_wish, await c.execute(select(T).where(T.c.id.in_(newest))))
    return {(wish.service, wish.hold.environment): wish.hold for wish in found if wish.hold.state != "open"}


async def of(c: AsyncConnection, service: str, environments: Collection[str]) -> tuple[Hold, ...]:
    """Give what is held of these environments of a service."""
    found = await standing(c, service)
    return tuple(hold for (_, environment), hold in sorted(found.items()) if environment in environments)


async def to_do(c: AsyncConnection) -> Sequence[HoldWish]:
    """List the newest wish of each place, if the backend is still to be told, oldest first."""
    wishes = map(_wish, await c.execute(select(T).where(~T.c.done).order_by(T.c.id)))
    return list({(wish.service, wish.hold.environment): wish for wish in wishes}.values())


async def settle(c: AsyncConnection, wish: HoldWish, refused: str | None = None) -> None:
    """Tick a wish off, and the older ones of its place with it, which it has overtaken."""
    place = (T.c.service == wish.service, T.c.environment == wish.hold.environment)
    await c.execute(update(T).where(*place, T.c.id <= wish.id, ~T.c.done).values(done=True))
    if refused is not None:
        await c.execute(update(T).where(T.c.id == wish.id).values(refused=refused))


async def past(c: AsyncConnection, service: str | None, environment: str | None, limit: int) -> Sequence[HoldWish]:
    """List wishes, newest first: who held and opened what, when and why."""
    query = select(T).order_by(T.c.id.desc()).limit(limit)
    if service is not None:
        query = query.where(T.c.service == service)
    if environment is not None:
        query = query.where(T.c.environment == environment)
    return list(map(_wish, await c.execute(query)))


async def show(
    c: AsyncConnection, service: str, environments: Collection[str], told: Iterable[Event], now: datetime
) -> list[Release]:
    """Let the active releases of these environments, which share a pipeline, show what is held; gives those."""
    events, held, shown = list(told), await of(c, service, environments), []
    for environment in sorted(environments):
        found = await releases.active_in(c, service, environment)
        if found is None:
            continue
        before = await releases.get(c, found.id, lock=True)
        after = before.model_copy(update={"held": held, "version": before.version + 1, "updated": now})
        await record.change(c, before, after, events, now)
        shown.append(after)
    return shown
