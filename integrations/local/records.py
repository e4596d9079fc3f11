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
from integrations.local import statements
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
    CONDITIONS,
    EXECUTIONS,
    LATEST,
    PIPELINES,
)


@dataclass(slots=True)
class Effects:
    """What has to be done outside of the database once a change is committed."""

    touched: set[str] = field(default_factory=set)
    """Executions that look different now."""
    started: list[tuple[str, int]] = field(default_factory=list)
    """Attempts to submit, as action id and attempt."""
    cancelled: list[tuple[str, int]] = field(default_factory=list)
    expires: datetime | None = None
    """When the first of what begins has to be over."""
    rolls_back: list[str] = field(default_factory=list)
    """Executions whose conditions ask that their stage be brought back."""

    def add(self, more: Effects) -> None:
        """Take further ones."""
        self.touched |= more.touched
        self.started += more.started
        self.cancelled += more.cancelled
        self.expire(more.expires)
        self.rolls_back += more.rolls_back

    def expire(self, at: datetime | None) -> None:
        """Take a moment at which something has to be over."""
        self.expires = min(filter(None, (self.expires, at)), default=None)


async def lock_of(c: AsyncConnection, execution_id: str, file: str | None = None) -> str:
    """Lock the pipeline of an execution, and give its file; raises `RunNotFound`, also if `file` is another one."""
    found = await c.scalar(statements.FILE_OF, {"execution": execution_id})
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
    executions: dict[str, Any] = {}
    stages: dict[str, list[StageRow]] = {}
    for row in await c.execute(statements.MOVING, {"file": file, "execution": execution_id}):
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
    for row in await c.execute(statements.NEAR_ACTIONS, {"executions": list(executions)}):
        actions[row.execution].append(_action(row))
    conditioned = [row.id for row in executions.values() if row.conditioned]
    around = await c.execute(statements.NEAR_CONDITIONS, {"executions": conditioned}) if conditioned else ()
    for row in around:
        conditions[row.execution].append(
            ConditionRow(row.stage, Hook(row.hook), Fired(row.result), RetryScope(row.scope), State(row.state),
                         row.detail, row.changed)
        )  # fmt: skip
    found = (
        _execution(row, tuple(stages[key]), tuple(actions[key]), tuple(conditions[key]))
        for key, row in executions.items()
    )
    closed = any(row.closed for row in executions.values())
    told = await c.execute(statements.CLOSED, {"file": file}) if closed else ()
    ways = [(row.direction, row.stage, row.reason) for row in told]
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
    effects, rows = Effects(), _Rows(c, file, host, now)
    for old, new in zip(before.executions, after.executions, strict=True):
        if old is new or old == new:
            continue
        effects.touched.add(new.id)
        rows.executions.append({
            "the_id": new.id, "state": new.state, "position": new.position, "abandon": new.abandon,
            "cancelled": new.cancelled, "reason": new.reason, "detail": new.detail, "finished": new.finished,
            "updated": now,
        })  # fmt: skip
        if new.rolls_back and not old.rolls_back:
            effects.rolls_back.append(new.id)
        for stage in _changed(old.stages, new.stages):
            rows.stages.append({
                "the_execution": new.id, "the_index": stage.index, "state": stage.state, "attempt": stage.attempt,
                "automatic": stage.automatic, "last_retry": stage.last_retry, "started": stage.started,
                "finished": stage.finished,
            })  # fmt: skip
            succeeded = new.id if stage.state is State.SUCCEEDED else None
            rows.latest.append(
                {"file": file, "stage": stage.name, "execution": new.id, "number": new.number, "succeeded": succeeded}
            )
        for condition in _changed(old.conditions, new.conditions):
            k = CONDITIONS.c
            key = sa.and_(k.execution == new.id, k.stage == condition.stage, k.hook == condition.hook)
            values = {"state": condition.state, "detail": condition.detail, "changed": condition.changed}
            await c.execute(sa.update(CONDITIONS).where(key).values(values))
        was = {action.id: action for action in old.actions}
        for action in _changed(old.actions, new.actions):
            await rows.action(new.id, was[action.id], action)
            if action.state is State.IN_PROGRESS:
                effects.expire(action.expires)
                if not action.approval:
                    effects.started.append((action.id, action.attempt))
        if new.abandon:
            running = (a for a in new.actions if a.state is State.IN_PROGRESS and not a.approval)
            effects.cancelled += [(action.id, action.attempt) for action in running]
    await rows.write()
    return effects


@dataclass(slots=True)
class _Rows:
    """What a change writes: one statement for each table, however many actions begin at once."""

    c: AsyncConnection
    file: str
    host: Host
    now: datetime
    executions: list[dict[str, Any]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    latest: list[dict[str, Any]] = field(default_factory=list)
    """Which execution was the last to enter a stage, and which to succeed there."""
    ended: list[dict[str, Any]] = field(default_factory=list)
    """Attempts that are over."""
    actions: list[dict[str, Any]] = field(default_factory=list)

    async def action(self, execution_id: str, old: ActionRow, new: ActionRow) -> None:
        """Take a changed action; a gate that opens is written at once."""
        decision = new.decision.model_dump(mode="json") if new.decision else None
        self.actions.append({
            "the_id": new.id, "state": new.state, "attempt": new.attempt, "token": new.token, "wake": new.expires,
            "detail": new.detail, "decision": decision, "started": new.started, "finished": new.finished,
        })  # fmt: skip
        more: dict[str, Any] = {}
        if new.attempt != old.attempt:
            more["progress"] = {}
        if new.approval and new.token and new.token != old.token:
            configuration = await gate_text(self.c, execution_id, new.id)
            more["message"], more["link"] = message_and_link(configuration)
            intent = intent_of(new.id, new.attempt, execution_id, self.file, host=self.host, now=self.now)
            intent |= {"token": new.token, "configuration": configuration}
            await self.c.execute(statements.INTENT, intent)
        elif old.state is State.IN_PROGRESS and new.state is not State.IN_PROGRESS and old.attempt == new.attempt:
            key = f"{new.id}#{new.attempt}"
            self.ended.append({
                "the_id": key, "ended": self.now, "state": new.state, "decision": decision, "detail": new.detail,
                "error": new.error,
            })  # fmt: skip
        if more:
            await self.c.execute(sa.update(ACTIONS).where(ACTIONS.c.id == new.id).values(more))

    async def write(self) -> None:
        """Write all of it."""
        for statement, rows in (
            (statements.CHANGE_EXECUTION, self.executions),
            (statements.SET_STAGE, self.stages),
            (statements.ENTERED[self.c.dialect.name], self.latest),
            (statements.SET_ATTEMPT, self.ended),
            (statements.SET_ACTION, self.actions),
        ):
            if rows:
                await self.c.execute(statement, rows)


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
