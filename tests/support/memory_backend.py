"""A backend in memory for tests: it runs nothing, the test says how each action ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import BaseModel

from bot.core.errors import BackendError, Conflict, NotFound, RunNotFound
from bot.core.model import (
    Action,
    ActionKind,
    Decision,
    Frozen,
    Gate,
    HeldBy,
    LogTail,
    Release,
    Revision,
    Rollout,
    Run,
    Stage,
    Status,
    TestReport,
)
from bot.core.ports import Capability, Nudge, RetryScope
from integrations.local import verbs
from integrations.local.advance import advance
from integrations.local.nudges import Nudges
from integrations.local.states import (
    ActionRow,
    ConditionRow,
    ExecutionRow,
    Fired,
    Hook,
    Mode,
    PipelineRows,
    StageRow,
    State,
)
from integrations.local.view import STATUS


class Plan(Frozen):
    """One action of a pipeline in memory."""

    stage: str
    action: str
    kind: ActionKind
    order: int = 1
    message: str = ""
    hook: Hook | None = None
    """For a rule: of which condition of its stage."""
    result: Fired = Fired.FAIL
    """For a rule: what follows if it fails."""


class MemoryTarget(Frozen):
    """Names a pipeline that the test gave to the backend."""

    pipeline: str


@dataclass(slots=True)
class Shown:
    """What is seen of an action beside its state."""

    detail: str = ""
    tests: TestReport | None = None
    rollout: Rollout | None = None
    log: str = ""


@dataclass(slots=True)
class Execution:
    """What is kept of an execution beside its rows."""

    pipeline: str
    created: datetime
    plans: tuple[Plan, ...]
    trigger: str = "StartPipelineExecution"
    started_by: tuple[str, ...] = ()
    revision: Revision | None = None
    shown: dict[str, Shown] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Every gate's token ever, to the action's id."""
    decisions: dict[str, Decision] = field(default_factory=dict)


