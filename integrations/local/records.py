"""Reads the rows that a decision needs, and writes what the decision changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import Decision
from bot.core.ports import RetryScope
from integrations.local.gates import gate_text, message_and_link
from integrations.local.host import Host
from integrations.local.refusals import PipelineExecutionNotFound
from integrations.local.states import (
    ActionRow,
    ConditionRow,
    Direction,
    ExecutionRow,
    Fired,
    Hook,
    Mode,
    PipelineRows,
    StageRow,
    State,
)
from integrations.local.tables import (
    ACTIONS,
    ATTEMPTS,
    CONDITIONS,
    EXECUTIONS,
    LATEST,
    PIPELINES,
    STAGES,
    TRANSITIONS,
)

ACTIVE = (State.IN_PROGRESS, State.STOPPING)


@dataclass(slots=True)
class Effects:
    """What has to be done outside of the database once a change is committed."""

    touched: set[str] = field(default_factory=set)
    """Executions that look different now."""
    started: list[tuple[str, int]] = field(default_factory=list)
    """Attempts to submit, as action id and attempt."""
    cancelled: list[tuple[str, int]] = field(default_factory=list)
    gates: bool = False
    """Something has a time limit: the clock's next appointment may be another one."""
    rolls_back: list[str] = field(default_factory=list)
    """Executions whose conditions ask that their stage be brought back."""

    def add(self, more: Effects) -> None:
        """Take further ones."""
        self.touched |= more.touched
        self.started += more.started
        self.cancelled += more.cancelled
        self.gates = self.gates or more.gates
        self.rolls_back += more.rolls_back


async def lock_of(c: AsyncConnection, execution_id: str, file: str | None = None) -> str:
    """Lock the pipeline of an execution, and give its file; raises `RunNotFound`, also if `file` is another one."""
    query = sa.select(EXECUTIONS.c.file).join(PIPELINES).where(EXECUTIONS.c.id == execution_id)
    found = await c.scalar(query.with_for_update(of=PIPELINES))
    if found is None or file not in (None, found):
        raise PipelineExecutionNotFound(f"This pipeline has no run {execution_id} on this machine.")
    return str(found)


async def lock(c: AsyncConnection, file: str) -> int | None:
    """Keep other changes of this pipeline out until the transaction ends; gives the newest execution's number.

    On SQLite the transaction itself does that already.
    """
    query = sa.select(PIPELINES.c.last_number).where(PIPELINES.c.file == file).with_for_update()
    return (await c.execute(query)).scalar_one_or_none()


