"""Releases in the database: written whole, guarded by number, version and the one-active-release index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.errors import Conflict, NotFound
from bot.core.model import Release, Run
from bot.core.wording import say
from bot.store.tables import RELEASES as T


def _release(row: Any) -> Release:
    run = Run.model_validate(row.run) if row.run else None
    return Release.model_validate(row.body).model_copy(update={"run": run})


def _columns(release: Release) -> dict[str, Any]:
    return {
        "service": release.service,
        "environment": release.environment,
        "number": release.number,
        "active": release.active,
        "status": release.status.value,
        "backend": release.backend,
        "run_id": release.run_id,
        "run_open": release.run is not None and not release.run.status.finished,
        "version": release.version,
        "created": release.created,
        "body": release.model_dump(mode="json", exclude={"run"}),
        "run": release.run.model_dump(mode="json") if release.run else None,
    }


async def next_number(c: AsyncConnection, service: str) -> int:
    """Give the number that the service's next release will have; nobody else gets one until the transaction ends."""
    if c.dialect.name == "postgresql":
        await c.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"number {service}"})
    return 1 + (await c.scalar(select(func.coalesce(func.max(T.c.number), 0)).where(T.c.service == service)) or 0)


async def add(c: AsyncConnection, release: Release) -> None:
    """Insert a new release; `Conflict` if another one is active for its service and environment."""
    try:
        async with c.begin_nested():
            await c.execute(insert(T).values(id=release.id, **_columns(release)))
    except IntegrityError as error:
        other = await active_in(c, release.service, release.environment)
        raise Conflict(
            say("conflict.active", label=other.label, service=release.service, environment=release.environment)
            if other
            else say("conflict.again")
        ) from error


async def save(c: AsyncConnection, release: Release, *, was: int) -> None:
    """Write a changed release back if its stored version is still `was`; else `Conflict`."""
    try:
        async with c.begin_nested():
            result = await c.execute(
                update(T).where(T.c.id == release.id, T.c.version == was).values(**_columns(release))
            )
    except IntegrityError as error:
        other = await active_in(c, release.service, release.environment)
        raise Conflict(
            say(
                "conflict.active",
                label=other.label if other else "",
                service=release.service,
                environment=release.environment,
            )
        ) from error
    if result.rowcount != 1:
        raise Conflict(say("conflict.again"))


async def get(c: AsyncConnection, release_id: str, *, lock: bool = False) -> Release:
    """Read a release; with `lock` nobody else may change it until the transaction ends."""
    query = select(T.c.body, T.c.run).where(T.c.id == release_id)
    row = (await c.execute(query.with_for_update() if lock else query)).first()
    if row is None:
        raise NotFound(say("unknown.release"))
    return _release(row)


async def by_number(c: AsyncConnection, service: str, number: int) -> Release:
    """Read `checkout #12`."""
    found = await _list(c, select(T.c.body, T.c.run).where(T.c.service == service, T.c.number == number))
    if not found:
        raise NotFound(say("unknown.number", service=service, number=number))
    return found[0]


async def active_in(c: AsyncConnection, service: str, environment: str) -> Release | None:
    """Find the one release that is active there."""
    found = await _list(
        c,
        select(T.c.body, T.c.run).where(T.c.service == service, T.c.environment == environment, T.c.active),
    )
    return found[0] if found else None


async def active_ids(c: AsyncConnection) -> Sequence[str]:
    """List the ids of all active releases."""
    return list(await c.scalars(select(T.c.id).where(T.c.active)))


async def all_active(c: AsyncConnection) -> Sequence[Release]:
    """List every active release, newest first."""
    return await _list(c, select(T.c.body, T.c.run).where(T.c.active).order_by(T.c.created.desc()))


async def active_versions(c: AsyncConnection) -> dict[str, int]:
    """Give the version of every active release by id."""
    return {row.id: row.version for row in await c.execute(select(T.c.id, T.c.version).where(T.c.active))}


async def recent(
    c: AsyncConnection,
    *,
    service: str | None = None,
    environment: str | None = None,
    before: datetime | None = None,
    limit: int = 10,
) -> Sequence[Release]:
    """List the newest releases, newest first, `limit` at most 100."""
    query = select(T.c.body, T.c.run).order_by(T.c.created.desc(), T.c.id.desc()).limit(min(limit, 100))
    if service:
        query = query.where(T.c.service == service)
    if environment:
        query = query.where(T.c.environment == environment)
    if before:
        query = query.where(T.c.created < before)
    return await _list(c, query)


async def with_open_runs(c: AsyncConnection, service: str, *, limit: int = 30) -> Sequence[Release]:
    """List a service's releases whose runs had not ended when they were last seen, newest first."""
    query = select(T.c.body, T.c.run).where(T.c.service == service, T.c.run_open)
    return await _list(c, query.order_by(T.c.created.desc()).limit(limit))


async def of_run(c: AsyncConnection, backend: str, run_id: str) -> Sequence[Release]:
    """List the releases that one run carries out, oldest first: the one that started it, then its promotions."""
    return await _list(
        c, select(T.c.body, T.c.run).where(T.c.backend == backend, T.c.run_id == run_id).order_by(T.c.created)
    )


async def known_runs(c: AsyncConnection, backend: str, run_ids: Collection[str]) -> frozenset[str]:
    """Tell which of these runs are carried out for some release."""
    query = select(T.c.run_id).where(T.c.backend == backend, T.c.run_id.in_(run_ids)).distinct()
    return frozenset(await c.scalars(query))


async def _list(c: AsyncConnection, query: Select[Any]) -> Sequence[Release]:
    return [_release(row) for row in await c.execute(query)]
