"""Shows executions as runs: the engine's rows in Sayso's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import Action, ActionKind, Decision, Gate, HeldBy, Revision, Run, Stage, Status
from integrations.local.actions import Progress
from integrations.local.states import ACTIVE, Direction, Fired, Hook, Mode, State
from integrations.local.tables import ACTIONS, CONDITIONS, EXECUTIONS, STAGES, TRANSITIONS

STATUS: Mapping[str, Status] = {
    State.PENDING: Status.QUEUED,
    State.IN_PROGRESS: Status.RUNNING,
    State.STOPPING: Status.STOPPING,
    State.STOPPED: Status.STOPPED,
    State.SUCCEEDED: Status.SUCCEEDED,
    State.FAILED: Status.FAILED,
    State.SUPERSEDED: Status.SUPERSEDED,
    State.CANCELLED: Status.STOPPED,
    State.SKIPPED: Status.SKIPPED,
    State.ABANDONED: Status.STOPPED,
    State.ERRORED: Status.FAILED,
    State.OVERRIDDEN: Status.SUCCEEDED,
    State.UNKNOWN: Status.UNKNOWN,
}

BY_ITSELF = frozenset({"Webhook", "WebhookV2", "CloudWatchEvent", "PollForSourceChanges"})
"""TriggerTypes whose detail is words for people, as `a push to main by Ada`."""


async def runs(c: AsyncConnection, where: sa.ColumnElement[bool], seen: datetime, limit: int = 1) -> list[Run]:
    """Read the executions that match, newest first, as they look now: four queries, however many there are.

    One that waits before a stage costs two more, for the reason.
    """
    e, a = EXECUTIONS.c, ACTIONS.c
    columns = (e.id, e.file, e.pipeline, e.number, e.state, e.rollback, e.mode, e.position, e.trigger, e.trigger_detail,
               e.started_by, e.revision, e.detail, e.created, e.finished)  # fmt: skip
    found = (await c.execute(sa.select(*columns).where(where).order_by(e.number.desc()).limit(limit))).all()
    ids = [row.id for row in found]
    stages: dict[str, list[Any]] = {key: [] for key in ids}
    for row in await c.execute(sa.select(STAGES).where(STAGES.c.execution.in_(ids)).order_by(STAGES.c.index)):
        stages[row.execution].append(row)
    actions: dict[tuple[str, int], list[Any]] = {}
    wide = sa.select(a.execution, a.stage, a.name, a.category, a.run_order, a.state, a.token, a.wake, a.message, a.link,
                     a.decision, a.progress, a.detail, a.started, a.finished)  # fmt: skip
    wide = wide.where(a.hook.is_(None))
    for row in await c.execute(wide.where(a.execution.in_(ids)).order_by(a.run_order, a.place)):
        actions.setdefault((row.execution, row.stage), []).append(row)
    conditions: dict[tuple[str, int], list[Any]] = {}
    k = CONDITIONS.c
    for row in await c.execute(sa.select(CONDITIONS).where(k.execution.in_(ids), k.state != State.PENDING)):
        conditions.setdefault((row.execution, row.stage), []).append(row)
    shown = []
    for row in found:
        waits = await _why_it_waits(c, row, stages[row.id]) if row.state == State.IN_PROGRESS else ""
        shown.append(_run(row, stages[row.id], actions, conditions, waits=waits, seen=seen))
    return shown


async def _why_it_waits(c: AsyncConnection, row: Any, stages: Sequence[Any]) -> str:
    stage = stages[row.position]
    if stage.state != State.PENDING:
        return ""
    t = TRANSITIONS.c
    former = stages[row.position - 1].name if row.position else ""
    way_in = sa.and_(t.stage == stage.name, t.direction == Direction.INBOUND)
    way_out = sa.and_(t.stage == former, t.direction == Direction.OUTBOUND)
    closed = sa.select(t.reason, t.direction).where(t.file == row.file, t.closed, sa.or_(way_in, way_out))
    if not row.rollback and (door := (await c.execute(closed.order_by(t.direction))).first()) is not None:
        where = f"into {stage.name}" if door.direction == Direction.INBOUND else f"out of {former}"
        return f"The way {where} is closed: {door.reason}"
    e, s = EXECUTIONS.c, STAGES.c
    inside = (
        sa.select(e.number)
        .join(STAGES, sa.and_(s.execution == e.id, s.index == e.position))
        .where(e.state.in_(ACTIVE), e.file == row.file, s.name == stage.name, e.id != row.id, e.mode != Mode.PARALLEL,
               s.state.in_((State.IN_PROGRESS, State.STOPPING)))
    )  # fmt: skip
    number = (await c.execute(inside)).scalars().first()
    return "" if number is None else f"Waits for run {number}, which is in {stage.name}."


Inside = Mapping[tuple[str, int], Sequence[Any]]
"""Rows by execution and stage's index."""