async def load(c: AsyncConnection, file: str, execution_id: str | None = None) -> PipelineRows:
    """Read a locked pipeline's active executions, and the one that is asked for even if it is finished."""
    e = EXECUTIONS.c
    # A parallel execution concerns nobody but itself; leaving the others out keeps a thousand of them cheap. Both sides
    # of the "or" have an index of their own, so that finished executions cost nothing.
    moving = sa.and_(e.state.in_(ACTIVE), e.file == file, e.mode != Mode.PARALLEL)
    wanted = sa.or_(e.id == execution_id, moving) if execution_id is not None else moving
    columns = (e.id, e.number, e.length, e.state, e.mode, e.rollback, e.position, e.abandon, e.cancelled,
               e.reason, e.detail, e.finished)  # fmt: skip
    s = STAGES.c
    query = (
        sa.select(*columns, s.index.label("stage"), s.name, s.state.label("stage_state"), s.attempt, s.automatic,
                  s.last_retry, s.started, s.finished.label("stage_finished"))
        .outerjoin(STAGES, sa.and_(s.execution == e.id, s.index.between(e.position - 1, e.position + 1)))
        .where(wanted)
        .order_by(e.number, s.index)
    )  # fmt: skip
    executions: dict[str, Any] = {}
    stages: dict[str, list[StageRow]] = {}
    for row in await c.execute(query):
        executions[row.id] = row
        stages.setdefault(row.id, [])
        if row.name is not None:
            stages[row.id].append(
                StageRow(row.stage, row.name, State(row.stage_state), row.attempt, row.automatic, row.last_retry,
                         row.started, row.stage_finished)
            )  # fmt: skip
    if not executions:
        return PipelineRows(())
    actions: dict[str, list[ActionRow]] = {key: [] for key in executions}
    conditions: dict[str, list[ConditionRow]] = {key: [] for key in executions}
    a, k = ACTIONS.c, CONDITIONS.c
    wide = sa.select(a.id, a.execution, a.stage, a.name, a.run_order, a.state, a.attempt, a.category, a.hook,
                     a.patience, a.token, a.wake, a.decision, a.started, a.finished, a.detail)  # fmt: skip
    near = a.stage.in_((e.position, e.position + 1))
    joined = wide.join(EXECUTIONS, a.execution == e.id).where(e.id.in_(executions), near).order_by(a.place)
    for row in await c.execute(joined):
        actions[row.execution].append(_action(row))
    around = sa.select(CONDITIONS).join(EXECUTIONS, k.execution == e.id)
    for row in await c.execute(around.where(e.id.in_(executions), k.stage.in_((e.position, e.position + 1)))):
        conditions[row.execution].append(
            ConditionRow(row.stage, Hook(row.hook), Fired(row.result), RetryScope(row.scope), State(row.state),
                         row.detail, row.changed)
        )  # fmt: skip
    found = (
        _execution(row, tuple(stages[key]), tuple(actions[key]), tuple(conditions[key]))
        for key, row in executions.items()
    )
    t = TRANSITIONS.c
    closed = sa.select(t.stage, t.direction, t.reason).where(t.file == file, t.closed)
    ways = [(row.direction, row.stage, row.reason) for row in await c.execute(closed)]
    return PipelineRows(
        tuple(found),
        {stage: reason for direction, stage, reason in ways if direction == Direction.INBOUND},
        {stage: reason for direction, stage, reason in ways if direction == Direction.OUTBOUND},
    )


def _execution(
    row: Any, stages: tuple[StageRow, ...], actions: tuple[ActionRow, ...], conditions: tuple[ConditionRow, ...]
) -> ExecutionRow:
    return ExecutionRow(
        id=row.id, number=row.number, length=row.length, stages=stages, actions=actions, conditions=conditions,
        state=State(row.state), mode=Mode(row.mode), rollback=row.rollback, position=row.position, abandon=row.abandon,
        cancelled=row.cancelled, reason=row.reason, detail=row.detail,
        finished=row.finished,
    )  # fmt: skip


def _action(row: Any) -> ActionRow:
    return ActionRow(
        id=row.id, stage=row.stage, name=row.name, order=row.run_order, state=State(row.state), attempt=row.attempt,
        approval=row.category == "Approval", hook=Hook(row.hook) if row.hook else None,
        patience=timedelta(seconds=row.patience) if row.patience else None, token=row.token, expires=row.wake,
        decision=Decision.model_validate(row.decision) if row.decision else None, started=row.started,
        finished=row.finished, detail=row.detail,
    )  # fmt: skip


async def save(
    c: AsyncConnection, file: str, before: PipelineRows, after: PipelineRows, *, host: Host, now: datetime
) -> Effects:
    """Write what differs between two states of one pipeline; gives what follows from it."""
    effects = Effects()
    for old, new in zip(before.executions, after.executions, strict=True):
        if old is new or old == new:
            continue
        effects.touched.add(new.id)
        values = {"state": new.state, "position": new.position, "abandon": new.abandon, "cancelled": new.cancelled,
                  "reason": new.reason, "detail": new.detail, "finished": new.finished,
                  "updated": now, "changes": EXECUTIONS.c.changes + 1}  # fmt: skip
        await c.execute(sa.update(EXECUTIONS).where(EXECUTIONS.c.id == new.id).values(values))
        if new.rolls_back and not old.rolls_back:
            effects.rolls_back.append(new.id)
        for stage in _changed(old.stages, new.stages):
            values = {"state": stage.state, "attempt": stage.attempt, "automatic": stage.automatic,
                      "last_retry": stage.last_retry, "started": stage.started,
                      "finished": stage.finished}  # fmt: skip
            key = sa.and_(STAGES.c.execution == new.id, STAGES.c.index == stage.index)
            await c.execute(sa.update(STAGES).where(key).values(values))
            await _note_latest(c, file, new, stage)
        for condition in _changed(old.conditions, new.conditions):
            k = CONDITIONS.c
            key = sa.and_(k.execution == new.id, k.stage == condition.stage, k.hook == condition.hook)
            values = {"state": condition.state, "detail": condition.detail, "changed": condition.changed}
            await c.execute(sa.update(CONDITIONS).where(key).values(values))
        was = {action.id: action for action in old.actions}
        for action in _changed(old.actions, new.actions):
            await _save_action(c, file, new.id, was[action.id], action, host=host, now=now)
            effects.gates = effects.gates or action.expires is not None
            if not action.approval and action.state is State.IN_PROGRESS:
                effects.started.append((action.id, action.attempt))
        if new.abandon:
            running = (a for a in new.actions if a.state is State.IN_PROGRESS and not a.approval)
            effects.cancelled += [(action.id, action.attempt) for action in running]
    return effects


