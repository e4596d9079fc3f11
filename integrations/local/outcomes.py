"""Writes down what an attempt leaves behind: its progress, artifacts, variables and revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from integrations.local.actions import Result
from integrations.local.states import State
from integrations.local.tables import ACTIONS, ARTIFACTS, ATTEMPTS, EXECUTIONS
from integrations.local.work import Work, progress_of


async def write(c: AsyncConnection, work: Work, result: Result, digests: Mapping[str, str], now: datetime) -> bool:
    """Keep it, within the transaction that has locked the pipeline; tells whether the attempt was still under way."""
    a, e = ACTIONS.c, EXECUTIONS.c
    here = sa.and_(a.id == work.action_id, a.attempt == work.attempt, a.state == State.IN_PROGRESS)
    query = sa.select(e.variables, e.revision, e.sources).join(ACTIONS, a.execution == e.id).where(here)
    row = (await c.execute(query)).one_or_none()
    if row is None:
        return False
    await c.execute(sa.update(ACTIONS).where(a.id == work.action_id).values(progress=progress_of(result, work.key)))
    for name, digest in digests.items():
        where = sa.and_(ARTIFACTS.c.execution == work.execution_id, ARTIFACTS.c.name == name)
        await c.execute(sa.delete(ARTIFACTS).where(where))
        kept = {"execution": work.execution_id, "name": name, "digest": digest}
        await c.execute(sa.insert(ARTIFACTS).values(kept))
    told: dict[str, Any] = {"outputs": dict(digests), "variables": dict(result.variables), "external_url": result.url}
    if result.external_id:
        told["external_id"] = result.external_id
    await c.execute(sa.update(ATTEMPTS).where(ATTEMPTS.c.id == work.key).values(told))
    values: dict[str, Any] = {}
    if work.declaration.namespace and result.variables:
        values["variables"] = {**row.variables, work.declaration.namespace: dict(result.variables)}
    if result.revision:
        revision = result.revision.model_dump(mode="json")
        if row.revision is None or work.is_primary:
            values["revision"] = revision
        named = {"artifact": next(iter(digests), None), "at": now.isoformat()}
        values["sources"] = {**row.sources, work.declaration.name: revision | named}
    if values:
        await c.execute(sa.update(EXECUTIONS).where(e.id == work.execution_id).values(values))
    return True
