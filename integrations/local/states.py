"""CodePipeline's states, the one table of what may follow what, and the rows that are in them: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from bot.core.model import Decision
from bot.core.ports import RetryScope


class State(StrEnum):
    """How far an execution, a stage, an action, a condition or a rule has come, in the words of CodePipeline's API.

    Two are ours: `PENDING` (CodePipeline shows nothing for what has not begun) and `UNKNOWN` (the machine went down
    under an action that may have changed the world; CodePipeline would say `Failed`).
    """

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SUPERSEDED = "Superseded"
    CANCELLED = "Cancelled"
    SKIPPED = "Skipped"
    ABANDONED = "Abandoned"
    ERRORED = "Errored"
    OVERRIDDEN = "Overridden"
    UNKNOWN = "Unknown"


class Mode(StrEnum):
    """How executions of one pipeline share its stages (User Guide, "Set or change the pipeline execution mode")."""

    SUPERSEDED = "SUPERSEDED"
    QUEUED = "QUEUED"
    PARALLEL = "PARALLEL"


class Hook(StrEnum):
    """When a stage's condition is looked at; the first two in the words of OverrideStageCondition's conditionType."""

    BEFORE_ENTRY = "BEFORE_ENTRY"
    ON_SUCCESS = "ON_SUCCESS"
    ON_FAILURE = "ON_FAILURE"


class Fired(StrEnum):
    """What follows when a condition fails (API reference, "Condition", `result`)."""

    FAIL = "FAIL"
    SKIP = "SKIP"
    ROLLBACK = "ROLLBACK"
    RETRY = "RETRY"


class Direction(StrEnum):
    """Which way through a stage's door: into the stage, or on from it."""

    INBOUND = "Inbound"
    OUTBOUND = "Outbound"


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action of one execution, or one rule of a condition; a retry raises `attempt` and begins anew."""

    id: str
    stage: int
    name: str
    order: int = 1
    state: State = State.PENDING
    attempt: int = 1
    approval: bool = False
    hook: Hook | None = None
    """For a rule: of which condition of its stage."""
    patience: timedelta | None = timedelta(days=7)
    """How long it may take (User Guide, "Manage approval actions": an approval seven days unless said otherwise)."""
    token: str | None = None
    expires: datetime | None = None
    decision: Decision | None = None
    started: datetime | None = None
    finished: datetime | None = None
    detail: str = ""
    error: str = ""
    """Of one that has just failed: its `ErrorCode`; empty: `JobFailed`."""


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One condition of one stage of one execution."""

    stage: int
    hook: Hook
    result: Fired
    """What follows if it fails."""
    scope: RetryScope = RetryScope.FAILED_ACTIONS
    """What an automatic retry runs again."""
    state: State = State.PENDING
    detail: str = ""
    changed: datetime | None = None

    @property
    def passed(self) -> bool:
        """Tell whether it lets its stage go on."""
        return self.state in (State.SUCCEEDED, State.OVERRIDDEN)

    @property
    def failed(self) -> bool:
        """Tell whether it keeps its stage from going on."""
        return self.state in (State.FAILED, State.ERRORED)


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage of one execution."""

    index: int
    name: str
    state: State = State.PENDING
    attempt: int = 1
    """Raised by every retry and override, so that whoever looks can tell a new life from an old look."""
    automatic: int = 0
    """How many of its retries nobody asked for."""
    last_retry: str = ""
    """CodePipeline's RetryTrigger of the last retry; empty if there was none."""
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """One execution with the stage that it is in or waits to enter, its neighbours, and their actions."""

    id: str
    number: int
    """Counts up per pipeline: a higher number is newer."""
    length: int
    """How many stages it has."""
    stages: tuple[StageRow, ...]
    actions: tuple[ActionRow, ...]
    """And the rules of the conditions."""
    conditions: tuple[ConditionRow, ...] = ()
    state: State = State.IN_PROGRESS
    mode: Mode = Mode.SUPERSEDED
    rollback: bool = False
    position: int = 0
    """Index of the stage it is in, or waits to enter while that stage is pending."""
    abandon: bool = False
    cancelled: bool = False
    """Its stage is no longer in the pipeline: it ends as `CANCELLED` as soon as its processes are gone."""
    rolls_back: bool = False
    """A condition has just asked that its stage be brought back to what it was; the engine sees to it at once."""
    reason: str = ""
    """Why it was stopped."""
    detail: str = ""
    finished: datetime | None = None

    @property
    def stage(self) -> StageRow:
        """Give the stage that it is in or waits to enter."""
        return next(stage for stage in self.stages if stage.index == self.position)

    @property
    def former(self) -> StageRow | None:
        """Give the stage that it came from, if there is one."""
        return next((stage for stage in self.stages if stage.index == self.position - 1), None)

    @property
    def current(self) -> tuple[ActionRow, ...]:
        """Give its stage's actions."""
        return tuple(action for action in self.actions if action.stage == self.position and action.hook is None)

    def rules(self, hook: Hook) -> tuple[ActionRow, ...]:
        """Give the rules of one of its stage's conditions."""
        return tuple(action for action in self.actions if action.stage == self.position and action.hook is hook)

    def condition(self, hook: Hook) -> ConditionRow | None:
        """Give one of its stage's conditions."""
        return next((c for c in self.conditions if c.stage == self.position and c.hook is hook), None)

    @property
    def active(self) -> bool:
        """Tell whether it still moves by itself."""
        return self.state in ACTIVE

    @property
    def waits(self) -> bool:
        """Tell whether it waits between stages, or before the first one."""
        return self.active and self.stage.state is State.PENDING

    @property
    def inside(self) -> bool:
        """Tell whether it holds its stage's lock: a failed, stopped or finished one has given it back."""
        return self.active and self.stage.state in (State.IN_PROGRESS, State.STOPPING)


