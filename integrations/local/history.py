"""Reads executions, attempts and a pipeline's state from the tables, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import Decision
from integrations.local.actions import ErrorCode
from integrations.local.answers import (
    ActionExecutionRecord,
    ExecutionRecord,
    Page,
    SourceRevision,
)
from integrations.local.refusals import PipelineExecutionNotFound, Validation
from integrations.local.states import Hook, Mode, State
from integrations.local.tables import ACTIONS, ATTEMPTS, EXECUTIONS, STAGES
from integrations.specs.conditions import RuleDeclaration
from integrations.specs.pipeline import ActionDeclaration


def shown(state: str) -> State:
    """Give a state as CodePipeline knows it."""
    return State.FAILED if state == State.UNKNOWN else State(state)


async def executions(
    c: AsyncConnection, file: str, *, succeeded_in: str | None, limit: int, after: str | None
) -> Page[ExecutionRecord]:
    """List a pipeline's executions, newest first; `after` is the number of the last one that was seen."""
    e, s = EXECUTIONS.c, STAGES.c
    query = sa.select(*_EXECUTION).where(e.file == file)
    if after is not None:
        query = query.where(e.number < _number(after))
    if succeeded_in is not None:
        here = sa.and_(s.execution == e.id, s.name == succeeded_in, s.state == State.SUCCEEDED)
        query = query.where(sa.exists(sa.select(s.index).where(here)))
    rows = (await c.execute(query.order_by(e.number.desc()).limit(limit + 1))).all()
    further = str(rows[limit - 1].number) if len(rows) > limit else None
    return Page([_execution(row) for row in rows[:limit]], further)


async def execution(c: AsyncConnection, file: str, execution_id: str) -> ExecutionRecord:
    """Give one execution of a pipeline; raises `PipelineExecutionNotFound`."""
    e = EXECUTIONS.c
    row = (await c.execute(sa.select(*_EXECUTION).where(e.id == execution_id, e.file == file))).one_or_none()
    if row is None:
        raise PipelineExecutionNotFound(f"This pipeline has no run {execution_id} on this machine.")
    return _execution(row)


_EXECUTION = [
    EXECUTIONS.c[name] for name in ("id", "pipeline", "version", "number", "state", "detail", "created", "updated",
                                    "sources", "trigger", "trigger_detail", "reason", "mode", "rolls_back_to",
                                    "variables")
]  # fmt: skip


def _execution(row: Any) -> ExecutionRecord:
    return ExecutionRecord(
        id=row.id, pipeline=row.pipeline, version=row.version, status=shown(row.state), summary=row.detail,
        started=row.created, updated=row.updated, sources=tuple(sources_of(row.sources)), trigger=row.trigger,
        trigger_detail=row.trigger_detail, stop_reason=row.reason, mode=Mode(row.mode),
        rollback_to=row.rolls_back_to, variables=row.variables.get("variables", {}),
    )  # fmt: skip


def sources_of(kept: Mapping[str, Any]) -> Iterable[SourceRevision]:
    """Read what an execution's source actions fetched."""
    for action, told in kept.items():
        yield SourceRevision(
            action, told["id"], told.get("summary", ""), told.get("url"), told.get("artifact"),
            datetime.fromisoformat(told["at"]) if told.get("at") else None,
        )  # fmt: skip


async def attempts(
    c: AsyncConnection,
    file: str,
    *,
    rules: bool,
    execution_id: str | None,
    latest: bool,
    limit: int,
    after: str | None,
) -> Page[ActionExecutionRecord]:
    """List attempts of actions (or of rules), those that began last first; `latest` leaves out what was retried."""
    t = ATTEMPTS.c
    # The page is cut before anything is joined to it, so that a database that misjudges its tables loses little.
    query = sa.select(t.id).where(t.file == file, t.hook.is_not(None) if rules else t.hook.is_(None))
    if execution_id is not None:
        query = query.where(t.execution == execution_id)
    if latest:
        query = query.join(ACTIONS, t.action == ACTIONS.c.id).where(t.attempt == ACTIONS.c.attempt)
    if after is not None:
        began, last = _moment(after)
        query = query.where(sa.or_(t.begun < began, sa.and_(t.begun == began, t.id < last)))
    order = (t.begun.desc(), t.id.desc())
    page = query.order_by(*order).limit(limit + 1).subquery()
    rows = (await c.execute(_attempts().join(page, t.id == page.c.id).order_by(*order))).all()
    further = f"{rows[limit - 1].begun.isoformat()} {rows[limit - 1].id}" if len(rows) > limit else None
    return Page([_attempt(row) for row in rows[:limit]], further)


async def attempts_named(c: AsyncConnection, keys: Sequence[str]) -> dict[str, ActionExecutionRecord]:
    """Give attempts by their ids."""
    rows = await c.execute(_attempts().where(ATTEMPTS.c.id.in_(keys)))
    return {row.id: _attempt(row) for row in rows}


def _attempts() -> sa.Select[Any]:
    t, a, e, s = ATTEMPTS.c, ACTIONS.c, EXECUTIONS.c, STAGES.c
    return (
        sa.select(ATTEMPTS, a.name, a.declaration, a.category, a.state.label("action_state"),
                  a.attempt.label("last_attempt"), a.detail.label("action_detail"), e.version, e.pipeline,
                  s.name.label("stage_name"))
        .join(ACTIONS, t.action == a.id)
        .join(EXECUTIONS, t.execution == e.id)
        .join(STAGES, sa.and_(s.execution == t.execution, s.index == a.stage))
    )  # fmt: skip


def _attempt(row: Any) -> ActionExecutionRecord:
    state = row.state or State.IN_PROGRESS
    decision = Decision.model_validate(row.decision) if row.decision else None
    token = row.token if state == State.IN_PROGRESS else None
    model = RuleDeclaration if row.hook else ActionDeclaration
    declaration = model.model_validate(row.declaration).model_dump(mode="json", by_alias=True, exclude_unset=True)
    return ActionExecutionRecord(
        id=row.id, execution_id=row.execution, pipeline=row.pipeline, version=row.version, stage=row.stage_name,
        name=row.name,
        attempt=row.attempt, hook=Hook(row.hook) if row.hook else None, status=shown(state), started=row.begun,
        updated=row.ended or row.begun, by=decision.by if decision else "", declaration=declaration,
        resolved=row.configuration, inputs=row.inputs, outputs=row.outputs, variables=row.variables,
        external_id=token or row.external_id, external_url=row.external_url,
        # An approval tells what was said with the answer, and nothing around it (API model, "ApprovalResult").
        summary=decision.comment if decision else row.detail, error=error_of(state, row.error),
        token=token,
    )  # fmt: skip


def error_of(state: str, error: str) -> str:
    """Give the code of an attempt that failed; empty for any other."""
    if state == State.FAILED:
        return error or ErrorCode.JOB_FAILED
    return ErrorCode.INTERRUPTED if state == State.UNKNOWN else ""


def _number(after: str) -> int:
    try:
        return int(after)
    except ValueError as error:
        raise Validation("The next part can't be told from that.") from error


def _moment(after: str) -> tuple[datetime, str]:
    began, _, last = after.partition(" ")
    try:
        return datetime.fromisoformat(began), last
    except ValueError as error:
        raise Validation("The next part can't be told from that.") from error
