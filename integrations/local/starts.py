"""Begins executions: a new one of a pipeline, and one that brings a stage back to what it had."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from bot.core.errors import BadFile, BadInput
from integrations.local import executions, pipelines
from integrations.local.answers import AskedRevision, StartRequest
from integrations.local.engine import Engine
from integrations.local.executions import Wish, rollback_wish
from integrations.local.pipelines import FILE, Home, read_pipeline
from integrations.local.refusals import (
    PipelineExecutionNotFound,
    PipelineExecutionOutdated,
    StageNotFound,
    UnableToRollbackStage,
    Validation,
)
from integrations.local.states import Mode, State
from integrations.local.tables import EXECUTIONS, PIPELINES, STAGES
from integrations.local.target import LocalTarget
from integrations.specs.pipeline import PipelineDeclaration

LONGEST_VALUE = 1000


def home(target: LocalTarget) -> Home:
    """Give where a target's pipeline is from."""
    return Home(str(target.file), str(target.file.parent), target.settings())


async def start(engine: Engine, target: LocalTarget, token: str, ref: str | None) -> str:
    """Begin an execution and give its id; with a token that was used before, give that one's.

    `ref` is what the first source action is to fetch. A pipeline that can't be read, or that needs a variable which
    nobody gave, gives an execution that has failed, with all mistakes as its detail. Raises `Conflict` if the
    pipeline has no room for another one.
    """
    try:
        pipeline = await asyncio.to_thread(read_pipeline, target.file)
        first = next(action for stage in pipeline.stages for action in stage.actions)
        asked = (AskedRevision(first.name, "COMMIT_ID", ref),) if ref else ()
        request = StartRequest(token, sources=asked)
        variables = _variables(pipeline, request)
    except BadInput as error:
        failure = error.sentence if isinstance(error, BadFile) else str(error)
        return await _begin_failed(engine, home(target), target.file.stem, StartRequest(token), failure)
    return await _begin(engine, home(target), pipeline, request, variables)


async def start_known(engine: Engine, place: Home, pipeline: PipelineDeclaration, request: StartRequest) -> str:
    """Begin an execution as StartPipelineExecution; raises `Validation` for what can't be used, and `Conflict`."""
    return await _begin(engine, place, pipeline, request, _variables(pipeline, request))


async def _begin(
    engine: Engine, place: Home, pipeline: PipelineDeclaration, request: StartRequest, variables: Mapping[str, str]
) -> str:
    async with engine.database.write() as c:
        version, effects = await engine.define(c, place, pipeline)
        wish = replace(
            _wish(engine, place, request), pipeline=pipeline.name, version=version, mode=Mode(pipeline.execution_mode),
            stages=pipeline.stages, variables={"variables": variables},
            asked={each.action: {"type": each.type, "value": each.value} for each in request.sources},
        )  # fmt: skip
        execution_id, more = await engine.begin(c, wish)
        effects.add(more)
    await engine.follow(effects)
    return execution_id


async def _begin_failed(engine: Engine, place: Home, name: str, request: StartRequest, failure: str) -> str:
    async with engine.database.write() as c:
        await pipelines.lock_or_add(c, place, name, engine.clock())
        p = PIPELINES.c
        known = (await c.execute(sa.select(p.name, p.version).where(p.file == place.file))).one()
        wish = replace(_wish(engine, place, request), pipeline=known.name, version=known.version, failure=failure)
        execution_id, effects = await engine.begin(c, wish)
    await engine.follow(effects)
    return execution_id


def _wish(engine: Engine, place: Home, request: StartRequest) -> Wish:
    return Wish(
        id=engine.new_id(), token=request.token, file=place.file, pipeline="", version=0, mode=Mode.SUPERSEDED,
        base=place.base, settings=place.settings, trigger=request.trigger, trigger_detail=request.trigger_detail,
        started_by=request.started_by, webhook=request.webhook, created=engine.clock(),
    )  # fmt: skip


