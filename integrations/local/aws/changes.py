"""What a recorded change of the engine means in EventBridge's words: pure, from rows to state changes in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from integrations.local.journal import Change
from integrations.local.states import ActionRow, ExecutionRow, StageRow, State


class Kind(StrEnum):
    """Whose state changed."""

    PIPELINE = "Pipeline"
    STAGE = "Stage"
    ACTION = "Action"


class StateChange(NamedTuple):
    """One event before it has its details; `state` as in EventBridge, where CANCELED has one L."""

    kind: Kind
    execution: str
    state: str
    stage: str = ""
    action: str = ""
    """The action's id, with `attempt`."""
    attempt: int = 0


# User Guide of CodePipeline, "Monitoring CodePipeline events": states by level. Of what nobody knows it would say that
# it failed; a skipped stage has no state there.
_STATE: Mapping[State, str] = {
    State.IN_PROGRESS: "STARTED", State.SUCCEEDED: "SUCCEEDED", State.FAILED: "FAILED", State.UNKNOWN: "FAILED",
    State.STOPPING: "STOPPING", State.STOPPED: "STOPPED", State.SUPERSEDED: "SUPERSEDED",
    State.CANCELLED: "CANCELED", State.ABANDONED: "ABANDONED",
}  # fmt: skip
_ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.UNKNOWN, State.STOPPED, State.SUPERSEDED, State.CANCELLED,
                    State.ABANDONED})  # fmt: skip
_ENDS = frozenset(_STATE[state] for state in _ENDED)
_AGAIN = frozenset({State.FAILED, State.UNKNOWN, State.STOPPED})


def state_changes(change: Change) -> Iterator[StateChange]:
    """Yield what changed, as it happened: ends from the inside out, then beginnings from the outside in."""
    old = {execution.id: execution for execution in change.before.executions}
    for new in change.after.executions:
        was = old[new.id]
        begun = new.id == change.begun
        if begun or was is not new:
            yield from _of_execution(was, new, begun=begun)


def _of_execution(was: ExecutionRow, now: ExecutionRow, *, begun: bool) -> Iterator[StateChange]:
    pipeline = _of_pipeline(was, now, begun=begun)
    old_stages = {stage.index: stage for stage in was.stages}
    old_actions = {action.id: action for action in was.actions}
    stage_of = {stage.index: stage.name for stage in now.stages}
    stages = [list(_of_stage(now.id, old_stages[stage.index], stage)) for stage in now.stages]
    actions = [
        list(_of_action(now.id, stage_of.get(action.stage, ""), old_actions[action.id], action))
        for action in now.actions
        if action.hook is None
    ]
    yield from (each for each in pipeline if each.state not in _ENDS)
    for each in [*_ended(actions), *_ended(stages), *_going_on(stages), *_going_on(actions)]:
        yield from each
    yield from (each for each in pipeline if each.state in _ENDS)


def _ended(several: list[list[StateChange]]) -> list[list[StateChange]]:
    return [each for each in several if each and each[-1].state in _ENDS]


def _going_on(several: list[list[StateChange]]) -> list[list[StateChange]]:
    return [each for each in several if each and each[-1].state not in _ENDS]


def _of_pipeline(was: ExecutionRow, now: ExecutionRow, *, begun: bool) -> list[StateChange]:
    found = ["STARTED"] if begun else []
    if now.state is State.IN_PROGRESS:
        found += ["RESUMED"] if was.state in _AGAIN else []
    elif begun or was.state is not now.state:
        # What stops without anything to wait for goes through both states in one change.
        found += ["STOPPING"] if now.state is State.STOPPED and was.state is State.IN_PROGRESS else []
        found.append(_STATE[now.state])
    return [StateChange(Kind.PIPELINE, now.id, state) for state in found]


def _of_stage(execution: str, was: StageRow, now: StageRow) -> Iterator[StateChange]:
    if was.state is now.state and was.attempt == now.attempt:
        return
    if was.state in _AGAIN and now.attempt > was.attempt:
        yield StateChange(Kind.STAGE, execution, "RESUMED", now.name)
    elif was.state is State.PENDING and now.state not in (State.PENDING, State.SKIPPED):
        yield StateChange(Kind.STAGE, execution, "STARTED", now.name)
    if now.state is State.STOPPED and was.state is State.IN_PROGRESS:
        yield StateChange(Kind.STAGE, execution, "STOPPING", now.name)
    if now.state in _STATE and now.state is not State.IN_PROGRESS:
        yield StateChange(Kind.STAGE, execution, _STATE[now.state], now.name)


def _of_action(execution: str, stage: str, was: ActionRow, now: ActionRow) -> Iterator[StateChange]:
    def event(state: str) -> StateChange:
        return StateChange(Kind.ACTION, execution, state, stage, now.id, now.attempt)

    if was.state is now.state and was.attempt == now.attempt:
        return
    if now.state is not State.PENDING and (was.state is not State.IN_PROGRESS or was.attempt < now.attempt):
        yield event("STARTED")
    if now.state in _ENDED:
        yield event(_STATE[now.state])