def _run(row: Any, stages: Sequence[Any], actions: Inside, conditions: Inside, *, waits: str, seen: datetime) -> Run:
    shown = []
    for stage in stages:
        inner = tuple(_action(action) for action in actions.get((row.id, stage.index), ()))
        if stage.state == State.SKIPPED:
            inner = tuple(action.model_copy(update={"status": Status.SKIPPED}) for action in inner)
        judged, held = _judged(stage, conditions.get((row.id, stage.index), ()))
        shown.append(
            Stage(
                name=stage.name,
                status=_asks(STATUS[stage.state], inner),
                attempt=stage.attempt,
                started=stage.started,
                finished=stage.finished,
                actions=inner,
                detail=judged or (waits if stage.index == row.position else ""),
                held=held,
            )
        )
    status = STATUS[row.state]
    if status is Status.RUNNING:
        here = shown[row.position]
        untouched = all(stage.status is Status.QUEUED for stage in shown)
        status = Status.QUEUED if untouched else Status.WAITING if here.status is Status.WAITING else status
    return Run(
        id=row.id,
        pipeline=row.pipeline,
        status=status,
        revision=Revision.model_validate(row.revision) if row.revision else None,
        stages=tuple(shown),
        started=row.created,
        finished=row.finished,
        detail=row.detail,
        trigger=row.trigger_detail if row.trigger in BY_ITSELF and row.trigger_detail else row.trigger,
        started_by=tuple(row.started_by),
        rollback=row.rollback,
        seen=seen,
    )


WORDS = {Hook.BEFORE_ENTRY: "entry", Hook.ON_SUCCESS: "success", Hook.ON_FAILURE: "failure"}


def _judged(stage: Any, conditions: Sequence[Any]) -> tuple[str, HeldBy | None]:
    """Say what a stage's conditions do to it just now, and which of them a person could override."""
    for row in conditions:
        hook = Hook(row.hook)
        if row.state == State.IN_PROGRESS and stage.state in (State.IN_PROGRESS, State.STOPPING):
            return f"Its {WORDS[hook]} condition is being checked.", None
        if row.state not in (State.FAILED, State.ERRORED) or hook is Hook.ON_FAILURE:
            continue
        sentence = f"Its {WORDS[hook]} condition failed: {row.detail}"
        if stage.state == State.FAILED and row.result == Fired.FAIL:
            return f"{sentence} It can be overridden.", HeldBy(hook.lower())
        if stage.state in (State.FAILED, State.SKIPPED):
            return sentence, None
    return "", None


def _asks(status: Status, actions: Sequence[Action]) -> Status:
    """Say that a stage waits for a person when a gate is open in it and nothing else goes on."""
    under_way = {action.status for action in actions} & {Status.RUNNING, Status.WAITING}
    return Status.WAITING if status is Status.RUNNING and under_way == {Status.WAITING} else status


def _action(row: Any) -> Action:
    status, gate = STATUS[row.state], None
    if row.category == "Approval":
        status = Status.WAITING if status is Status.RUNNING else status
        if row.token:
            decision = Decision.model_validate(row.decision) if row.decision else None
            gate = Gate(token=row.token, message=row.message, link=row.link, expires=row.wake, decision=decision)
    progress = Progress.model_validate(row.progress)
    return Action(
        name=row.name,
        kind=ActionKind(row.category.lower()),
        status=status,
        order=row.run_order,
        started=row.started,
        finished=row.finished,
        detail=row.detail or progress.detail or "",
        tests=progress.tests,
        rollout=progress.rollout,
        log=progress.log,
        gate=gate,
    )