def _variables(pipeline: PipelineDeclaration, request: StartRequest) -> dict[str, str]:
    """Give the pipeline's variables their values; raises `Validation` with everything that is wrong at once."""
    wrong = []
    declared = {variable.name: variable for variable in pipeline.variables}
    for name, value in request.variables.items():
        if name not in declared:
            known = f"It has: {', '.join(declared)}." if declared else "It has none."
            wrong.append(f"{pipeline.name} has no variable {name}. {known}")
        elif not value or len(value) > LONGEST_VALUE:
            wrong.append(f"The variable {name} must have 1 to {LONGEST_VALUE} characters.")
    values = {v.name: v.default_value for v in pipeline.variables if v.default_value is not None}
    values |= {name: value for name, value in request.variables.items() if name in declared}
    missing = [name for name in declared if name not in values]
    if missing:
        wrong.append(f"{pipeline.name} needs a value for {', '.join(missing)}; give one, or declare a defaultValue.")
    sources = [action.name for action in pipeline.stages[0].actions]
    for asked in request.sources:
        if asked.action not in sources:
            wrong.append(f"{pipeline.name} has no source action {asked.action}. It has: {', '.join(sources)}.")
        elif not re.search(r"\S", asked.value):
            wrong.append(f"The revision for {asked.action} is empty.")
    if wrong:
        raise Validation(" ".join(wrong))
    return values


async def roll_back(
    engine: Engine, file: str, stage: str, to: str, *, settings: Mapping[str, object], token: str
) -> str:
    """Begin an execution of type ROLLBACK: one stage, with another execution's artifacts, revision and variables.

    Raises `RunNotFound`, `BackendError`, `Conflict` (the classes of RollbackStage's errors).
    """
    e, p = EXECUTIONS.c, PIPELINES.c
    async with engine.database.read() as c:
        again = await c.scalar(sa.select(e.id).where(e.file == file, e.token == token))
        if again is not None:
            return str(again)
        past = (await c.execute(sa.select(EXECUTIONS).where(e.id == to, e.file == file))).one_or_none()
        if past is None:
            raise PipelineExecutionNotFound(f"This pipeline has no run {to} to go back to.")
        state = await c.scalar(sa.select(STAGES.c.state).where(STAGES.c.execution == to, STAGES.c.name == stage))
        pipeline = await executions.declared(c, file, past.version)
        version = (await c.execute(sa.select(p.version).where(p.file == file))).scalar_one()
        today = await executions.declared(c, file, version)
    declared = pipeline.stage(stage) if pipeline else None
    # API reference, "RollbackStage" and User Guide, "Configure stage rollback": what can be gone back to.
    if pipeline and declared is None:
        raise StageNotFound(f"{past.pipeline} has no stage {stage}.")
    if past.rollback:
        raise UnableToRollbackStage(f"Run {past.number} is a rollback itself; choose the run that it went back to.")
    if pipeline is None or declared is None or state != State.SUCCEEDED:
        raise UnableToRollbackStage(f"Run {past.number} did not succeed in {stage}, so there is nothing to go back to.")
    if declared.name == pipeline.stages[0].name:
        raise UnableToRollbackStage(f"{stage} only fetches the source; roll back a later stage.")
    if past.mode == Mode.PARALLEL:
        raise UnableToRollbackStage(f"{past.pipeline} runs in PARALLEL mode, where no stage can be rolled back.")
    if today is None or today.stages != pipeline.stages:
        raise PipelineExecutionOutdated(
            f"The stages of {past.pipeline} have changed since run {past.number}; deploy its revision anew instead."
        )
    wish = rollback_wish(
        past, declared, new_id=engine.new_id(), token=token, trigger="ManualRollback", detail=to, now=engine.clock()
    )
    async with engine.database.write() as c:
        await pipelines.lock_or_add(c, Home(file, past.base, settings, FILE), past.pipeline, engine.clock())
        if await c.scalar(sa.select(e.id).where(e.id == to)) is None:  # it was old, and has just been forgotten
            raise PipelineExecutionNotFound(f"This pipeline has no run {to} to go back to.")
        execution_id, effects = await engine.begin(c, replace(wish, settings=settings))
    await engine.follow(effects)
    return execution_id


async def define(engine: Engine, place: Home, pipeline: PipelineDeclaration) -> int:
    """Keep a pipeline as it is said to be now, in a transaction of its own; gives its version."""
    async with engine.database.write() as c:
        version, effects = await engine.define(c, place, pipeline)
    await engine.follow(effects)
    return version


async def register(engine: Engine, target: LocalTarget) -> PipelineDeclaration:
    """Make a target's pipeline known as its file is now, and give it; raises `BadFile`."""
    pipeline = await asyncio.to_thread(read_pipeline, target.file)
    await define(engine, home(target), pipeline)
    return pipeline
