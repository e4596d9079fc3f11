"""Tells how a pipeline stands now, stage by stage: as many queries for any number of executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from integrations.local import history
from integrations.local.answers import (
    ActionExecutionRecord,
    ActionState,
    ConditionState,
    SourceRevision,
    StageExecution,
    StageStateRecord,
    Transition,
    plain_reason,
)
from integrations.local.states import ACTIVE, Direction, Hook, State
from integrations.local.tables import ACTIONS, CONDITIONS, EXECUTIONS, LATEST, STAGES, TRANSITIONS
from integrations.specs.pipeline import PipelineDeclaration, StageDeclaration


async def stage_states(c: AsyncConnection, file: str, pipeline: PipelineDeclaration) -> tuple[StageStateRecord, ...]:
    """Give every stage of a pipeline with its latest execution, and those that wait before it."""
    e, s, n = EXECUTIONS.c, STAGES.c, LATEST.c
    last = (
        sa.select(s.name, s.index, s.state, s.attempt, s.automatic, s.last_retry, e.id, e.rollback, e.sources)
        .join(LATEST, sa.and_(n.execution == s.execution, n.stage == s.name))
        .join(EXECUTIONS, e.id == s.execution)
        .where(n.file == file)
    )
    latest = {row.name: row for row in await c.execute(last)}
    actions, conditions = await _inside(c, file)
    keys = [f"{row.id}#{row.attempt}" for rows in actions.values() for row in rows if row.state != State.PENDING]
    attempts = await history.attempts_named(c, keys)
    waiting: dict[str, list[StageExecution]] = {}
    before = (
        sa.select(s.name, e.id, e.rollback)
        .join(STAGES, sa.and_(s.execution == e.id, s.index == e.position))
        .where(e.file == file, e.state.in_(ACTIVE), s.state == State.PENDING)
        .order_by(e.number)
    )
    for row in await c.execute(before):
        # CodePipeline's inboundExecution is in progress, though not yet in this stage.
        waiting.setdefault(row.name, []).append(StageExecution(row.id, State.IN_PROGRESS, row.rollback))
    ways: dict[str, dict[Direction, Transition]] = {}
    t = TRANSITIONS.c
    for row in await c.execute(sa.select(TRANSITIONS).where(t.file == file)):
        reason = plain_reason(row.reason) if row.closed else ""
        ways.setdefault(row.stage, {})[Direction(row.direction)] = Transition(not row.closed, reason, row.by, row.at)
    return tuple(
        _stage(stage, latest.get(stage.name), tuple(waiting.get(stage.name, ())), ways.get(stage.name, {}),
               actions=actions.get(stage.name, []), conditions=conditions.get(stage.name, []), attempts=attempts)
        for stage in pipeline.stages
    )  # fmt: skip


async def _inside(c: AsyncConnection, file: str) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Read the actions, rules and conditions of every stage's latest execution, by the stage's name."""
    a, k, n, s = ACTIONS.c, CONDITIONS.c, LATEST.c, STAGES.c
    here = sa.and_(s.execution == n.execution, s.name == n.stage)
    of_stage = sa.and_(a.execution == s.execution, a.stage == s.index)
    wide = sa.select(s.name.label("of"), a.id, a.name, a.state, a.attempt, a.hook).order_by(a.place)
    actions: dict[str, list[Any]] = {}
    for row in await c.execute(wide.join_from(LATEST, STAGES, here).join(ACTIONS, of_stage).where(n.file == file)):
        actions.setdefault(row.of, []).append(row)
    conditions: dict[str, list[Any]] = {}
    narrow = sa.select(s.name.label("of"), CONDITIONS).join_from(LATEST, STAGES, here)
    judged = sa.and_(k.execution == s.execution, k.stage == s.index)
    for row in await c.execute(narrow.join(CONDITIONS, judged).where(n.file == file)):
        conditions.setdefault(row.of, []).append(row)
    return actions, conditions


def _stage(
    stage: StageDeclaration,
    latest: Any,
    inbound: tuple[StageExecution, ...],
    ways: Mapping[Direction, Transition],
    *,
    actions: list[Any],
    conditions: list[Any],
    attempts: Mapping[str, ActionExecutionRecord],
) -> StageStateRecord:
    """Put one stage's record together; a stage whose latest execution only just waits has none inside."""
    fetched = {one.action: one for one in history.sources_of(latest.sources)} if latest is not None else {}
    rows = {(row.hook, row.name): row for row in actions}
    judged = {row.hook: row for row in conditions}

    def state(hook: str | None, name: str) -> ActionState:
        row = rows.get((hook, name))
        attempt = attempts.get(f"{row.id}#{row.attempt}") if row is not None else None
        revision: SourceRevision | None = fetched.get(name) if hook is None else None
        return ActionState(name, attempt, revision, revision.url if revision else None)

    shown = {}
    for hook, rules in _declared(stage).items():
        row = judged.get(hook)
        status = None if row is None or row.state == State.PENDING else State(row.state)
        states = tuple(state(hook, name) for name in rules)
        shown[hook] = ConditionState(hook, status, row.detail if row else "", row.changed if row else None, states)
    return StageStateRecord(
        name=stage.name,
        latest=StageExecution(latest.id, history.shown(latest.state), latest.rollback) if latest is not None else None,
        inbound=inbound,
        transitions={direction: ways.get(direction, Transition()) for direction in Direction},
        actions=tuple(state(None, action.name) for action in stage.actions),
        conditions=shown,
        automatic_retries=latest.automatic if latest is not None else 0,
        manual_retries=latest.attempt - 1 - latest.automatic if latest is not None else 0,
        latest_retry=latest.last_retry if latest is not None else "",
    )


def _declared(stage: StageDeclaration) -> dict[Hook, list[str]]:
    found: dict[Hook, list[str]] = {}
    for hook, kept in (
        (Hook.BEFORE_ENTRY, stage.before_entry),
        (Hook.ON_SUCCESS, stage.on_success),
        (Hook.ON_FAILURE, stage.on_failure),
    ):
        if kept is not None:
            found[hook] = [rule.name for condition in kept.conditions for rule in condition.rules]
    return found
