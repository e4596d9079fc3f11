"""The state machine: its table, its rules one by one, and every situation that two executions can get into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import Conflict
from bot.core.model import Decision
from bot.core.ports import RetryScope
from integrations.local import verbs
from integrations.local.advance import advance, holder, why_held
from integrations.local.refusals import (
    ConditionNotOverridable,
    DuplicatedStopRequest,
    NotLatestPipelineExecution,
    PipelineExecutionNotStoppable,
)
from integrations.local.states import (
    LEGAL,
    ActionRow,
    ConditionRow,
    ExecutionRow,
    Fired,
    Hook,
    IllegalTransition,
    Mode,
    PipelineRows,
    StageRow,
    State,
    become,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
YES, NO = Decision(approved=True, by="grace"), Decision(approved=False, by="linus")
TERMINAL = {State.SUCCEEDED, State.FAILED, State.STOPPED, State.SUPERSEDED, State.CANCELLED, State.UNKNOWN}


def execution(number: int = 1, mode: Mode = Mode.SUPERSEDED) -> ExecutionRow:
    """Two stages: Build with A and B side by side and then the gate G; Deploy with D."""
    name = f"e{number}"
    return ExecutionRow(
        id=name,
        number=number,
        length=2,
        mode=mode,
        stages=(StageRow(0, "Build"), StageRow(1, "Deploy")),
        actions=(
            ActionRow(f"{name}.A", 0, "A", order=1),
            ActionRow(f"{name}.B", 0, "B", order=1),
            ActionRow(f"{name}.G", 0, "G", order=5, approval=True),
            ActionRow(f"{name}.D", 1, "D"),
        ),
    )


def settled(*executions: ExecutionRow, **held: str) -> PipelineRows:
    """Let executions arrive one after the other."""
    rows = PipelineRows((), held)
    for arriving in executions:
        rows = advance(replace(rows, executions=(*rows.executions, arriving)), NOW, lambda: "token")
    return rows


def over(rows: PipelineRows, action: str, state: State = State.SUCCEEDED) -> PipelineRows:
    """End a running action, by its id as `e1.A`."""
    run = rows.find(action.split(".", maxsplit=1)[0])
    attempt = next(a.attempt for a in run.actions if a.id == action)
    ended = verbs.finish(run, action, attempt, state=state, detail="its cause", now=NOW)
    assert ended != run, f"{action} does not run"
    return advance(rows.put(ended), NOW, lambda: "token")


def answered(rows: PipelineRows, execution_id: str, decision: Decision) -> PipelineRows:
    run = rows.find(execution_id)
    gate = next(a for a in run.actions if a.approval)
    return advance(rows.put(verbs.decide(run, gate, decision, NOW)), NOW, lambda: "token")


def stopped(rows: PipelineRows, execution_id: str, *, abandon: bool = False) -> PipelineRows:
    return advance(rows.put(verbs.stop(rows.find(execution_id), "why", abandon=abandon)), NOW, lambda: "token")


def states(rows: PipelineRows, execution_id: str) -> dict[str, State]:
    return {a.name: a.state for a in rows.find(execution_id).actions}


def to_deploy(rows: PipelineRows, execution_id: str) -> PipelineRows:
    rows = over(over(rows, f"{execution_id}.A"), f"{execution_id}.B")
    return answered(rows, execution_id, YES)


ROWS: dict[type, Callable[[State], ActionRow | StageRow | ExecutionRow | ConditionRow]] = {
    ActionRow: lambda state: ActionRow("x", 0, "x", state=state),
    StageRow: lambda state: StageRow(0, "x", state=state),
    ExecutionRow: lambda state: replace(execution(), state=state),
    ConditionRow: lambda state: ConditionRow(0, Hook.BEFORE_ENTRY, Fired.FAIL, state=state),
}


@pytest.mark.parametrize(("kind", "before", "after"), list(product(ROWS, State, State)))
def test_a_state_follows_another_only_as_the_table_says(kind: type, before: State, after: State) -> None:
    row = ROWS[kind](before)
    if after in LEGAL[kind].get(before, ()):
        assert become(row, after).state is after  # type: ignore[type-var]
    else:
        with pytest.raises(IllegalTransition):
            become(row, after)  # type: ignore[type-var]


def test_the_table_has_no_states_that_codepipeline_does_not_know_for_that_kind() -> None:
    known = {  # API reference: PipelineExecution.status, StageExecution.status, ActionExecution.status; and our own two
        ExecutionRow: {"InProgress", "Stopping", "Stopped", "Succeeded", "Failed", "Superseded", "Cancelled"},
        StageRow: {"InProgress", "Stopping", "Stopped", "Succeeded", "Failed", "Skipped", "Cancelled"},
        ActionRow: {"InProgress", "Succeeded", "Failed", "Abandoned"},
        ConditionRow: {"InProgress", "Succeeded", "Failed", "Errored", "Cancelled", "Abandoned", "Overridden"},
    }
    for kind, table in LEGAL.items():
        used = set(table) | set().union(*table.values())
        assert {str(state) for state in used} <= known[kind] | {"Pending", "Unknown"}


def test_a_group_starts_together_and_the_next_one_when_all_of_it_succeeded() -> None:
    rows = settled(execution())
    assert states(rows, "e1") == {
        "A": State.IN_PROGRESS,
        "B": State.IN_PROGRESS,
        "G": State.PENDING,
        "D": State.PENDING,
    }
    rows = over(rows, "e1.A")
    assert states(rows, "e1")["G"] is State.PENDING
    rows = over(rows, "e1.B")
    gate = rows.find("e1").actions[2]
    assert (gate.state, gate.token, gate.expires) == (State.IN_PROGRESS, "token", NOW + timedelta(days=7))
    rows = answered(rows, "e1", YES)
    assert states(rows, "e1")["D"] is State.IN_PROGRESS
    rows = over(rows, "e1.D")
    assert rows.find("e1").state is State.SUCCEEDED


def test_a_failure_waits_for_its_neighbours_and_ends_stage_and_execution() -> None:
    rows = over(settled(execution()), "e1.A", State.FAILED)
    assert rows.find("e1").state is State.IN_PROGRESS
    rows = over(rows, "e1.B")
    run = rows.find("e1")
    assert (run.state, run.stage.state, run.finished) == (State.FAILED, State.FAILED, NOW)
    assert run.detail == "Build: A: its cause"
    assert states(rows, "e1")["G"] is State.PENDING


def test_what_nobody_knows_outweighs_what_failed() -> None:
    rows = over(over(settled(execution()), "e1.A", State.FAILED), "e1.B", State.UNKNOWN)
    run = rows.find("e1")
    assert (run.state, run.stage.state) == (State.UNKNOWN, State.UNKNOWN)
    assert "B" in run.detail


def test_a_gate_beside_a_failed_action_closes() -> None:
    beside = replace(execution(), actions=(ActionRow("e1.A", 0, "A"), ActionRow("e1.G", 0, "G", approval=True)))
    rows = over(settled(beside), "e1.A", State.FAILED)
    assert states(rows, "e1") == {"A": State.FAILED, "G": State.ABANDONED}
    assert rows.find("e1").state is State.FAILED


def test_a_rejection_fails_and_names_who_said_so() -> None:
    rows = answered(over(over(settled(execution()), "e1.A"), "e1.B"), "e1", NO)
    run = rows.find("e1")
    assert run.state is State.FAILED
    assert "Rejected by linus" in run.detail


def test_a_gate_expires_at_its_time_and_not_before() -> None:
    rows = over(over(settled(execution()), "e1.A"), "e1.B")
    run = rows.find("e1")
    assert verbs.expire(run, NOW + timedelta(days=7) - timedelta(seconds=1)) == run
    rows = advance(rows.put(verbs.expire(run, NOW + timedelta(days=7))), NOW, lambda: "token")
    assert rows.find("e1").state is State.FAILED
    with pytest.raises(Conflict, match="2026-01-08"):
        answered(rows, "e1", YES)


def test_a_stage_is_taken_by_one_execution_until_it_leaves() -> None:
    rows = settled(execution(1), execution(2))
    assert states(rows, "e2")["A"] is State.PENDING
    rows = to_deploy(rows, "e1")
    assert states(rows, "e2")["A"] is State.IN_PROGRESS


@pytest.mark.parametrize("end", [State.FAILED, State.UNKNOWN, State.ABANDONED])
def test_a_failed_stage_is_free_again(end: State) -> None:
    rows = over(over(settled(execution(1), execution(2)), "e1.A", end), "e1.B")
    assert states(rows, "e2")["A"] is State.IN_PROGRESS


def test_the_newest_of_those_that_wait_overtakes_the_others_but_nobody_who_is_inside() -> None:
    rows = settled(execution(1), execution(2), execution(3))
    assert [rows.find(f"e{n}").state for n in (1, 2, 3)] == [State.IN_PROGRESS, State.SUPERSEDED, State.IN_PROGRESS]
    assert rows.find("e2").detail == "Run 3 overtook it before Build."
    rows = to_deploy(rows, "e1")
    assert states(rows, "e3")["A"] is State.IN_PROGRESS


def test_those_that_wait_before_different_stages_do_not_overtake_each_other() -> None:
    rows = to_deploy(settled(execution(1)), "e1")
    rows = settled(*rows.executions, execution(2))
    rows = to_deploy(rows, "e2")
    assert rows.find("e2").waits
    rows = settled(*rows.executions, execution(3))
    assert rows.find("e2").state is State.IN_PROGRESS
    rows = to_deploy(rows, "e3")
    assert rows.find("e2").state is State.SUPERSEDED


def test_queued_executions_wait_their_turn() -> None:
    rows = settled(*(execution(n, Mode.QUEUED) for n in (1, 2, 3)))
    assert all(run.state is State.IN_PROGRESS for run in rows.executions)
    rows = to_deploy(rows, "e1")
    assert (states(rows, "e2")["A"], states(rows, "e3")["A"]) == (State.IN_PROGRESS, State.PENDING)


def test_parallel_executions_ignore_each_other() -> None:
    rows = settled(*(execution(n, Mode.PARALLEL) for n in (1, 2, 3)))
    assert all(states(rows, f"e{n}")["A"] is State.IN_PROGRESS for n in (1, 2, 3))


def test_a_closed_way_in_holds_and_opening_it_lets_in() -> None:
    rows = settled(execution(), Build="audit")
    assert rows.find("e1").waits
    rows = advance(replace(rows, held={}), NOW, lambda: "token")
    assert states(rows, "e1")["A"] is State.IN_PROGRESS


def test_a_rollback_is_not_held_ends_nobody_elses_run_and_comes_in_first() -> None:
    back = ExecutionRow(
        "e9", 9, 1, (StageRow(0, "Deploy"),), (ActionRow("e9.D", 0, "D"),), rollback=True
    )  # fmt: skip
    rows = settled(back, Deploy="frozen")
    assert states(rows, "e9")["D"] is State.IN_PROGRESS
    waiting = to_deploy(settled(execution(1)), "e1")
    waiting = to_deploy(settled(*waiting.executions, execution(2)), "e2")
    rows = settled(*waiting.executions, back)
    assert [run.state for run in rows.executions] == [State.IN_PROGRESS] * 3
    rows = over(rows, "e1.D")
    assert (states(rows, "e2")["D"], states(rows, "e9")["D"]) == (State.PENDING, State.IN_PROGRESS)


def test_a_rollback_comes_before_whoever_waits_and_its_stage_is_kept_free_for_it() -> None:
    rows = over(settled(guarded(ON_FAILURE=Fired.ROLLBACK)), "e1.A")
    rows = over(settled(*rows.executions, guarded(2)), "e2.A")
    rows = over(over(rows, "e1.D", State.FAILED), "e1.ON_FAILURE", State.FAILED)
    assert (rows.find("e1").rolls_back, rows.find("e2").waits) == (True, True)
    back = ExecutionRow("e9", 9, 1, (StageRow(0, "Deploy"),), (ActionRow("e9.D", 0, "D"),), rollback=True)
    rows = advance(PipelineRows((rows.find("e2"), back)), NOW, lambda: "token")  # the failed one is looked at no more
    assert (states(rows, "e9")["D"], states(rows, "e2")["D"]) == (State.IN_PROGRESS, State.PENDING)


def test_a_rollback_ends_after_its_one_stage() -> None:
    back = ExecutionRow(
        "e9", 9, 1, (StageRow(0, "Deploy"),), (ActionRow("e9.D", 0, "D"),), rollback=True
    )  # fmt: skip
    assert over(settled(back), "e9.D").find("e9").state is State.SUCCEEDED


def test_stopping_waits_for_what_runs_and_begins_nothing() -> None:
    rows = stopped(settled(execution()), "e1")
    assert (rows.find("e1").state, rows.find("e1").stage.state) == (State.STOPPING, State.STOPPING)
    rows = over(over(rows, "e1.A"), "e1.B", State.FAILED)
    assert (rows.find("e1").state, rows.find("e1").stage.state) == (State.STOPPED, State.STOPPED)
    assert states(rows, "e1")["G"] is State.PENDING


def test_stopping_between_stages_or_at_a_gate_is_immediate() -> None:
    assert stopped(settled(execution(), Build="audit"), "e1").find("e1").state is State.STOPPED
    at_gate = over(over(settled(execution()), "e1.A"), "e1.B")
    rows = stopped(at_gate, "e1")
    assert (rows.find("e1").state, states(rows, "e1")["G"]) == (State.STOPPED, State.ABANDONED)


def test_a_stopped_run_says_what_nobody_knows() -> None:
    rows = stopped(settled(execution()), "e1")
    rows = over(over(rows, "e1.A"), "e1.B", State.UNKNOWN)
    assert rows.find("e1").detail == "why B: its cause"


def test_an_attempt_that_is_not_under_way_any_more_changes_nothing() -> None:
    run = settled(execution()).find("e1")
    for action, attempt in (("e1.A", 2), ("e1.G", 1), ("nothing", 1)):
        assert verbs.finish(run, action, attempt, state=State.SUCCEEDED, detail="", now=NOW) == run


Situation = PipelineRows
UNENTERED = (State.PENDING, State.FAILED, State.STOPPED, State.SKIPPED, State.CANCELLED)


def possible(rows: Situation) -> Iterator[tuple[str, Situation]]:
    """Yield everything that could happen next, by whomever."""
    for run in rows.executions:
        for action in run.actions:
            if action.state is State.IN_PROGRESS and not action.approval:
                for end in (State.SUCCEEDED, State.FAILED, State.UNKNOWN, State.ABANDONED):
                    ended = verbs.finish(run, action.id, action.attempt, state=end, detail="", now=NOW)
                    yield f"{action.id} {end}", rows.put(ended)
            if action.state is State.IN_PROGRESS and action.approval:
                for decision in (YES, NO):
                    yield f"{action.id} {decision.approved}", rows.put(verbs.decide(run, action, decision, NOW))
                yield f"{action.id} expires", rows.put(verbs.expire(run, NOW + timedelta(days=9)))
        if run.active:
            for abandon in (False, True):
                yield f"stop {run.id} {abandon}", rows.put(verbs.stop(run, "why", abandon=abandon))
        if run.active and len(rows.executions) == 1:  # of two, it would only make the search longer
            yield f"cancel {run.id}", rows.put(verbs.cancel(run, "gone"))
        for stage, hook in product(run.stages, (Hook.BEFORE_ENTRY, Hook.ON_SUCCESS)):
            if stage.attempt < 2:
                try:
                    on = verbs.override(rows, run, stage.name, hook, attempt=stage.attempt, newer=newer_than(rows, run))
                except Conflict:
                    continue
                yield f"override {run.id} {stage.name} {hook}", rows.put(on)
        for stage, scope in product(run.stages, RetryScope):
            if stage.attempt < 2:
                try:
                    newer = newer_than(rows, run)
                    again = verbs.retry(rows, run, stage.name, scope=scope, attempt=stage.attempt, newer=newer)
                except Conflict:
                    continue
                yield f"retry {run.id} {stage.name} {scope}", rows.put(again)
    yield "hold", replace(rows, held={} if rows.held else {"Deploy": "audit"})


def newer_than(rows: Situation, run: ExecutionRow) -> int | None:
    """Find a newer execution that has been in the stage that this one is in."""
    been = [
        other.number
        for other in rows.executions
        if other.number > run.number and other.stages[run.position].state is not State.PENDING
    ]
    return max(been, default=None)


def consistent(rows: Situation) -> None:
    """Check what must hold in every situation."""
    for run in rows.executions:
        running = [a for a in run.actions if a.state is State.IN_PROGRESS]
        assert run.active == (run.state not in TERMINAL)
        assert run.active or not running, "something runs in a finished execution"
        assert all(a.stage == run.position for a in running)
        assert (run.finished is not None) == (not run.active)
        for action in running:
            same = [a for a in run.actions if a.stage == action.stage and a.hook is None]
            earlier = [a for a in same if a.order < action.order and action.hook is None]
            assert all(a.state is State.SUCCEEDED for a in earlier)
        for before, after in zip(run.stages, run.stages[1:], strict=False):
            assert after.state is State.PENDING or before.state in (State.SUCCEEDED, State.SKIPPED)
        if run.state is State.SUCCEEDED:
            skipped = {stage.index for stage in run.stages if stage.state is State.SKIPPED}
            done = [a for a in run.actions if a.hook is None and a.stage not in skipped]
            assert all(a.state is State.SUCCEEDED for a in done)
        for condition in run.conditions:
            rules = [a for a in run.actions if a.stage == condition.stage and a.hook is condition.hook]
            assert (condition.state is State.IN_PROGRESS) == any(a.state is State.IN_PROGRESS for a in rules)
            entry = condition.hook is Hook.BEFORE_ENTRY
            here = run.stages[condition.stage].state
            assert condition.passed or not entry or here in UNENTERED or condition.state is State.IN_PROGRESS
        if run.state is State.SUPERSEDED:
            assert run.stage.state is State.PENDING
        if run.inside:
            assert run.mode is Mode.PARALLEL or holder(rows, run) is None, "two executions are inside one stage"
            assert running, "an execution is inside a stage, but nothing can happen"
        if run.state is State.IN_PROGRESS and run.waits:
            assert why_held(rows, run) or holder(rows, run), "an execution waits for nothing"
        assert all((a.token is not None) == (a.state is not State.PENDING) for a in run.actions if a.approval)
    assert advance(rows, NOW, lambda: "token") == rows, "there was more to do"


@pytest.mark.parametrize("mode", [Mode.SUPERSEDED, Mode.QUEUED])
def test_every_situation_that_two_executions_can_get_into_is_consistent(mode: Mode) -> None:
    start = settled(small(1, mode), small(2, mode))
    seen, todo = {key(start)}, [start]
    while todo:
        rows = todo.pop()
        consistent(rows)
        for _, following in possible(rows):
            after = advance(following, NOW, lambda: "token")
            if key(after) not in seen:
                seen.add(key(after))
                todo.append(after)
    assert len(seen) > 1000


def small(number: int, mode: Mode) -> ExecutionRow:
    name = f"e{number}"
    actions = (
        ActionRow(f"{name}.A", 0, "A", order=1),
        ActionRow(f"{name}.G", 0, "G", order=2, approval=True),
        ActionRow(f"{name}.D", 1, "D"),
    )
    return ExecutionRow(name, number, 2, (StageRow(0, "Build"), StageRow(1, "Deploy")), actions, mode=mode)


def key(rows: Situation) -> object:
    """Tell situations apart by what matters: states and attempts."""
    return (
        tuple(rows.held),
        tuple(
            (run.state, run.position, run.abandon, tuple((s.state, s.attempt) for s in run.stages),
             tuple((a.state, a.attempt) for a in run.actions), tuple(c.state for c in run.conditions), run.cancelled)
            for run in rows.executions
        ),
    )  # fmt: skip


def guarded(
    number: int = 1, mode: Mode = Mode.SUPERSEDED, conditions: Mapping[Hook, Fired] | None = None, **more: Fired
) -> ExecutionRow:
    """Build with A; Deploy with D and the conditions that are given, each with the rule R of its hook."""
    name = f"e{number}"
    hooks = {Hook(key): fired for key, fired in [*(conditions or {}).items(), *more.items()]}
    actions = [ActionRow(f"{name}.A", 0, "A", patience=None), ActionRow(f"{name}.D", 1, "D", patience=None)]
    actions += [ActionRow(f"{name}.{hook}", 1, hook, hook=hook, patience=timedelta(hours=1)) for hook in hooks]
    kept = tuple(ConditionRow(1, hook, fired) for hook, fired in hooks.items())
    stages = (StageRow(0, "Build"), StageRow(1, "Deploy"))
    return ExecutionRow(name, number, 2, stages, tuple(actions), kept, mode=mode)


def verdict(rows: PipelineRows, hook: Hook) -> State:
    condition = rows.find("e1").condition(hook)
    assert condition is not None
    return condition.state


def test_a_stage_begins_once_its_entry_condition_holds() -> None:
    rows = over(settled(guarded(BEFORE_ENTRY=Fired.FAIL)), "e1.A")
    assert (states(rows, "e1")["D"], verdict(rows, Hook.BEFORE_ENTRY)) == (State.PENDING, State.IN_PROGRESS)
    assert rows.find("e1").inside
    rows = over(rows, "e1.BEFORE_ENTRY")
    assert (states(rows, "e1")["D"], verdict(rows, Hook.BEFORE_ENTRY)) == (State.IN_PROGRESS, State.SUCCEEDED)


def test_a_failed_entry_condition_fails_the_stage_until_somebody_overrides_it() -> None:
    rows = over(over(settled(guarded(BEFORE_ENTRY=Fired.FAIL)), "e1.A"), "e1.BEFORE_ENTRY", State.FAILED)
    run = rows.find("e1")
    assert (run.state, run.stage.state, states(rows, "e1")["D"]) == (State.FAILED, State.FAILED, State.PENDING)
    assert run.detail == "Deploy: its entry condition failed: BEFORE_ENTRY: its cause."
    with pytest.raises(ConditionNotOverridable):
        verbs.override(rows, run, "Deploy", Hook.ON_SUCCESS, attempt=1, newer=None)
    with pytest.raises(NotLatestPipelineExecution):
        verbs.override(rows, run, "Deploy", Hook.BEFORE_ENTRY, attempt=1, newer=2)
    on = verbs.override(rows, run, "Deploy", Hook.BEFORE_ENTRY, attempt=1, newer=None)
    rows = advance(rows.put(on), NOW, lambda: "token")
    assert (states(rows, "e1")["D"], verdict(rows, Hook.BEFORE_ENTRY)) == (State.IN_PROGRESS, State.OVERRIDDEN)
    assert rows.find("e1").stage.attempt == 2
    again = rows.find("e1")
    assert verbs.override(rows, again, "Deploy", Hook.BEFORE_ENTRY, attempt=1, newer=None) is again


def test_a_failed_entry_condition_may_skip_the_stage() -> None:
    rows = over(over(settled(guarded(BEFORE_ENTRY=Fired.SKIP)), "e1.A"), "e1.BEFORE_ENTRY", State.FAILED)
    run = rows.find("e1")
    assert (run.state, run.stage.state, states(rows, "e1")["D"]) == (State.SUCCEEDED, State.SKIPPED, State.PENDING)


def test_a_stage_has_succeeded_once_its_success_condition_holds() -> None:
    rows = over(over(settled(guarded(ON_SUCCESS=Fired.FAIL)), "e1.A"), "e1.D")
    assert rows.find("e1").inside
    rows = over(rows, "e1.ON_SUCCESS", State.FAILED)
    assert rows.find("e1").state is State.FAILED
    on = verbs.override(rows, rows.find("e1"), "Deploy", Hook.ON_SUCCESS, attempt=1, newer=None)
    rows = advance(rows.put(on), NOW, lambda: "token")
    assert (rows.find("e1").state, rows.find("e1").stage.state) == (State.SUCCEEDED, State.SUCCEEDED)


@pytest.mark.parametrize(("hook", "ends"), [("ON_SUCCESS", State.SUCCEEDED), ("ON_FAILURE", State.FAILED)])
def test_a_condition_with_the_result_rollback_asks_for_it_once_it_fails(hook: str, ends: State) -> None:
    rows = over(over(settled(guarded(conditions={Hook(hook): Fired.ROLLBACK})), "e1.A"), "e1.D", ends)
    assert not rows.find("e1").rolls_back
    rows = over(rows, f"e1.{hook}", State.FAILED)
    assert (rows.find("e1").state, rows.find("e1").rolls_back) == (State.FAILED, True)
    with pytest.raises(ConditionNotOverridable):
        verbs.override(rows, rows.find("e1"), "Deploy", Hook(hook), attempt=1, newer=None)


def test_when_nobody_knows_how_a_rule_ended_nothing_happens_by_itself() -> None:
    rows = over(over(settled(guarded(ON_FAILURE=Fired.ROLLBACK)), "e1.A"), "e1.D", State.FAILED)
    rows = over(rows, "e1.ON_FAILURE", State.UNKNOWN)
    assert (verdict(rows, Hook.ON_FAILURE), rows.find("e1").rolls_back) == (State.ERRORED, False)


def test_when_nobody_knows_how_an_action_ended_its_failure_condition_is_not_looked_at() -> None:
    rows = over(over(settled(guarded(ON_FAILURE=Fired.RETRY)), "e1.A"), "e1.D", State.UNKNOWN)
    assert (verdict(rows, Hook.ON_FAILURE), rows.find("e1").state) == (State.PENDING, State.UNKNOWN)


def test_a_failed_stage_is_retried_by_itself_once() -> None:
    bare = replace(execution(), conditions=(ConditionRow(0, Hook.ON_FAILURE, Fired.RETRY, RetryScope.ALL_ACTIONS),))
    rows = over(over(settled(bare), "e1.B"), "e1.A", State.FAILED)
    run = rows.find("e1")
    assert (run.state, run.stage.attempt, run.stage.automatic) == (State.IN_PROGRESS, 2, 1)
    assert run.stage.last_retry == "AutomatedStageRetry"
    assert states(rows, "e1")["B"] is State.IN_PROGRESS
    rows = over(over(rows, "e1.B"), "e1.A", State.FAILED)
    assert rows.find("e1").state is State.FAILED


def test_a_rejection_is_not_asked_again_by_itself() -> None:
    bare = replace(execution(), conditions=(ConditionRow(0, Hook.ON_FAILURE, Fired.RETRY),))
    rows = answered(over(over(settled(bare), "e1.A"), "e1.B"), "e1", NO)
    assert rows.find("e1").state is State.FAILED


def test_a_retry_looks_at_the_conditions_again() -> None:
    rows = over(over(settled(guarded(BEFORE_ENTRY=Fired.FAIL)), "e1.A"), "e1.BEFORE_ENTRY", State.FAILED)
    again = verbs.retry(rows, rows.find("e1"), "Deploy", scope=RetryScope.FAILED_ACTIONS, attempt=1)
    rows = advance(rows.put(again), NOW, lambda: "token")
    assert verdict(rows, Hook.BEFORE_ENTRY) is State.IN_PROGRESS
    assert next(a.attempt for a in rows.find("e1").actions if a.hook) == 2


@pytest.mark.parametrize(("abandon", "end"), [(False, State.CANCELLED), (True, State.ABANDONED)])
def test_a_stop_ends_a_condition_that_is_looked_at(abandon: bool, end: State) -> None:
    rows = stopped(over(settled(guarded(BEFORE_ENTRY=Fired.FAIL)), "e1.A"), "e1", abandon=abandon)
    rows = over(rows, "e1.BEFORE_ENTRY", State.ABANDONED if abandon else State.SUCCEEDED)
    assert (rows.find("e1").state, verdict(rows, Hook.BEFORE_ENTRY)) == (State.STOPPED, end)


def test_a_cancelled_run_ends_when_its_processes_are_gone() -> None:
    rows = settled(execution())
    rows = advance(rows.put(verbs.cancel(rows.find("e1"), "gone")), NOW, lambda: "token")
    assert (rows.find("e1").state, rows.find("e1").abandon) == (State.IN_PROGRESS, True)
    rows = over(over(rows, "e1.A", State.ABANDONED), "e1.B", State.ABANDONED)
    assert (rows.find("e1").state, rows.find("e1").stage.state) == (State.CANCELLED, State.CANCELLED)


def test_a_closed_way_out_holds_before_the_next_stage() -> None:
    rows = replace(settled(guarded()), kept={"Build": "frozen"})
    rows = over(rows, "e1.A")
    assert rows.find("e1").waits
    assert states(advance(replace(rows, kept={}), NOW, lambda: "token"), "e1")["D"] is State.IN_PROGRESS


def test_an_action_that_takes_too_long_fails_and_says_so() -> None:
    slow = replace(execution(), actions=(ActionRow("e1.A", 0, "A", patience=timedelta(minutes=5)),), length=1)
    rows = settled(slow)
    run, late = rows.find("e1"), NOW + timedelta(minutes=5)
    assert verbs.expire(run, late) == run
    ended = verbs.finish(run, "e1.A", 1, state=State.ABANDONED, detail="Stopped.", now=late)
    run = advance(rows.put(ended), late, lambda: "token").find("e1")
    assert (run.state, run.detail) == (State.FAILED, "Build: A: It took longer than 5 minutes and was ended.")


def test_stopping_twice_is_refused_where_aws_refuses_it() -> None:
    run = verbs.stop_once(settled(execution()).find("e1"), "why", abandon=False)
    with pytest.raises(DuplicatedStopRequest):
        verbs.stop_once(run, "why", abandon=False)
    run = verbs.stop_once(run, "why", abandon=True)
    with pytest.raises(DuplicatedStopRequest):
        verbs.stop_once(run, "why", abandon=True)
    over_already = stopped(settled(execution(), Build="audit"), "e1").find("e1")
    with pytest.raises(PipelineExecutionNotStoppable):
        verbs.stop_once(over_already, "why", abandon=True)


CHOICES = {Hook.BEFORE_ENTRY: (Fired.FAIL, Fired.SKIP), Hook.ON_SUCCESS: (Fired.FAIL, Fired.ROLLBACK),
           Hook.ON_FAILURE: (Fired.FAIL, Fired.ROLLBACK, Fired.RETRY)}  # fmt: skip


@pytest.mark.parametrize(("hook", "fired"), [(hook, fired) for hook, them in CHOICES.items() for fired in them])
def test_every_situation_of_a_stage_with_a_condition_is_consistent(hook: Hook, fired: Fired) -> None:
    start = settled(guarded(conditions={hook: fired}))
    seen, todo = {key(start)}, [start]
    while todo:
        rows = todo.pop()
        consistent(rows)
        for _, following in possible(rows):
            after = advance(following, NOW, lambda: "token")
            if key(after) not in seen:
                seen.add(key(after))
                todo.append(after)
    assert len(seen) > 50


CONDITIONS = st.fixed_dictionaries({}, optional={hook: st.sampled_from(them) for hook, them in CHOICES.items()})


@settings(max_examples=150, deadline=None)
@given(mode=st.sampled_from(Mode), conditions=CONDITIONS, data=st.data())
def test_whatever_people_and_runners_do_the_rules_hold(mode: Mode, conditions: dict[Hook, Fired], data: Any) -> None:
    rows, entered = PipelineRows(()), list[int]()
    for _ in range(data.draw(st.integers(10, 40))):
        following = list(possible(rows))
        if len(rows.executions) < 4:
            following.append(
                (
                    "start",
                    replace(rows, executions=(*rows.executions, guarded(len(rows.executions) + 1, mode, conditions))),
                )
            )
        name, chosen = data.draw(st.sampled_from(following))
        after = advance(chosen, NOW, lambda: "token")
        asking = [run for run in after.executions if run.rolls_back]
        assert not any(
            run.inside and run.stage.name == "Deploy" for run in after.executions if asking and run not in asking
        )
        after = advance(after.put(*(replace(run, rolls_back=False) for run in asking)), NOW, lambda: "token")
        was = {run.id: run for run in rows.executions}
        for run in after.executions:
            old = was.get(run.id)
            if old is not None and not old.active and run.active:
                assert name.startswith(("retry", "override")), "it came to life again by itself"
            fresh = old is None or old.stages[1].state is State.PENDING
            if fresh and run.stages[1].state is not State.PENDING:
                entered.append(run.number)
        consistent(after)
        rows = after
    if mode is Mode.QUEUED:
        assert entered == sorted(entered), "somebody was overtaken"
        assert all(run.state is not State.SUPERSEDED for run in rows.executions)
