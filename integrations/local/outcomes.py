"""Writes down what an attempt leaves behind: its progress, artifacts, variables and revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from integrations.local import statements
from integrations.local.actions import Result
from integrations.local.intents import Work
from integrations.local.states import State
from integrations.local.tables import ACTIONS, ARTIFACTS, EXECUTIONS
from integrations.local.work import progress_of


async def write(c: AsyncConnection, work: Work, result: Result, digests: Mapping[str, str], now: datetime) -> bool:
    """Keep it, within the transaction that has locked the pipeline; tells whether the attempt was still under way."""
    a, e = ACTIONS.c, EXECUTIONS.c
    here = sa.and_(a.id == work.action_id, a.attempt == work.attempt, a.state == State.IN_PROGRESS)
    found = await c.execute(sa.update(ACTIONS).where(here).values(progress=progress_of(result, work.key)))
    if not found.rowcount:
        return False
    for name, digest in digests.items():
        where = sa.and_(ARTIFACTS.c.execution == work.execution_id, ARTIFACTS.c.name == name)
        await c.execute(sa.delete(ARTIFACTS).where(where))
        kept = {"execution": work.execution_id, "name": name, "digest": digest}
        await c.execute(sa.insert(ARTIFACTS).values(kept))
    told: dict[str, Any] = {"outputs": dict(digests), "variables": dict(result.variables), "external_url": result.url}
    if result.external_id:
        told["external_id"] = result.external_id
    await c.execute(statements.SET_ATTEMPT, {"the_id": work.key, **told})
    named = work.declaration.namespace and result.variables
    if not named and not result.revision:
        return True
    row = (await c.execute(sa.select(e.variables, e.revision, e.sources).where(e.id == work.execution_id))).one()
    values: dict[str, Any] = {}
    if named:
        values["variables"] = {**row.variables, work.declaration.namespace: dict(result.variables)}
    if result.revision:
        revision = result.revision.model_dump(mode="json")
        if row.revision is None or work.is_primary:
            values["revision"] = revision
        fetched = {"artifact": next(iter(digests), None), "at": now.isoformat()}
        values["sources"] = {**row.sources, work.declaration.name: revision | fetched}
    await c.execute(statements.SET_EXECUTION, {"the_id": work.execution_id, **values})
    return True