class MemoryBackend:
    """Satisfies `bot.core.ports.Backend`; Source actions succeed at once, all others when the test calls `end`."""

    target: type[BaseModel] = MemoryTarget
    capabilities: frozenset[Capability] = frozenset(Capability)

    def __init__(
        self,
        pipelines: Mapping[str, Sequence[Plan] | str],
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        *,
        patience: timedelta = timedelta(days=7),
    ) -> None:
        """Take pipelines by name; one that is a text is broken, with that as its mistakes."""
        self.pipelines = dict(pipelines)
        self.modes: dict[str, Mode] = {}
        """A pipeline's execution mode, by its name; SUPERSEDED without one."""
        self.clock = clock
        self.new_id = new_id
        self.patience = patience
        self.failing: list[Exception] = []
        """Raised by the next calls, one each: for showing what becomes of a backend in trouble."""
        self.calls: list[str] = []
        """Every verb that was called, in order."""
        self._rows: dict[str, PipelineRows] = {}
        self._executions: dict[str, Execution] = {}
        self._started: dict[tuple[str, str], str] = {}
        self._nudges = Nudges()

    # What the test says.

    def end(self, run_id: str, stage: str, action: str, *, ok: bool = True, detail: str = "") -> None:
        """End a running action."""
        state = State.SUCCEEDED if ok else State.FAILED
        self.end_as(run_id, stage, action, state, detail=detail)

    def end_as(self, run_id: str, stage: str, action: str, state: State, *, detail: str = "") -> None:
        """End a running action in any state, `UNKNOWN` for example."""
        row = self._row(run_id, stage, action)
        now = self.clock()
        self._change(run_id, lambda _, run: verbs.finish(run, row.id, row.attempt, state=state, detail=detail, now=now))

    def show(
        self,
        run_id: str,
        stage: str,
        action: str,
        *,
        detail: str = "",
        tests: TestReport | None = None,
        rollout: Rollout | None = None,
        log: str = "",
    ) -> None:
        """Let an action show progress."""
        row = self._row(run_id, stage, action)
        self._executions[run_id].shown[f"{row.id}#{row.attempt}"] = Shown(detail, tests, rollout, log)
        self._nudges.put(run_id)

    async def tick(self) -> None:
        """Let gates expire by the clock."""
        for run_id in list(self._executions):
            self._change(run_id, lambda _, run: verbs.expire(run, self.clock()))

    def close(self) -> None:
        """End the nudges."""
        self._nudges.close()

    # The contract.

    async def start(self, target: BaseModel, release: Release) -> str:
        """Start a run in memory."""
        self._called("start")
        name = _name(target)
        if (name, release.id) in self._started:
            return self._started[name, release.id]
        plan = self.pipelines.get(name, f"{name}: there is no such pipeline.")
        execution = Execution(name, self.clock(), () if isinstance(plan, str) else tuple(plan))
        ref = release.ref or "main"
        commit = ref if len(ref) == 40 else f"{sum(ref.encode()):040x}"
        execution.revision = Revision(id=commit, summary=f"tip of {ref}", author="Ada", ref=ref)
        return self._begin(execution, release.id, failure=plan if isinstance(plan, str) else "")

    async def observe(self, target: BaseModel, run_id: str) -> Run:
        """Look at a run."""
        self._called("observe")
        return self._look(_name(target), run_id)

    async def decide(self, target: BaseModel, run_id: str, gate: str, decision: Decision) -> None:
        """Answer a gate."""
        self._called("decide")
        self._look(_name(target), run_id)
        execution = self._executions[run_id]
        if (past := execution.decisions.get(gate)) is not None:
            if past.approved != decision.approved:
                raise Conflict(f"{past.by} has {'approved' if past.approved else 'rejected'} this already.")
            return

        def answer(_: PipelineRows, run: ExecutionRow) -> ExecutionRow:
            action = next((action for action in run.actions if action.token == gate), None)
            if action is None:
                raise Conflict("This run does not wait for that answer.")
            return verbs.decide(run, action, decision, self.clock())

        self._change(run_id, answer)
        execution.decisions[gate] = decision

    async def stop(self, target: BaseModel, run_id: str, reason: str, *, abandon: bool = False) -> None:
        """Stop a run; abandoned actions end at once."""
        self._called("stop")
        self._look(_name(target), run_id)
        self._change(run_id, lambda _, run: verbs.stop(run, reason, abandon=abandon))
        now = self.clock()
        for action in self._find(run_id).actions if self._find(run_id).abandon else ():
            if action.state is State.IN_PROGRESS:
                self._change(run_id, lambda _, run, a=action: verbs.finish(  # type: ignore[misc]
                    run, a.id, a.attempt, state=State.ABANDONED, detail="Stopped.", now=now))  # fmt: skip

    async def retry(self, target: BaseModel, run_id: str, stage: str, scope: RetryScope, attempt: int) -> None:
        """Retry a stage."""
        self._called("retry")
        self._look(_name(target), run_id)
        newer = self._newer(run_id, stage)
        self._change(
            run_id,
            lambda rows, run: verbs.retry(rows, run, stage, scope=scope, attempt=attempt, newer=newer),
        )

    async def override(self, target: BaseModel, run_id: str, stage: str, condition: HeldBy, attempt: int) -> None:
        """Override a failed condition."""
        self._called("override")
        self._look(_name(target), run_id)
        newer = self._newer(run_id, stage)
        hook = Hook(condition.upper())
        self._change(run_id, lambda rows, run: verbs.override(rows, run, stage, hook, attempt=attempt, newer=newer))

    def _newer(self, run_id: str, stage: str) -> int | None:
        mine, rows = self._find(run_id), self._rows[self._executions[run_id].pipeline]
        later = [run for run in rows.executions if run.number > mine.number]
        been = [run.number for run in later for s in run.stages if s.name == stage and s.state is not State.PENDING]
        return max(been, default=None)

    async def roll_back(self, target: BaseModel, release: Release, stage: str, to: str) -> str:
        """Run one stage again with another run's revision."""
        self._called("roll_back")
        name = _name(target)
        self._look(name, to)
        if (name, release.id) in self._started:
            return self._started[name, release.id]
        past, row = self._executions[to], self._find(to)
        if not any(s.name == stage and s.state is State.SUCCEEDED for s in row.stages):
            raise BackendError(f"Run {row.number} did not succeed in {stage}, so there is nothing to go back to.")
        if row.rollback:
            raise BackendError(f"Run {row.number} is a rollback itself; choose the run that it went back to.")
        if row.mode is Mode.PARALLEL:
            raise BackendError(f"{name} runs in PARALLEL mode, where no stage can be rolled back.")
        inside = [run for run in self._rows[name].executions if run.inside and run.stage.name == stage]
        if inside:
            raise Conflict(f"{stage} is taken by run {inside[0].number} just now.")
        plans = tuple(plan for plan in past.plans if plan.stage == stage and plan.hook is None)
        execution = Execution(name, self.clock(), plans, "ManualRollback", revision=past.revision)
        return self._begin(execution, release.id, rollback=True)

    async def hold(self, target: BaseModel, stage: str, reason: str | None) -> None:
        """Close or open the way into a stage."""
        self._called("hold")
        name = _name(target)
        if not any(plan.stage == stage for plan in self.pipelines[name] if not isinstance(plan, str)):
            raise BackendError(f"The pipeline {name} has no stage {stage}.")
        rows = self._rows.setdefault(name, PipelineRows(()))
        held = {known: why for known, why in rows.held.items() if known != stage}
        self._rows[name] = replace(rows, held=held if reason is None else {**held, stage: reason})
        self._settle(name, self._rows[name])

    async def recent(self, target: BaseModel, limit: int) -> list[Run]:
        """List runs, newest first."""
        self._called("recent")
        name = _name(target)
        rows = self._rows.get(name, PipelineRows(())).executions
        return [self._look(name, row.id) for row in reversed(rows)][:limit]

    async def log(self, target: BaseModel, run_id: str, key: str) -> str:
        """Give a log that the test has shown."""
        self._called("log")
        self._look(_name(target), run_id)
        if key not in self._executions[run_id].shown:
            raise NotFound("This run has no such log.")
        return self._executions[run_id].shown[key].log

    def nudges(self) -> AsyncIterator[Nudge]:
        """Yield whenever a run changed."""
        return self._nudges.read()

    # The rows.

    def _called(self, verb: str) -> None:
        self.calls.append(verb)
        if self.failing:
            raise self.failing.pop(0)

    def _begin(self, execution: Execution, token: str, *, failure: str = "", rollback: bool = False) -> str:
        run_id, name = self.new_id(), execution.pipeline
        rows = self._rows.setdefault(name, PipelineRows(()))
        names = list(dict.fromkeys(plan.stage for plan in execution.plans))
        row = ExecutionRow(
            id=run_id, number=len(rows.executions) + 1, length=len(names), rollback=rollback,
            stages=tuple(StageRow(i, stage) for i, stage in enumerate(names)),
            actions=tuple(
                ActionRow(id=f"{run_id}.{n}", stage=names.index(plan.stage), name=plan.action, order=plan.order,
                          approval=plan.kind is ActionKind.APPROVAL, hook=plan.hook,
                          patience=self.patience if plan.kind is ActionKind.APPROVAL else None)
                for n, plan in enumerate(execution.plans)
            ),
            mode=self.modes.get(name, Mode.SUPERSEDED),
            conditions=tuple(
                ConditionRow(names.index(stage), hook, result)
                for stage, hook, result in dict.fromkeys((p.stage, p.hook, p.result) for p in execution.plans if p.hook)
            ),
            state=State.FAILED if failure else State.IN_PROGRESS, detail=failure,
            finished=execution.created if failure else None,
        )  # fmt: skip
        self._executions[run_id] = execution
        self._started[name, token] = run_id
        self._settle(name, replace(rows, executions=(*rows.executions, row)))
        self._nudges.put(run_id)
        return run_id

    def _change(self, run_id: str, verb: Callable[[PipelineRows, ExecutionRow], ExecutionRow]) -> None:
        name = self._executions[run_id].pipeline
        rows = self._rows[name]
        self._settle(name, rows.put(verb(rows, rows.find(run_id))))

    def _settle(self, name: str, rows: PipelineRows) -> None:
        before = {run.id: run for run in self._rows[name].executions}
        while True:
            rows = advance(rows, self.clock(), self.new_id)
            # Nothing goes back by itself here; whoever waits for the stage may come in.
            rows = rows.put(*(replace(run, rolls_back=False) for run in rows.executions if run.rolls_back))
            rows = advance(rows, self.clock(), self.new_id)
            fetching = [
                (run.id, action)
                for run in rows.executions
                for action in run.actions
                if action.state is State.IN_PROGRESS and self._plan(run, action).kind is ActionKind.SOURCE
            ]
            if not fetching:
                break
            for run_id, action in fetching:
                run, now = rows.find(run_id), self.clock()
                done = verbs.finish(run, action.id, action.attempt, state=State.SUCCEEDED, detail="", now=now)
                rows = rows.put(done)
        self._rows[name] = rows
        for run in rows.executions:
            self._executions[run.id].tokens.update({a.token: a.id for a in run.actions if a.token})
            if before.get(run.id) != run:
                self._nudges.put(run.id)

    def _find(self, run_id: str) -> ExecutionRow:
        return self._rows[self._executions[run_id].pipeline].find(run_id)

    def _row(self, run_id: str, stage: str, action: str) -> ActionRow:
        run = self._find(run_id)
        index = next(s.index for s in run.stages if s.name == stage)
        return next(a for a in run.actions if a.stage == index and a.name == action)

    def _plan(self, run: ExecutionRow, action: ActionRow) -> Plan:
        return self._executions[run.id].plans[run.actions.index(action)]

    def _look(self, pipeline: str, run_id: str) -> Run:
        seen = self.clock()
        execution = self._executions.get(run_id)
        if execution is None or execution.pipeline != pipeline:
            raise RunNotFound(f"There is no run {run_id} of {pipeline}.")
        row = self._find(run_id)
        stages = tuple(self._stage(row, stage, execution) for stage in row.stages)
        status = STATUS[row.state]
        if status is Status.RUNNING:
            untouched = all(stage.status is Status.QUEUED for stage in stages)
            here = stages[row.position].status
            status = Status.QUEUED if untouched else Status.WAITING if here is Status.WAITING else status
        return Run(
            id=run_id, pipeline=pipeline, status=status, stages=stages, started=execution.created,
            revision=execution.revision if stages else None, finished=row.finished, detail=row.detail,
            trigger=execution.trigger, started_by=execution.started_by, rollback=row.rollback, seen=seen,
        )  # fmt: skip

    def _stage(self, row: ExecutionRow, stage: StageRow, execution: Execution) -> Stage:
        mine = [action for action in row.actions if action.stage == stage.index and action.hook is None]
        actions = [self._action(row, action, execution) for action in mine]
        busy = {action.status for action in actions} & {Status.RUNNING, Status.WAITING}
        status, detail = STATUS[stage.state], ""
        if status is Status.RUNNING and busy == {Status.WAITING}:
            status = Status.WAITING
        if row.waits and row.position == stage.index:
            rows = self._rows[execution.pipeline]
            inside = next((r for r in rows.executions if r.inside and r.stage.name == stage.name), None)
            detail = f"Waits for run {inside.number}." if inside else ""
            detail = f"Closed: {rows.held[stage.name]}" if stage.name in rows.held else detail
        held = next((c for c in row.conditions if c.stage == stage.index and c.failed), None)
        if held is not None and stage.state is State.FAILED:
            detail = f"Its condition failed: {held.detail}"
        if stage.state is State.SKIPPED:
            actions = [action.model_copy(update={"status": Status.SKIPPED}) for action in actions]
        by = HeldBy(held.hook.lower()) if held and stage.state is State.FAILED and held.result is Fired.FAIL else None
        return Stage(
            name=stage.name, status=status, attempt=stage.attempt, started=stage.started, finished=stage.finished,
            actions=tuple(sorted(actions, key=lambda action: action.order)), detail=detail, held=by,
        )  # fmt: skip

    def _action(self, row: ExecutionRow, action: ActionRow, execution: Execution) -> Action:
        plan = execution.plans[row.actions.index(action)]
        key = f"{action.id}#{action.attempt}"
        shown = execution.shown.get(key, Shown())
        status, gate = STATUS[action.state], None
        if action.approval:
            status = Status.WAITING if status is Status.RUNNING else status
            if action.token:
                gate = Gate(token=action.token, message=plan.message, expires=action.expires, decision=action.decision)
        tail = LogTail(lines=tuple(shown.log.splitlines()[-40:]), key=key) if shown.log else None
        return Action(
            name=action.name, kind=plan.kind, status=status, order=action.order, started=action.started,
            finished=action.finished, detail=action.detail or shown.detail, tests=shown.tests, rollout=shown.rollout,
            log=tail, gate=gate,
        )  # fmt: skip


def _name(target: BaseModel) -> str:
    assert isinstance(target, MemoryTarget)
    return target.pipeline
