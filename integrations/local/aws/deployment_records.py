"""Finds deployments: attempts of CodeDeploy actions, with what was done to which target."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from integrations.local.deploy import RECORD
from integrations.local.deploy_record import DeploymentRecord
from integrations.local.engine import Engine
from integrations.local.intents import home_of
from integrations.local.states import State
from integrations.local.tables import ACTIONS, ATTEMPTS


@dataclass(frozen=True, slots=True)
class Deployment:
    """One attempt of a deploy action."""

    id: str
    """Empty for a provider whose deployments have none."""
    file: str
    """Its pipeline's."""
    application: str
    group: str
    state: State | None
    """None while it is under way."""
    detail: str
    begun: datetime
    ended: datetime | None
    bundle: str
    """Digest of the artifact that it deploys."""
    record: DeploymentRecord | None
    """None before it has begun, and if it never could."""


async def find_deployment(engine: Engine, where: sa.ColumnElement[bool]) -> Deployment | None:
    """Give the attempt of a deploy action that a condition on `ATTEMPTS` means."""
    t, a = ATTEMPTS.c, ACTIONS.c
    query = (
        sa.select(t.external_id, t.file, t.attempt, t.state, t.detail, t.begun, t.ended, t.configuration, t.inputs,
                  t.execution, a.place, a.name)
        .join(ACTIONS, t.action == a.id)
        .where(where, a.category == "Deploy")
    )  # fmt: skip
    async with engine.database.read() as c:
        row = (await c.execute(query)).first()
    if row is None:
        return None
    file = home_of(engine.data, row.execution, row.place, row.name, row.attempt) / RECORD
    record = await asyncio.to_thread(_read, file)
    state = State(row.state) if row.state else None
    if record is not None and state is not None:
        record = record.settled()
    return Deployment(
        id=row.external_id, file=row.file, application=row.configuration.get("ApplicationName", ""),
        group=row.configuration.get("DeploymentGroupName", ""), state=state, detail=row.detail, begun=row.begun,
        ended=row.ended, bundle=next(iter(row.inputs.values()), ""), record=record,
    )  # fmt: skip


def _read(file: Path) -> DeploymentRecord | None:
    try:
        return DeploymentRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
