"""Puts new executions into the tables, with their stages, conditions and actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.errors import Conflict
from bot.core.ports import RetryScope
from integrations.local import records
from integrations.local.refusals import ConcurrentPipelineExecutionsLimitExceeded
from integrations.local.states import ACTIVE, Fired, Hook, Mode, State
from integrations.local.tables import ACTIONS, ARTIFACTS, CONDITIONS, DEFINITIONS, EXECUTIONS, LATEST, PIPELINES, STAGES
from integrations.specs.conditions import RuleDeclaration
from integrations.specs.pipeline import PipelineDeclaration, StageDeclaration

WEEK = 7 * 24 * 3600
"""Seconds that an approval waits (User Guide, "Manage approval actions")."""
HOUR = 3600
"""Seconds that a rule may take unless it says otherwise (ours; CodePipeline's default is not documented)."""
AUTOMATIC = "AutomatedRollback"
MOST_QUEUED = 50
"""Executions of a QUEUED pipeline that may be under way at once (User Guide, "Quotas")."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A new execution, before it has a number."""

    id: str
    token: str
    file: str
    pipeline: str
    version: int
    mode: Mode
    base: str
    settings: Mapping[str, Any]
    trigger: str
    created: datetime
    trigger_detail: str = ""
    started_by: Sequence[str] = ()
    webhook: Mapping[str, str] | None = None
    stages: Sequence[StageDeclaration] = ()
    asked: Mapping[str, Mapping[str, str]] | None = None
    """Source action to the `type` and `value` of the revision that it is to fetch."""
    revision: Mapping[str, Any] | None = None
    sources: Mapping[str, Any] | None = None
    variables: Mapping[str, Mapping[str, str]] | None = None
    rolls_back_to: str | None = None
    failure: str = ""
    """Why it can't run at all; it is kept as a failed execution."""


async def insert(c: AsyncConnection, wish: Wish) -> bool:
    """Put a new execution into a locked pipeline; tells whether it is new: its token may have been used before.

    Raises `Conflict` if there is no room for it.
    """
    e = EXECUTIONS.c
    if await c.scalar(sa.select(e.id).where(e.file == wish.file, e.token == wish.token)) is not None:
        return False
    if wish.rolls_back_to and wish.trigger != AUTOMATIC:  # one that nobody asked for waits its turn
        await _refuse_a_taken_stage(c, wish)
    if wish.mode is Mode.QUEUED and not wish.failure and not wish.rolls_back_to:
        under_way = sa.select(sa.func.count()).where(e.file == wish.file, e.state.in_(ACTIVE))
        if (await c.scalar(under_way) or 0) >= MOST_QUEUED:
            raise ConcurrentPipelineExecutionsLimitExceeded(
                f"{MOST_QUEUED} runs of {wish.pipeline} wait or work already, as many as can. Wait, or stop some."
            )
    counted = sa.update(PIPELINES).values(last_number=PIPELINES.c.last_number + 1).where(PIPELINES.c.file == wish.file)
    number = (await c.execute(counted.returning(PIPELINES.c.last_number))).scalar_one()
    variables = {**(wish.variables or {}), "codepipeline": {"PipelineExecutionId": wish.id}}
    row = {
        "id": wish.id, "file": wish.file, "pipeline": wish.pipeline, "version": wish.version, "number": number,
        "rollback": wish.rolls_back_to is not None, "state": State.FAILED if wish.failure else State.IN_PROGRESS,
        "detail": wish.failure, "mode": wish.mode, "position": 0, "length": len(wish.stages), "trigger": wish.trigger,
        "trigger_detail": wish.trigger_detail, "started_by": [*wish.started_by], "webhook": {**(wish.webhook or {})},
        "token": wish.token, "base": wish.base, "settings": wish.settings,
        "asked": wish.asked or {}, "revision": wish.revision, "sources": wish.sources or {},
        "variables": variables, "rolls_back_to": wish.rolls_back_to, "reason": "", "abandon": False, "cancelled": False,
        "changes": 1, "created": wish.created, "updated": wish.created,
        "finished": wish.created if wish.failure else None,
    }  # fmt: skip
    await c.execute(sa.insert(EXECUTIONS), row)
    if wish.stages:
        await _insert_stages(c, wish)
    return True


async def _insert_stages(c: AsyncConnection, wish: Wish) -> None:
    fresh = {"state": State.PENDING, "attempt": 1}
    stages = [
        {"execution": wish.id, "index": i, "name": stage.name, "automatic": 0, "last_retry": "", **fresh}
        for i, stage in enumerate(wish.stages)
    ]
    await c.execute(sa.insert(STAGES), stages)
    # A rollback is an emergency's way out: its stage's conditions are not looked at.
    hooks = [] if wish.rolls_back_to else [(i, *hook) for i, stage in enumerate(wish.stages) for hook in _hooks(stage)]
    if hooks:
        conditions = [
            {"execution": wish.id, "stage": i, "hook": hook, "result": fires, "scope": scope, "detail": "",
             "state": State.PENDING}
            for i, hook, fires, scope, _ in hooks
        ]  # fmt: skip
        await c.execute(sa.insert(CONDITIONS), conditions)
    common = {"execution": wish.id, "message": "", "progress": {}, "detail": "", **fresh}
    rows: list[dict[str, Any]] = [
        {**common, "stage": index, "name": action.name, "category": action.action_type_id.category, "hook": None,
         "run_order": action.run_order, "declaration": action.model_dump(mode="json", exclude_unset=True),
         "patience": _patience(action.timeout_in_minutes, WEEK if action.action_type_id.category == "Approval" else 0)}
        for index, stage in enumerate(wish.stages) for action in stage.actions
    ]  # fmt: skip
    rows += [
        {**common, "stage": i, "name": rule.name, "category": "Rule", "hook": hook, "run_order": 1,
         "declaration": rule.model_dump(mode="json", exclude_unset=True),
         "patience": _patience(rule.timeout_in_minutes, HOUR)}
        for i, hook, _, _, rules in hooks for rule in rules
    ]  # fmt: skip
    await c.execute(sa.insert(ACTIONS), [{**row, "id": f"{wish.id}.{n}", "place": n} for n, row in enumerate(rows)])
    if wish.rolls_back_to:
        a = ARTIFACTS.c
        kept = sa.select(sa.literal(wish.id), a.name, a.digest).where(a.execution == wish.rolls_back_to)
        await c.execute(sa.insert(ARTIFACTS).from_select(["execution", "name", "digest"], kept))


def _patience(minutes: int | None, default: int) -> int | None:
    return minutes * 60 if minutes else default or None


def _hooks(stage: StageDeclaration) -> Iterator[tuple[Hook, Fired, RetryScope, Sequence[RuleDeclaration]]]:
    """Yield a stage's conditions; an `onFailure` with nothing but a result is one without rules."""
    if stage.before_entry:
        condition = stage.before_entry.conditions[0]
        yield Hook.BEFORE_ENTRY, Fired(condition.result), RetryScope.FAILED_ACTIONS, condition.rules
    if stage.on_success:
        success = stage.on_success.conditions[0]
        yield Hook.ON_SUCCESS, Fired(success.result), RetryScope.FAILED_ACTIONS, success.rules
    if stage.on_failure:
        rules = stage.on_failure.conditions[0].rules if stage.on_failure.conditions else ()
        scope = RetryScope(stage.on_failure.retry_configuration.retry_mode.lower())
        yield Hook.ON_FAILURE, Fired(stage.on_failure.fires), scope, rules


async def _refuse_a_taken_stage(c: AsyncConnection, wish: Wish) -> None:
    name = wish.stages[0].name
    rows = await records.load(c, wish.file)
    inside = next((run for run in rows.executions if run.inside and run.stage.name == name), None)
    if inside is not None:
        raise Conflict(f"{name} is taken by run {inside.number} just now; stop it, or try again when it is done.")


def rollback_wish(
    past: Any, stage: StageDeclaration, *, new_id: str, token: str, trigger: str, detail: str, now: datetime
) -> Wish:
    """Describe an execution that brings one stage back to what `past` (its row) put there: artifacts, variables, all.

    It ends with that stage; whether CodePipeline goes on to later stages is not documented, and a person who brings
    one environment back does not expect others to change.
    """
    return Wish(
        id=new_id, token=token, file=past.file, pipeline=past.pipeline, version=past.version, mode=Mode(past.mode),
        base=past.base, settings=past.settings, trigger=trigger, trigger_detail=detail, created=now, stages=(stage,),
        revision=past.revision, sources=past.sources, variables=past.variables, rolls_back_to=past.id,
    )  # fmt: skip


async def last_good(c: AsyncConnection, file: str, stage: str, execution_id: str) -> Any | None:
    """Give the row of the execution whose outcome a stage had before `execution_id`; through a rollback, its target."""
    n, e = LATEST.c, EXECUTIONS.c
    query = sa.select(e.id, e.rolls_back_to).join(LATEST, n.succeeded == e.id).where(n.file == file, n.stage == stage)
    found = (await c.execute(query.where(e.id != execution_id))).one_or_none()
    if found is None:
        return None
    return (await c.execute(sa.select(EXECUTIONS).where(e.id == (found.rolls_back_to or found.id)))).one_or_none()


async def declared(c: AsyncConnection, file: str, version: int) -> PipelineDeclaration | None:
    """Give one version of a pipeline."""
    d = DEFINITIONS.c
    found = await c.scalar(sa.select(d.declaration).where(d.file == file, d.version == version))
    return None if found is None else PipelineDeclaration.model_validate(found)
