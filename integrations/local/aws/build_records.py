"""Finds the builds of this machine: every attempt of a CodeBuild action is one, and its reports lie beside its log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.core.model import Revision, TestReport
from integrations.local.actions import Progress
from integrations.local.aws import names
from integrations.local.engine import Engine
from integrations.local.external import build_id
from integrations.local.intents import home_of
from integrations.local.states import State
from integrations.local.tables import ACTIONS, ATTEMPTS, EXECUTIONS
from integrations.specs.pipeline import ActionDeclaration


@dataclass(frozen=True, slots=True)
class Group:
    """One report of a build: a report group of its buildspec, and its cases one by one."""

    name: str
    report: TestReport
    cases: Sequence[dict[str, Any]]
    """Name, state (`passed`, `failed`, `error`, `skipped`), seconds, message."""


@dataclass(frozen=True, slots=True)
class Build:
    """One attempt of a CodeBuild action."""

    attempt: str
    project: str
    region: str | None
    pipeline: str
    state: State | None
    """None while it is under way."""
    detail: str
    begun: datetime
    ended: datetime | None
    progress: Progress
    """Of the action's latest attempt only; of an earlier one it is empty."""
    revision: Revision | None
    exported: dict[str, str]
    folder: Path

    @property
    def id(self) -> str:
        """Give its id, as CODEBUILD_BUILD_ID."""
        return build_id(self.project, self.attempt)

    @property
    def arn(self) -> str:
        """Give its ARN, as CODEBUILD_BUILD_ARN."""
        return names.build_arn(self.id, self.region)

    def groups(self) -> list[Group]:
        """Read its reports, if it left any. Blocks."""
        try:
            found = json.loads((self.folder / "reports.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [Group(one["name"], TestReport.model_validate(one["report"]), one["cases"]) for one in found]


class Builds:
    """Looks builds up in the engine's tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def find(self, attempts: Sequence[str]) -> dict[str, Build]:
        """Give those of these attempts that are builds."""
        found = await self._read(ATTEMPTS.c.id.in_(attempts), None, len(attempts), descending=True)
        return {build.attempt: build for build in found}

    async def page(
        self, after: str | None, *, limit: int, descending: bool, project: str | None = None
    ) -> tuple[list[Build], str | None]:
        """List builds by their beginning, of one project or of all; gives what the next page begins after, too."""
        found = await self._read(sa.true(), after, limit + 1, descending=descending, project=project)
        more = found[limit - 1] if len(found) > limit else None
        return found[:limit], f"{more.begun.isoformat()} {more.attempt}" if more else None

    async def _read(
        self, where: sa.ColumnElement[bool], after: str | None, limit: int, *, descending: bool,
        project: str | None = None,
    ) -> list[Build]:  # fmt: skip
        t, a, e = ATTEMPTS.c, ACTIONS.c, EXECUTIONS.c
        order = (t.begun.desc(), t.id.desc()) if descending else (t.begun, t.id)
        declared = a.declaration["configuration"]["ProjectName"].as_string()
        named = sa.func.coalesce(sa.func.nullif(declared, ""), a.name)
        query = (
            sa.select(t.id, t.attempt, t.state, t.detail, t.begun, t.ended, t.variables, a.declaration, a.progress,
                      a.place, a.name, a.attempt.label("latest"), e.id.label("execution"), e.pipeline, e.revision)
            .join(ACTIONS, t.action == a.id)
            .join(EXECUTIONS, a.execution == e.id)
            .where(where, a.category.in_(("Build", "Test")), *([named == project] if project else []))
            .order_by(*order)
            .limit(limit)
        )  # fmt: skip
        if after is not None:
            begun, _, attempt = after.partition(" ")
            last = (datetime.fromisoformat(begun), attempt)
            beyond = t.begun < last[0] if descending else t.begun > last[0]
            next_to = sa.and_(t.begun == last[0], t.id < last[1] if descending else t.id > last[1])
            query = query.where(sa.or_(beyond, next_to))
        async with self._engine.database.read() as c:
            rows = (await c.execute(query)).all()
        return [build for row in rows if (build := self._build(row)) is not None]

    def _build(self, row: Any) -> Build | None:
        declared = ActionDeclaration.model_validate(row.declaration)
        if declared.action_type_id.provider != "CodeBuild":
            return None
        return Build(
            attempt=row.id, project=declared.configuration.get("ProjectName") or row.name, region=declared.region,
            pipeline=row.pipeline, state=State(row.state) if row.state else None, detail=row.detail, begun=row.begun,
            ended=row.ended,
            progress=Progress.model_validate(row.progress) if row.attempt == row.latest else Progress(),
            revision=Revision.model_validate(row.revision) if row.revision else None,
            exported=dict(row.variables or {}),
            folder=home_of(self._engine.data, row.execution, row.place, row.name, row.attempt),
        )  # fmt: skip


async def groups_of(build: Build) -> list[Group]:
    """Read a build's reports without holding up anybody."""
    return await asyncio.to_thread(build.groups)