async def _note_latest(c: AsyncConnection, file: str, execution: ExecutionRow, stage: StageRow) -> None:
    """Keep in mind which execution was the last to enter a stage, and which to succeed there."""
    here = sa.and_(LATEST.c.file == file, LATEST.c.stage == stage.name)
    entered: dict[str, Any] = {"execution": execution.id, "number": execution.number}
    if stage.state is State.SUCCEEDED:
        entered["succeeded"] = execution.id
    done = await c.execute(sa.update(LATEST).where(here).values(entered))
    if not done.rowcount:
        await c.execute(sa.insert(LATEST).values(file=file, stage=stage.name, **entered))


async def newer_in(c: AsyncConnection, file: str, stage: str, execution_id: str) -> int | None:
    """Give the number of a newer execution that has been in a stage since this one, if there is one."""
    own = sa.select(EXECUTIONS.c.number).where(EXECUTIONS.c.id == execution_id).scalar_subquery()
    here = sa.and_(LATEST.c.file == file, LATEST.c.stage == stage, LATEST.c.number > own)
    return await c.scalar(sa.select(LATEST.c.number).where(here))


def _changed(old: Iterable[Any], new: Iterable[Any]) -> list[Any]:
    return [later for earlier, later in zip(old, new, strict=True) if earlier is not later and earlier != later]


def intent_of(
    action: str, attempt: int, execution: str, file: str, *, host: Host, now: datetime, hook: str | None = None
) -> dict[str, Any]:
    """Give the row that is committed before an attempt's first side effect."""
    return {
        "id": f"{action}#{attempt}", "action": action, "attempt": attempt, "execution": execution, "file": file,
        "hook": hook, "begun": now, "host": host.name, "boot": host.boot, "pid": host.pid, "detail": "",
        "error": "", "configuration": {}, "inputs": {}, "outputs": {}, "variables": {}, "external_id": "",
    }  # fmt: skip


async def _save_action(
    c: AsyncConnection, file: str, execution_id: str, old: ActionRow, new: ActionRow, *, host: Host, now: datetime
) -> None:
    decision = new.decision.model_dump(mode="json") if new.decision else None
    values: dict[str, Any] = {
        "state": new.state, "attempt": new.attempt, "token": new.token, "wake": new.expires, "detail": new.detail,
        "decision": decision or sa.null(), "started": new.started, "finished": new.finished,
    }  # fmt: skip
    if new.attempt != old.attempt:
        values["progress"] = {}
    key = f"{new.id}#{new.attempt}"
    if new.approval and new.token and new.token != old.token:
        configuration = await gate_text(c, execution_id, new.id)
        values["message"], values["link"] = message_and_link(configuration)
        intent = intent_of(new.id, new.attempt, execution_id, file, host=host, now=now)
        await c.execute(sa.insert(ATTEMPTS).values({**intent, "token": new.token, "configuration": configuration}))
    elif old.state is State.IN_PROGRESS and new.state is not State.IN_PROGRESS and old.attempt == new.attempt:
        ended = {"ended": now, "state": new.state, "decision": decision or sa.null(), "detail": new.detail}
        await c.execute(sa.update(ATTEMPTS).where(ATTEMPTS.c.id == key).values(ended))
    await c.execute(sa.update(ACTIONS).where(ACTIONS.c.id == new.id).values(values))