@dataclass(frozen=True, slots=True)
class PipelineRows:
    """The executions of one pipeline that still move, and where the way is closed (stage's name to the reason)."""

    executions: tuple[ExecutionRow, ...]
    held: Mapping[str, str] = field(default_factory=dict)
    """Stages whose way in is closed."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Stages whose way out is closed."""

    def find(self, execution_id: str) -> ExecutionRow:
        """Give one execution by its id."""
        return next(execution for execution in self.executions if execution.id == execution_id)

    def put(self, *changed: ExecutionRow) -> PipelineRows:
        """Replace executions by their changed selves."""
        new = {execution.id: execution for execution in changed}
        return replace(self, executions=tuple(new.get(old.id, old) for old in self.executions))


Row = TypeVar("Row", ActionRow, StageRow, ExecutionRow, ConditionRow)
_AGAIN = frozenset({State.IN_PROGRESS})
_ANEW = frozenset({State.PENDING})

# API reference (the `status` of each noun) and User Guide, "How pipeline executions work": the only way from state to
# state. Failed and stopped ones only come back by a retry or an override. Rules are in the states of actions.
LEGAL: Mapping[type, Mapping[State, frozenset[State]]] = {
    ExecutionRow: {
        State.IN_PROGRESS: frozenset({State.STOPPING, State.STOPPED, State.SUCCEEDED, State.FAILED, State.SUPERSEDED,
                                      State.CANCELLED, State.UNKNOWN}),
        State.STOPPING: frozenset({State.STOPPED}),
        State.FAILED: _AGAIN,
        State.STOPPED: _AGAIN,
        State.UNKNOWN: _AGAIN,
    },
    StageRow: {
        State.PENDING: frozenset({State.IN_PROGRESS}),
        State.IN_PROGRESS: frozenset({State.STOPPING, State.STOPPED, State.SUCCEEDED, State.FAILED, State.CANCELLED,
                                      State.SKIPPED, State.UNKNOWN}),
        State.STOPPING: frozenset({State.STOPPED}),
        State.FAILED: _AGAIN,
        State.STOPPED: _AGAIN,
        State.UNKNOWN: _AGAIN,
    },
    ActionRow: {
        State.PENDING: frozenset({State.IN_PROGRESS}),
        State.IN_PROGRESS: frozenset({State.SUCCEEDED, State.FAILED, State.ABANDONED, State.UNKNOWN}),
        State.SUCCEEDED: _ANEW,
        State.FAILED: _ANEW,
        State.ABANDONED: _ANEW,
        State.UNKNOWN: _ANEW,
    },
    ConditionRow: {
        State.PENDING: frozenset({State.IN_PROGRESS}),
        State.IN_PROGRESS: frozenset({State.SUCCEEDED, State.FAILED, State.ERRORED, State.CANCELLED, State.ABANDONED}),
        State.SUCCEEDED: _ANEW,
        State.FAILED: frozenset({State.OVERRIDDEN, State.PENDING}),
        State.ERRORED: frozenset({State.OVERRIDDEN, State.PENDING}),
        State.CANCELLED: _ANEW,
        State.ABANDONED: _ANEW,
        State.OVERRIDDEN: _ANEW,
    },
}  # fmt: skip
ACTIVE = (State.IN_PROGRESS, State.STOPPING)
"""Of executions that still move by themselves."""
BROKEN = frozenset({State.FAILED, State.UNKNOWN, State.ABANDONED})


class IllegalTransition(Exception):
    """A state was to follow that can't; a mistake in this program, never a person's."""


def become(row: Row, state: State) -> Row:
    """Give the row in its next state; refuses what `LEGAL` does not list."""
    if state not in LEGAL[type(row)].get(row.state, frozenset()):
        raise IllegalTransition(f"{type(row).__name__} {row.state} -> {state}")
    return replace(row, state=state)


def with_actions(execution: ExecutionRow, *changed: ActionRow) -> ExecutionRow:
    """Replace actions (or rules) by their changed selves."""
    new = {action.id: action for action in changed}
    return replace(execution, actions=tuple(new.get(old.id, old) for old in execution.actions))


def with_stage(execution: ExecutionRow, changed: StageRow) -> ExecutionRow:
    """Replace a stage by its changed self."""
    return replace(execution, stages=tuple(changed if s.index == changed.index else s for s in execution.stages))


def with_condition(execution: ExecutionRow, changed: ConditionRow) -> ExecutionRow:
    """Replace a condition by its changed self."""
    key = (changed.stage, changed.hook)
    return replace(
        execution, conditions=tuple(changed if (c.stage, c.hook) == key else c for c in execution.conditions)
    )
