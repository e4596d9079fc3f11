"""What happens next by itself in a pipeline: pure, from rows to rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.core.ports import RetryScope
from integrations.local.conditions import close_conditions, judged, unjudged
from integrations.local.states import (
    BROKEN,
    ActionRow,
    ConditionRow,
    ExecutionRow,
    Fired,
    Hook,
    Mode,
    PipelineRows,
    State,
    become,
    with_actions,
    with_stage,
)


def advance(pipeline: PipelineRows, now: datetime, new_id: Callable[[], str]) -> PipelineRows:
    """Decide all that happens next, by itself, from how things stand; `new_id` gives gates their tokens.

    First every stage goes on: its entry condition, then one `runOrder` group after the other, then its success
    condition; a failed group ends the stage once its other actions are over (a gate open next to them is closed: it
    could no longer change anything) and its failure condition has been looked at. Then those that wait before a stage
    may enter it, oldest first, if its way in is open and nobody is inside; of several waiting before the same stage,
    in SUPERSEDED mode, the newest overtakes the others. What is inside is never overtaken. A rollback runs its one
    stage; a closed way in does not hold it, since it does not come through there, and it comes before the others: it
    must not undo what they bring. Until a rollback that a condition asks for has begun, its stage is kept free.
    """
    pipeline = pipeline.put(*(_go_on(execution, now, new_id) for execution in pipeline.executions if execution.active))
    waiting = sorted((e for e in pipeline.executions if e.waits), key=lambda e: (not e.rollback, e.number))
    for name in dict.fromkeys(execution.stage.name for execution in waiting):
        before = [execution for execution in waiting if execution.stage.name == name]
        pipeline = pipeline.put(*_overtaken(before, now))
        for execution in before:
            if (
                pipeline.find(execution.id).waits
                and why_held(pipeline, execution) is None
                and free(pipeline, execution)
            ):
                stage = replace(become(execution.stage, State.IN_PROGRESS), started=now, finished=None)
                pipeline = pipeline.put(_go_on(with_stage(execution, stage), now, new_id))
    return pipeline


def why_held(pipeline: PipelineRows, execution: ExecutionRow) -> str | None:
    """Give the reason of the closed door before a waiting execution: its stage's way in, or the way out behind it."""
    if execution.rollback:
        return None
    former = execution.former
    kept = pipeline.kept.get(former.name) if former is not None else None
    return pipeline.held.get(execution.stage.name, kept)


def free(pipeline: PipelineRows, execution: ExecutionRow) -> bool:
    """Tell whether nobody else is inside the stage that an execution waits for."""
    return execution.mode is Mode.PARALLEL or holder(pipeline, execution) is None


def holder(pipeline: PipelineRows, execution: ExecutionRow) -> ExecutionRow | None:
    """Give the other execution that is inside this one's stage, or whose rollback is about to be."""
    name = execution.stage.name
    others = (e for e in pipeline.executions if e.id != execution.id and e.mode is not Mode.PARALLEL)
    return next((other for other in others if (other.inside or other.rolls_back) and other.stage.name == name), None)


def _overtaken(before: list[ExecutionRow], now: datetime) -> list[ExecutionRow]:
    """Give those that the newest one waiting before the same stage overtakes."""
    candidates = [e for e in before if e.mode is Mode.SUPERSEDED and not e.rollback]
    return [
        replace(
            become(execution, State.SUPERSEDED),
            finished=now,
            detail=f"Run {candidates[-1].number} overtook it before {execution.stage.name}.",
        )
        for execution in candidates[:-1]
        if execution.state is State.IN_PROGRESS
    ]


def _go_on(execution: ExecutionRow, now: datetime, new_id: Callable[[], str]) -> ExecutionRow:
    """Take one execution as far as it gets without entering another stage."""
    if execution.state is State.STOPPING or execution.cancelled:
        return _wind_down(execution, now)
    if execution.inside:
        return _in_stage(execution, now, new_id)
    return execution


def _in_stage(execution: ExecutionRow, now: datetime, new_id: Callable[[], str]) -> ExecutionRow:
    execution, entry = judged(execution, Hook.BEFORE_ENTRY, now)
    if entry is not None and not entry.passed:
        return _kept_out(execution, entry, now) if entry.failed else execution
    if all(action.state is State.SUCCEEDED for action in execution.current):
        return _conclude(execution, now)
    broken = [action for action in execution.current if action.state in BROKEN]
    if broken:
        execution = _close_gates(execution, now, "Another action of its stage failed.")
        running = any(action.state is State.IN_PROGRESS for action in execution.current)
        return execution if running else _break(execution, broken, now, new_id)
    left = [action for action in execution.current if action.state is not State.SUCCEEDED]
    group = min(action.order for action in left)
    starting = [action for action in left if action.order == group and action.state is State.PENDING]
    return with_actions(execution, *(_begin(action, now, new_id) for action in starting))


def _kept_out(execution: ExecutionRow, entry: ConditionRow, now: datetime) -> ExecutionRow:
    """Do what a failed entry condition's result says."""
    if entry.result is Fired.SKIP:
        return _leave(execution, State.SKIPPED, now)
    detail = f"{execution.stage.name}: its entry condition failed: {entry.detail}"
    return _end(execution, State.FAILED, detail, now)


def _conclude(execution: ExecutionRow, now: datetime) -> ExecutionRow:
    """Let a stage whose actions all succeeded go through its success condition."""
    execution, success = judged(execution, Hook.ON_SUCCESS, now)
    if success is None or success.passed:
        return _leave(execution, State.SUCCEEDED, now)
    if not success.failed:
        return execution
    rolls_back = success.result is Fired.ROLLBACK and success.state is State.FAILED
    detail = f"{execution.stage.name}: its success condition failed: {success.detail}"
    return _end(execution, State.FAILED, detail, now, rolls_back=rolls_back)


