"""Keeps the pipelines and all their versions: those of files, and those made through the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.errors import BadFile, Conflict, Mistake
from integrations.local import records
from integrations.local.refusals import PipelineNotFound
from integrations.local.states import ACTIVE
from integrations.local.tables import DEFINITIONS, EXECUTIONS, PIPELINES, STAGES
from integrations.specs.pipeline import PipelineDeclaration, parse_pipeline

FILE, API = "file", "api"


@dataclass(frozen=True, slots=True)
class Home:
    """Where a pipeline is from."""

    file: str
    """What identifies it: its file's path, or `api:` and an id."""
    base: str
    """The folder that relative paths in it start from."""
    settings: Mapping[str, Any]
    """What runs its actions: `Settings`, as JSON."""
    origin: str = FILE


def read_pipeline(file: Path) -> PipelineDeclaration:
    """Read a pipeline file; raises `BadFile` with every mistake. Blocks."""
    try:
        text = file.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise BadFile([Mistake(str(file), "there is no such pipeline file.", "Correct `pipeline`.")]) from error
    except OSError as error:
        raise BadFile([Mistake(str(file), f"the pipeline can't be read: {error.strerror}.")]) from error
    except UnicodeDecodeError as error:
        raise BadFile([Mistake(str(file), "the pipeline is not UTF-8 text.")]) from error
    return parse_pipeline(text, file.name)


async def lock_or_add(c: AsyncConnection, home: Home, name: str, now: datetime) -> None:
    """Lock a pipeline until the transaction ends; one that is not known yet is added, without any version."""
    if await records.lock(c, home.file) is not None:
        return
    fresh = {"file": home.file, "name": name, "origin": home.origin, "version": 0, "last_number": 0, "base": home.base,
             "settings": home.settings, "tags": {}, "created": now, "updated": now}  # fmt: skip
    # Two first executions may meet here on PostgreSQL: the row of one of them stays, and both lock it.
    if c.dialect.name == "postgresql":
        await c.execute(insert(PIPELINES).values(fresh).on_conflict_do_nothing())
        await records.lock(c, home.file)
    else:
        await c.execute(sa.insert(PIPELINES).values(fresh))


async def define(c: AsyncConnection, home: Home, pipeline: PipelineDeclaration, now: datetime) -> tuple[int, list[str]]:
    """Keep a pipeline as it is said to be now; its version counts up if it has changed.

    Gives the version, and the executions under way whose stage it no longer has. Locks the pipeline.
    """
    await lock_or_add(c, home, pipeline.name, now)
    p, d = PIPELINES.c, DEFINITIONS.c
    row = (await c.execute(sa.select(p.version, p.settings, p.base).where(p.file == home.file))).one()
    version = int(row.version)
    said = {key: value for key, value in pipeline.as_declared().items() if key != "version"}
    known = await c.scalar(sa.select(d.declaration).where(d.file == home.file, d.version == version))
    here: dict[str, Any] = {"settings": home.settings, "base": home.base}
    if known == said:
        if (row.settings, row.base) != (here["settings"], here["base"]):
            await c.execute(sa.update(PIPELINES).where(p.file == home.file).values(here))
        return version, []
    version += 1
    await c.execute(sa.insert(DEFINITIONS).values(file=home.file, version=version, declaration=said, created=now))
    here |= {"name": pipeline.name, "version": version, "updated": now}
    await c.execute(sa.update(PIPELINES).where(p.file == home.file).values(here))
    e, s = EXECUTIONS.c, STAGES.c
    lost = (
        sa.select(e.id)
        .join(STAGES, sa.and_(s.execution == e.id, s.index == e.position))
        .where(e.file == home.file, e.state.in_(ACTIVE), s.name.not_in([st.name for st in pipeline.stages]))
    )
    return version, list((await c.execute(lost)).scalars())


async def named(c: AsyncConnection, name: str) -> Any:
    """Find a pipeline's row by its name; raises `PipelineNotFound`, and `Conflict` if several files use the name."""
    p = PIPELINES.c
    query = sa.select(PIPELINES).where(p.name == name, p.deleted.is_(None), p.version > 0).order_by(p.created)
    found = (await c.execute(query)).all()
    if not found:
        raise PipelineNotFound(f"There is no pipeline {name} on this machine.")
    if len(found) > 1:
        files = ", ".join(row.file for row in found)
        raise Conflict(f"{len(found)} pipelines are called {name}: {files}. Give each its own name.")
    return found[0]


def home_of(row: Any) -> Home:
    """Give where a known pipeline is from."""
    return Home(row.file, row.base, row.settings, row.origin)
