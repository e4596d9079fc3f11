"""Drops executions that ended long ago, and the folders and artifacts that no execution needs any more."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from integrations.local import records
from integrations.local.artifacts import ArtifactStore
from integrations.local.engine import Engine
from integrations.local.files import remove
from integrations.local.states import ACTIVE
from integrations.local.tables import (
    ACTIONS,
    ARTIFACTS,
    ATTEMPTS,
    CONDITIONS,
    EXECUTIONS,
    LATEST,
    PIPELINES,
    STAGES,
)
from integrations.local.triggers.marks import put_mark, used_delivery

AT_ONCE = 50
"""Executions in one transaction: others wait for it."""
FRESH = timedelta(days=1)
"""A folder that was touched since may belong to what is not written down yet."""
_log = logging.getLogger(__name__)


async def forget(engine: Engine, before: datetime, kept: Collection[str], *, pause: float = 0.05) -> int:
    """Drop what ended before; gives how many executions that were.

    Never those in `kept`, those that are under way, and of each stage the last one that was in it and the last that
    succeeded there: a rollback leads back to that one. `pause` is in seconds, between two transactions.
    """
    ended = sa.func.coalesce(EXECUTIONS.c.finished, EXECUTIONS.c.updated)
    old = sa.and_(EXECUTIONS.c.state.not_in(ACTIVE), ended < before)
    async with engine.database.read() as c:
        files = list(await c.scalars(sa.select(EXECUTIONS.c.file).where(old).distinct()))
    count = 0
    for file in files:
        last: int | None = 0
        while last is not None:
            async with engine.database.write() as c:
                dropped, attempts, last = await _drop_some(c, file, old, kept, last=last, now=engine.clock())
            if attempts:
                await engine.runner.forget(attempts)
            count += dropped
            await asyncio.sleep(pause)
    await _clear(engine)
    if count:
        _log.info("dropped %d executions that ended before %s", count, f"{before:%Y-%m-%d}")
    return count


async def _drop_some(
    c: AsyncConnection, file: str, old: sa.ColumnElement[bool], kept: Collection[str], *, last: int, now: datetime
) -> tuple[int, list[str], int | None]:
    """Drop some of a pipeline's old executions, from the number `last` on.

    Gives how many, their attempts, and where to go on; None at the end.
    """
    await records.lock(c, file)  # nobody retries one of them meanwhile
    e = EXECUTIONS.c
    query = sa.select(e.id, e.number, e.token).where(e.file == file, old, e.number > last)
    rows = (await c.execute(query.order_by(e.number).limit(AT_ONCE))).all()
    stays = await _needed(c, file) | set(kept)
    gone = [row for row in rows if row.id not in stays]
    ids = [row.id for row in gone]
    attempts: list[str] = []
    if ids:
        attempts = list(await c.scalars(sa.select(ATTEMPTS.c.id).where(ATTEMPTS.c.execution.in_(ids))))
        for table in (ATTEMPTS, ARTIFACTS, CONDITIONS, ACTIONS, STAGES):
            await c.execute(sa.delete(table).where(table.c.execution.in_(ids)))
        await c.execute(sa.delete(EXECUTIONS).where(e.id.in_(ids)))
        for row in gone:  # a delivery that somebody recorded must not start anything even then
            if row.token.startswith("hook-"):
                await put_mark(c, used_delivery(file, row.token), "", now)
    return len(ids), attempts, rows[-1].number if len(rows) == AT_ONCE else None


async def _needed(c: AsyncConnection, file: str) -> set[str]:
    """Give the executions that a stage may go back to, or that are shown as its latest."""
    deleted = await c.scalar(sa.select(PIPELINES.c.deleted).where(PIPELINES.c.file == file))
    if deleted is not None:
        await c.execute(sa.delete(LATEST).where(LATEST.c.file == file))
        return set()
    n, e = LATEST.c, EXECUTIONS.c
    found: set[str] = set()
    for row in await c.execute(sa.select(n.execution, n.succeeded).where(n.file == file)):
        found |= {each for each in row if each is not None}
    behind = sa.select(e.rolls_back_to).where(e.id.in_(found), e.rolls_back_to.is_not(None))
    return found | set(await c.scalars(behind))


async def _clear(engine: Engine) -> None:
    """Remove the folders of executions that are gone, and artifacts that none has; also those that a crash left."""
    fresh = (engine.clock() - FRESH).timestamp()
    runs = engine.data / "runs"
    for some in _parts(await asyncio.to_thread(_stale, runs, fresh)):
        async with engine.database.read() as c:
            there = set(await c.scalars(sa.select(EXECUTIONS.c.id).where(EXECUTIONS.c.id.in_(some))))
        for name in set(some) - there:
            await _try(remove, runs / name)
    store = ArtifactStore(engine.data / "artifacts")
    stale = await asyncio.to_thread(lambda: [n for f in _folders(store.root) for n in _stale(f, fresh)])
    for some in _parts([name for name in stale if len(name) == 64]):
        async with engine.database.read() as c:
            used = set(await c.scalars(sa.select(ARTIFACTS.c.digest).where(ARTIFACTS.c.digest.in_(some)).distinct()))
        for digest in set(some) - used:
            await _try(store.drop, digest, fresh)


async def _try(step: Callable[..., None], *what: object) -> None:
    """Remove something; what can't be (a build may leave anything behind) does not keep the rest from going."""
    try:
        await asyncio.to_thread(step, *what)
    except OSError as error:
        _log.warning("what is no longer needed can't be removed: %s", error)


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and len(path.name) == 2] if root.is_dir() else []


def _stale(folder: Path, fresh: float) -> list[str]:
    """List the folders in it that nobody has touched since `fresh` (seconds since 1970). Blocks."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.stat(follow_symlinks=False).st_ctime < fresh]


def _parts(names: list[str], size: int = 500) -> Iterator[list[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]
