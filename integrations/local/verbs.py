"""What people and runners do to an execution: pure, from rows to rows; a refusal is a `Conflict` with its sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core.errors import Conflict
from bot.core.model import Decision
from bot.core.ports import RetryScope
from integrations.local.actions import ErrorCode
from integrations.local.advance import begin_again, holder
from integrations.local.refusals import (
    ApprovalAlreadyCompleted,
    ConditionNotOverridable,
    DuplicatedStopRequest,
    NotLatestPipelineExecution,
    PipelineExecutionNotStoppable,
    StageNotRetryable,
)
from integrations.local.states import (
    ActionRow,
    ExecutionRow,
    Fired,
    Hook,
    Mode,
    PipelineRows,
    State,
    become,
    with_actions,
    with_condition,
    with_stage,
)


def finish(
    execution: ExecutionRow, action_id: str, attempt: int, *, state: State, detail: str, now: datetime, error: str = ""
) -> ExecutionRow:
    """Note how an attempt ended; one that is not under way any more changes nothing."""
    action = next((a for a in execution.actions if a.id == action_id), None)
    if action is None or action.attempt != attempt or action.state is not State.IN_PROGRESS:
        return execution
    if state is State.ABANDONED and action.expires is not None and action.expires <= now and not execution.abandon:
        took = f"{action.patience.total_seconds() / 60:.0f} minutes" if action.patience else "its time"
        state, detail, error = State.FAILED, f"It took longer than {took} and was ended.", ErrorCode.TIMED_OUT
    return with_actions(execution, replace(become(action, state), finished=now, detail=detail, error=error))


def decide(execution: ExecutionRow, action: ActionRow, decision: Decision, now: datetime) -> ExecutionRow:
    """Answer an open gate; rejecting it fails the action (User Guide, "Manage approval actions")."""
    if action.state is not State.IN_PROGRESS or not execution.active:
        raise ApprovalAlreadyCompleted(gate_closed(action, execution))
    state = State.SUCCEEDED if decision.approved else State.FAILED
    said = decision.model_copy(update={"at": decision.at or now})
    word = "Approved" if decision.approved else "Rejected"
    detail = f"{word} by {said.by}{f': {said.comment}' if said.comment else '.'}"
    error = "" if decision.approved else ErrorCode.APPROVAL_REJECTED
    answered = replace(become(action, state), finished=now, decision=said, detail=detail, error=error)
    return with_actions(execution, answered)


def gate_closed(action: ActionRow, execution: ExecutionRow) -> str:
    """Say why a gate takes no answer any more."""
    if action.decision is not None:
        word = "approved" if action.decision.approved else "rejected"
        return f"{action.decision.by} has {word} this already."
    if action.state is State.FAILED:
        return f"This waited until {action.expires:%Y-%m-%d %H:%M} UTC and is closed now."
    if execution.state in (State.STOPPED, State.STOPPING):
        return "This run was stopped; nothing waits for an answer any more."
    return "This run no longer waits for an answer here."


def expire(execution: ExecutionRow, now: datetime) -> ExecutionRow:
    """Fail every gate whose time is over; other actions must be ended first, and fail in `finish`."""
    over = [
        replace(
            become(action, State.FAILED), finished=now, detail="Nobody answered in time.", error=ErrorCode.TIMED_OUT
        )
        for action in execution.actions
        if action.approval and action.state is State.IN_PROGRESS and action.expires and action.expires <= now
    ]
    return with_actions(execution, *over)


def stop(execution: ExecutionRow, reason: str, *, abandon: bool) -> ExecutionRow:
    """Begin to stop; abandoning may follow waiting. A finished execution stays as it is."""
    if not execution.active:
        return execution
    if execution.state is State.STOPPING or execution.cancelled:
        return replace(execution, abandon=execution.abandon or abandon)
    return replace(become(execution, State.STOPPING), abandon=abandon, reason=reason)


def stop_once(execution: ExecutionRow, reason: str, *, abandon: bool) -> ExecutionRow:
    """Begin to stop, as StopPipelineExecution: refuse what `stop` overlooks (API reference, its errors)."""
    if not execution.active:
        raise PipelineExecutionNotStoppable(f"Run {execution.number} is over already.")
    if execution.state is State.STOPPING and (execution.abandon or not abandon):
        raise DuplicatedStopRequest(f"Run {execution.number} is being stopped already.")
    return stop(execution, reason, abandon=abandon)


def cancel(execution: ExecutionRow, reason: str) -> ExecutionRow:
    """End an execution whose stage is no longer in its pipeline; one that is being stopped ends as stopped."""
    if not execution.active:
        return execution
    if execution.state is State.STOPPING:
        return replace(execution, abandon=True)
    return replace(execution, cancelled=True, abandon=True, reason=reason)


def retry(
    pipeline: PipelineRows,
    execution: ExecutionRow,
    stage_name: str,
    *,
    scope: RetryScope,
    attempt: int,
    newer: int | None = None,
) -> ExecutionRow:
    """Begin a failed or stopped stage anew in the same execution.

    `newer` is the number of a newer execution that has been in this stage since: CodePipeline refuses then
    (`NotLatestPipelineExecutionException`), because an older revision would overwrite a newer one.
    """
    stage = next((s for s in execution.stages if s.name == stage_name), None)
    if stage is not None and stage.attempt > attempt:
        return execution
    if stage is None or stage.index != execution.position or stage.state is State.PENDING:
        raise StageNotRetryable(f"{stage_name} can't be retried: it has not failed in this run.")
    if stage.attempt < attempt or execution.active or stage.state not in (State.FAILED, State.STOPPED, State.UNKNOWN):
        raise StageNotRetryable(f"{stage_name} can't be retried: it has not failed.")
    _may_go_back_in(pipeline, execution, newer)
    return _revived(begin_again(execution, scope))


def override(
    pipeline: PipelineRows, execution: ExecutionRow, stage_name: str, hook: Hook, *, attempt: int, newer: int | None
) -> ExecutionRow:
    """Let a stage go on although its entry or success condition has failed, in the same execution.

    Only a condition whose result is FAIL holds a stage; what another result did is done (SKIP, ROLLBACK).
    """
    stage = next((s for s in execution.stages if s.name == stage_name), None)
    if stage is not None and stage.attempt > attempt:
        return execution
    word = "entry" if hook is Hook.BEFORE_ENTRY else "success"
    if hook is Hook.ON_FAILURE:
        raise ConditionNotOverridable("Only a stage's entry and success conditions can be overridden.")
    if stage is None or stage.index != execution.position or stage.state is not State.FAILED or execution.active:
        raise ConditionNotOverridable(f"{stage_name} is not held by its {word} condition in this run.")
    condition = execution.condition(hook)
    if condition is None or not condition.failed:
        raise ConditionNotOverridable(f"{stage_name} is not held by its {word} condition in this run.")
    if condition.result is not Fired.FAIL:
        raise ConditionNotOverridable(
            f"The {word} condition of {stage_name} has the result {condition.result}, which has taken place."
        )
    _may_go_back_in(pipeline, execution, newer)
    stage = replace(become(stage, State.IN_PROGRESS), attempt=stage.attempt + 1, finished=None)
    execution = with_condition(with_stage(execution, stage), become(condition, State.OVERRIDDEN))
    return _revived(execution)


def _may_go_back_in(pipeline: PipelineRows, execution: ExecutionRow, newer: int | None) -> None:
    if execution.mode is Mode.PARALLEL:
        return
    name = execution.stage.name
    if (other := holder(pipeline, execution)) is not None:
        raise Conflict(f"{name} is taken by run {other.number} just now; try again when that is done.")
    if newer is not None:
        raise NotLatestPipelineExecution(f"Run {newer} has been in {name} since; an older one can't go back in there.")


def _revived(execution: ExecutionRow) -> ExecutionRow:
    return replace(
        become(execution, State.IN_PROGRESS), finished=None, detail="", reason="", abandon=False, rolls_back=False
    )
