"""CodePipeline's operations on the pipelines of this machine, in AWS's terms: what the endpoint calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.core.errors import Conflict
from bot.core.model import Decision
from bot.core.ports import RetryScope
from integrations.local import executions, history, pipelines, starts, verbs
from integrations.local.answers import (
    ActionExecutionRecord,
    ExecutionRecord,
    Page,
    PipelineRecord,
    PipelineStateRecord,
    StartRequest,
)
from integrations.local.engine import GONE, Engine
from integrations.local.pipeline_state import stage_states
from integrations.local.pipelines import API, FILE, Home
from integrations.local.refusals import (
    ActionNotFound,
    ApprovalAlreadyCompleted,
    InvalidApprovalToken,
    PipelineNameInUse,
    PipelineNotFound,
    PipelineVersionNotFound,
    StageNotFound,
    StageNotRetryable,
)
from integrations.local.states import ACTIVE, Direction, Hook, Mode
from integrations.local.tables import ACTIONS, ATTEMPTS, DEFINITIONS, EXECUTIONS, PIPELINES, STAGES
from integrations.local.tags import fitting_tags
from integrations.specs.pipeline import PipelineDeclaration, StageDeclaration, declare


class CodePipeline:
    """The operations on one engine; each raises the classes of `refusals.py`.

    Pipelines that are made here get `settings` (of `Settings`, as JSON), those of files keep their own.
    """

    def __init__(self, engine: Engine, settings: Mapping[str, Any]) -> None:
        self._engine, self._settings = engine, settings

    async def create_pipeline(
        self, declaration: Mapping[str, Any], tags: Mapping[str, str] | None = None
    ) -> PipelineRecord:
        """Make a pipeline; raises `BadFile`, `PipelineNameInUse`, `InvalidTags`, `TooManyTags`.

        It doesn't start by itself, as on AWS.
        """
        pipeline = declare(dict(declaration), "pipeline")
        marked = fitting_tags(tags or {}, tags or {})
        p = PIPELINES.c
        async with self._engine.database.write() as c:
            same = sa.select(p.deleted).where(p.name == pipeline.name, p.version > 0)
            past = (await c.execute(same)).scalars().all()
            if None in past:
                raise PipelineNameInUse(f"There is a pipeline {pipeline.name} already.")
            again = f"#{len(past) + 1}" if past else ""
            place = Home(f"{API}:{pipeline.name}{again}", str(self._engine.data), self._settings, API)
            await self._engine.define(c, place, pipeline)
            if marked:
                await c.execute(sa.update(PIPELINES).where(p.file == place.file).values(tags=marked))
        return await self.get_pipeline(pipeline.name)

    async def update_pipeline(self, declaration: Mapping[str, Any]) -> PipelineRecord:
        """Change a pipeline, its version counts up; raises `BadFile`, `PipelineNotFound`, for a file's `Conflict`."""
        pipeline = declare(dict(declaration), "pipeline")
        row = await self._row(pipeline.name)
        _refuse_files(row)
        await starts.define(self._engine, pipelines.home_of(row), pipeline)
        return await self.get_pipeline(pipeline.name)

    async def delete_pipeline(self, name: str) -> None:
        """Forget a pipeline and end what it runs; of one that does not exist nothing is said, as on AWS."""
        try:
            row = await self._row(name)
        except PipelineNotFound:
            return
        _refuse_files(row)
        e = EXECUTIONS.c
        async with self._engine.database.write() as c:
            gone = sa.update(PIPELINES).where(PIPELINES.c.file == row.file).values(deleted=self._engine.clock())
            await c.execute(gone)
            active = (await c.execute(sa.select(e.id).where(e.file == row.file, e.state.in_(ACTIVE)))).scalars().all()
        for execution_id in active:
            await self._engine.change(execution_id, lambda _, run: verbs.cancel(run, GONE), row.file)

    async def get_pipeline(self, name: str, version: int | None = None) -> PipelineRecord:
        """Give a pipeline as it is now, or was in a version; raises `PipelineNotFound`, `PipelineVersionNotFound`."""
        row = await self._row(name)
        d = DEFINITIONS.c
        here = sa.and_(d.file == row.file, d.version == (version or row.version))
        async with self._engine.database.read() as c:
            found = (await c.execute(sa.select(DEFINITIONS).where(here))).one_or_none()
        if found is None:
            raise PipelineVersionNotFound(f"{name} has no version {version}; the newest is {row.version}.")
        return _record(row, found.version, found.declaration)

    async def list_pipelines(self, limit: int = 1000, after: str | None = None) -> Page[PipelineRecord]:
        """List the pipelines by name; `after` is where the last part ended."""
        p, d = PIPELINES.c, DEFINITIONS.c
        query = (
            sa.select(PIPELINES, d.declaration)
            .join(DEFINITIONS, sa.and_(d.file == p.file, d.version == p.version))
            .where(p.deleted.is_(None))
            .order_by(p.name, p.file)
        )
        if after is not None:
            name, _, file = after.partition(" ")
            query = query.where(sa.or_(p.name > name, sa.and_(p.name == name, p.file > file)))
        async with self._engine.database.read() as c:
            rows = (await c.execute(query.limit(limit + 1))).all()
        further = f"{rows[limit - 1].name} {rows[limit - 1].file}" if len(rows) > limit else None
        return Page([_record(row, row.version, row.declaration) for row in rows[:limit]], further)

    async def get_pipeline_state(self, name: str) -> PipelineStateRecord:
        """Tell how a pipeline stands, stage by stage."""
        row, pipeline = await self._known(name)
        async with self._engine.database.read() as c:
            stages = await stage_states(c, row.file, pipeline)
        return PipelineStateRecord(
            row.name, row.version, Mode(pipeline.execution_mode), row.created, row.updated, stages
        )

    async def start_pipeline_execution(self, name: str, request: StartRequest) -> str:
        """Start an execution; a file is read anew. Raises `BadFile`, `Validation`, `Conflict`."""
        row, pipeline = await self._known(name)
        if row.origin == FILE:
            pipeline = await asyncio.to_thread(pipelines.read_pipeline, Path(row.file))
        return await starts.start_known(self._engine, pipelines.home_of(row), pipeline, request)

    async def stop_pipeline_execution(
        self, name: str, execution_id: str, *, abandon: bool = False, reason: str = ""
    ) -> None:
        """Stop an execution; raises `PipelineExecutionNotStoppable`, `DuplicatedStopRequest`."""
        row = await self._row(name)
        await self._engine.stop(row.file, execution_id, reason, abandon=abandon, once=True)

    async def get_pipeline_execution(self, name: str, execution_id: str) -> ExecutionRecord:
        """Give one execution; raises `PipelineExecutionNotFound`."""
        row = await self._row(name)
        async with self._engine.database.read() as c:
            return await history.execution(c, row.file, execution_id)

    async def list_pipeline_executions(
        self, name: str, *, succeeded_in_stage: str | None = None, limit: int = 100, after: str | None = None
    ) -> Page[ExecutionRecord]:
        """List executions, newest first."""
        row = await self._row(name)
        async with self._engine.database.read() as c:
            return await history.executions(c, row.file, succeeded_in=succeeded_in_stage, limit=limit, after=after)

    async def list_action_executions(
        self,
        name: str,
        *,
        execution_id: str | None = None,
        latest: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page[ActionExecutionRecord]:
        """List attempts of actions, newest first; `latest` leaves out those that were retried since."""
        return await self._attempts(name, execution_id, rules=False, latest=latest, limit=limit, after=after)

    async def list_rule_executions(
        self,
        name: str,
        *,
        execution_id: str | None = None,
        latest: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page[ActionExecutionRecord]:
        """List attempts of conditions' rules, newest first."""
        return await self._attempts(name, execution_id, rules=True, latest=latest, limit=limit, after=after)

    async def _attempts(
        self, name: str, execution_id: str | None, *, rules: bool, latest: bool, limit: int, after: str | None
    ) -> Page[ActionExecutionRecord]:
        row = await self._row(name)
        async with self._engine.database.read() as c:
            if execution_id is not None:
                await history.execution(c, row.file, execution_id)
            return await history.attempts(
                c, row.file, rules=rules, execution_id=execution_id, latest=latest, limit=limit, after=after
            )

    async def put_approval_result(self, name: str, stage: str, action: str, token: str, decision: Decision) -> datetime:
        """Answer an approval, once; raises `InvalidApprovalToken`, `ApprovalAlreadyCompleted` and what is not found."""
        row, declared = await self._stage(name, stage)
        if not any(known.name == action for known in declared.actions):
            raise ActionNotFound(f"{stage} has no action {action}.")
        t, a, s = ATTEMPTS.c, ACTIONS.c, STAGES.c
        query = (
            sa.select(t.execution, t.decision)
            .join(ACTIONS, t.action == a.id)
            .join(STAGES, sa.and_(s.execution == a.execution, s.index == a.stage))
            .where(t.token == token, t.file == row.file, a.name == action, s.name == stage)
        )
        async with self._engine.database.read() as c:
            gate = (await c.execute(query)).one_or_none()
        if gate is None:
            raise InvalidApprovalToken
        if gate.decision is not None:
            raise ApprovalAlreadyCompleted(f"{gate.decision['by']} has answered this already.")
        now = self._engine.clock()
        await self._engine.decide(row.file, gate.execution, token, decision)
        return now

    async def retry_stage_execution(self, name: str, stage: str, execution_id: str, scope: RetryScope) -> None:
        """Retry a stage; raises `StageNotRetryable`, `NotLatestPipelineExecution`, `Conflict`."""
        row, attempt = await self._attempt_of(name, stage, execution_id)
        if attempt is None:
            raise StageNotRetryable(f"{stage} can't be retried: it has not failed in this run.")
        await self._engine.retry(row.file, execution_id, stage, scope=scope, attempt=attempt, settings=row.settings)

    async def rollback_stage(self, name: str, stage: str, target_execution_id: str) -> str:
        """Bring a stage back to what an execution put there; raises `UnableToRollbackStage` and the like."""
        row, _ = await self._stage(name, stage)
        return await starts.roll_back(
            self._engine, row.file, stage, target_execution_id, settings=row.settings, token=self._engine.new_id()
        )

    async def override_stage_condition(self, name: str, stage: str, execution_id: str, hook: Hook) -> None:
        """Let a stage go on although its condition failed; raises `ConditionNotOverridable` and the like."""
        row, attempt = await self._attempt_of(name, stage, execution_id)
        await self._engine.override(row.file, execution_id, stage, hook, attempt=attempt or 1)

    async def disable_stage_transition(self, name: str, stage: str, direction: Direction, reason: str, by: str) -> None:
        """Close the way into a stage, or out of it."""
        row, _ = await self._stage(name, stage)
        await self._engine.hold(row.file, stage, reason, direction=direction, by=by)

    async def enable_stage_transition(self, name: str, stage: str, direction: Direction) -> None:
        """Open it again."""
        row, _ = await self._stage(name, stage)
        await self._engine.hold(row.file, stage, None, direction=direction)

    async def _row(self, name: str) -> Any:
        async with self._engine.database.read() as c:
            return await pipelines.named(c, name)

    async def _known(self, name: str) -> tuple[Any, PipelineDeclaration]:
        async with self._engine.database.read() as c:
            row = await pipelines.named(c, name)
            found = await executions.declared(c, row.file, row.version)
        if found is None:
            raise PipelineNotFound(f"There is no pipeline {row.name} on this machine.")
        return row, found

    async def _stage(self, name: str, stage: str) -> tuple[Any, StageDeclaration]:
        row, pipeline = await self._known(name)
        if (found := pipeline.stage(stage)) is None:
            names = ", ".join(known.name for known in pipeline.stages)
            raise StageNotFound(f"The pipeline {row.name} has no stage {stage}. Its stages: {names}.")
        return row, found

    async def _attempt_of(self, name: str, stage: str, execution_id: str) -> tuple[Any, int | None]:
        row, _ = await self._stage(name, stage)
        s = STAGES.c
        async with self._engine.database.read() as c:
            await history.execution(c, row.file, execution_id)
            query = sa.select(s.attempt).where(s.execution == execution_id, s.name == stage)
            return row, await c.scalar(query)


def _record(row: Any, version: int, declaration: Mapping[str, Any]) -> PipelineRecord:
    file = row.file if row.origin == FILE else None
    return PipelineRecord(row.name, version, {**declaration, "version": version}, row.created, row.updated, file)


def _refuse_files(row: Any) -> None:
    if row.origin == FILE:
        raise Conflict(f"{row.name} is what its file says: {row.file}. Change that file instead.")