def _leave(execution: ExecutionRow, state: State, now: datetime) -> ExecutionRow:
    execution = with_stage(execution, replace(become(execution.stage, state), finished=now))
    if execution.position + 1 < execution.length:
        return replace(execution, position=execution.position + 1)
    return replace(become(execution, State.SUCCEEDED), finished=now, detail="")


def _begin(action: ActionRow, now: datetime, new_id: Callable[[], str]) -> ActionRow:
    expires = now + action.patience if action.patience is not None else None
    action = replace(become(action, State.IN_PROGRESS), started=now, expires=expires)
    return replace(action, token=new_id()) if action.approval else action


def _wind_down(execution: ExecutionRow, now: datetime) -> ExecutionRow:
    """Let running actions end, then stop; a gate, which does no work, closes at once (CodePipeline waits for it)."""
    word = "The pipeline no longer has this stage." if execution.cancelled else "The run was stopped."
    end = State.CANCELLED if execution.cancelled else State.STOPPED
    execution = _close_gates(execution, now, word)
    if execution.inside:
        if any(action.state is State.IN_PROGRESS for action in execution.actions):
            stopping = execution.cancelled or execution.stage.state is State.STOPPING
            return execution if stopping else with_stage(execution, become(execution.stage, State.STOPPING))
        execution = close_conditions(execution, now)
        execution = with_stage(execution, replace(become(execution.stage, end), finished=now))
    lost = [action for action in execution.current if action.state is State.UNKNOWN]
    detail = " ".join([execution.reason, *(f"{action.name}: {action.detail}" for action in lost)]).strip()
    return replace(become(execution, end), finished=now, detail=detail)


def _break(execution: ExecutionRow, broken: list[ActionRow], now: datetime, new_id: Callable[[], str]) -> ExecutionRow:
    """End the stage whose actions failed; what nobody knows outweighs what failed, because somebody must go and look.

    Its failure condition is only looked at for a plain failure: nothing happens by itself when nobody knows what has
    happened. A rejection is never asked again by itself, and each stage of a run is retried by itself once at most.
    """
    state = State.UNKNOWN if any(action.state is State.UNKNOWN for action in broken) else State.FAILED
    cause = next((action for action in broken if action.state is state), broken[0])
    detail = f"{execution.stage.name}: {cause.name}: {cause.detail}" if cause.detail else f"{cause.name} failed."
    rolls_back = False
    if state is State.FAILED:
        execution, failure = judged(execution, Hook.ON_FAILURE, now)
        if failure is not None and failure.state is State.IN_PROGRESS:
            return execution
        if failure is not None and failure.state is State.FAILED:
            rejected = any(action.decision is not None and not action.decision.approved for action in broken)
            if failure.result is Fired.RETRY and not execution.stage.automatic and not rejected:
                failed = with_stage(execution, become(execution.stage, State.FAILED))
                return _go_on(begin_again(failed, failure.scope, automatic=True), now, new_id)
            rolls_back = failure.result is Fired.ROLLBACK
    return _end(execution, state, detail, now, rolls_back=rolls_back)


def _end(
    execution: ExecutionRow, state: State, detail: str, now: datetime, *, rolls_back: bool = False
) -> ExecutionRow:
    execution = with_stage(execution, replace(become(execution.stage, state), finished=now))
    # Nothing goes back by itself from a rollback (it could go on for ever), nor in PARALLEL mode (User Guide).
    rolls_back = rolls_back and not execution.rollback and execution.mode is not Mode.PARALLEL
    return replace(become(execution, state), finished=now, detail=detail, rolls_back=rolls_back)


def begin_again(execution: ExecutionRow, scope: RetryScope, *, automatic: bool = False) -> ExecutionRow:
    """Take a stage that has ended badly into its next attempt; its execution, if that ended, has to be revived, too.

    Conditions are looked at again, except an entry condition that let the stage in when only failed actions run again.
    """
    stage = execution.stage
    stage = replace(
        become(stage, State.IN_PROGRESS),
        attempt=stage.attempt + 1,
        automatic=stage.automatic + automatic,
        last_retry="AutomatedStageRetry" if automatic else "ManualStageRetry",
        finished=None,
    )
    again = [
        anew(action)
        for action in execution.current
        if action.state in BROKEN or (scope is RetryScope.ALL_ACTIONS and action.state is State.SUCCEEDED)
    ]
    execution = with_actions(with_stage(execution, stage), *again)
    entry = execution.condition(Hook.BEFORE_ENTRY)
    keeps = entry is not None and entry.passed and scope is RetryScope.FAILED_ACTIONS
    for hook in (Hook.ON_SUCCESS, Hook.ON_FAILURE) if keeps else Hook:
        execution = with_actions(unjudged(execution, hook), *map(anew, _over(execution.rules(hook))))
    return execution


def _over(rules: tuple[ActionRow, ...]) -> list[ActionRow]:
    return [rule for rule in rules if rule.state is not State.PENDING]


def anew(action: ActionRow) -> ActionRow:
    """Give an action (or rule) that is over in its next attempt."""
    return replace(
        become(action, State.PENDING), attempt=action.attempt + 1, started=None, finished=None, token=None,
        expires=None, decision=None, detail="",
    )  # fmt: skip


def _close_gates(execution: ExecutionRow, now: datetime, why: str) -> ExecutionRow:
    gates = [action for action in execution.current if action.approval and action.state is State.IN_PROGRESS]
    return with_actions(
        execution, *(replace(become(gate, State.ABANDONED), finished=now, detail=why) for gate in gates)
    )
