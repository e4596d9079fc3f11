"""What every backend promises (`bot.core.ports.Backend`), tried on each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest

from bot.core.errors import BackendError, Conflict, NotFound, RunNotFound
from bot.core.model import Decision, HeldBy, Run, Status
from bot.core.ports import Backend, Capability, RetryScope
from bot.store.database import Database, open_engine
from integrations.local.backend import LocalBackend
from integrations.local.states import Fired, Hook, Mode
from tests.contract.worlds import Clock, Guard, World, aws_world, local_world, memory_world, settle, state

YES = Decision(approved=True, by="grace", comment="looks good")
NO = Decision(approved=False, by="linus", comment="not on a Friday")


@pytest.fixture(
    params=[
        pytest.param((None, None), id="memory"),
        pytest.param(("local", "sqlite"), id="local on SQLite"),
        pytest.param(("local", "postgresql"), id="local on PostgreSQL"),
        pytest.param(("aws", "sqlite"), id="aws over HTTP"),
    ]
)
def place(request: pytest.FixtureRequest, empty_database: Callable[[str], str]) -> tuple[str | None, str]:
    """The kind of backend, and the database behind it if there is one."""
    kind, database = request.param
    return kind, empty_database(database) if database else ""


@pytest.fixture
async def world(place: tuple[str | None, str], tmp_path: Path) -> AsyncIterator[World]:
    kind, url = place
    if kind is None:
        yield memory_world()
        return
    engine = open_engine(url)
    clock = Clock()
    backend = LocalBackend(Database(engine), tmp_path / "data", clock, lambda: str(uuid4()))
    await backend.open()
    try:
        if kind == "aws":
            async with aws_world(tmp_path / "world", backend, clock) as world:
                yield world
        else:
            yield local_world(tmp_path / "world", backend, clock)
    finally:
        await backend.close(kill=True)
        await engine.dispose()


async def test_it_is_a_backend(world: World) -> None:
    assert isinstance(world.backend, Backend)
    assert world.backend.capabilities == frozenset(Capability)
    assert isinstance(world.target, world.backend.target)


async def test_the_same_wish_twice_gives_one_run(world: World) -> None:
    wish = world.release()
    first, second = await asyncio.gather(*(world.backend.start(world.target, wish) for _ in range(2)))
    assert first == second
    assert await world.backend.start(world.target, wish) == first
    assert len(await world.backend.recent(world.target, 10)) == 1


async def test_a_run_goes_through_its_stages_in_order_to_the_end(world: World) -> None:
    run_id = await world.start()
    run = await world.to_gate(run_id)
    assert run.status is Status.WAITING
    assert [stage.status for stage in run.stages] == [Status.SUCCEEDED] * 3 + [Status.WAITING]
    assert run.revision is not None
    assert run.revision.ref == "main"
    open_gate = run.open_gate
    assert open_gate is not None
    await world.backend.decide(world.target, run_id, open_gate[2].token, YES)
    await world.end(run_id, "Production", "Deploy")
    run = await world.until(run_id, lambda run: run.status.finished)
    assert run.status is Status.SUCCEEDED
    assert run.detail == ""
    assert run.finished is not None
    assert all(stage.started and stage.finished for stage in run.stages)


async def test_actions_of_one_order_run_side_by_side_and_the_next_order_waits(world: World) -> None:
    run_id = await world.start()
    run = await world.runs(run_id, "Build", "Unit", "Style")
    assert state(run, "Build", "Package") is Status.QUEUED
    await world.end(run_id, "Build", "Unit")
    await settle()
    run = await world.look(run_id)
    assert state(run, "Build", "Style") is Status.RUNNING
    assert state(run, "Build", "Package") is Status.QUEUED
    world.say(run_id, "Build", "Style")
    await world.runs(run_id, "Build", "Package")


async def test_a_failed_action_lets_its_neighbour_finish_and_then_fails_the_run(world: World) -> None:
    run_id = await world.start()
    await world.runs(run_id, "Build", "Unit", "Style")
    run = await world.end(run_id, "Build", "Unit", ok=False)
    assert not run.status.finished
    assert state(run, "Build", "Style") is Status.RUNNING
    world.say(run_id, "Build", "Style")
    run = await world.until(run_id, lambda run: run.status.finished)
    assert run.status is Status.FAILED
    assert "Unit" in run.detail
    assert state(run, "Build", "Style") is Status.SUCCEEDED
    assert state(run, "Build", "Package") is Status.QUEUED
    staging = run.stage("Staging")
    assert staging is not None
    assert staging.status is Status.QUEUED


async def test_a_look_never_goes_backwards(world: World) -> None:
    """Over a whole run, every stage and action only moves forward."""
    rank = {Status.QUEUED: 0, Status.RUNNING: 1, Status.WAITING: 1, Status.SUCCEEDED: 2}
    run_id = await world.start()
    looks: list[Run] = []

    async def keep_looking() -> None:
        while True:
            looks.append(await world.look(run_id))
            await asyncio.sleep(0.005)

    looking = asyncio.create_task(keep_looking())
    await world.to_gate(run_id)
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
    for earlier, later in pairwise(looks):
        assert earlier.seen <= later.seen
        for before, after in zip(earlier.stages, later.stages, strict=True):
            assert rank[before.status] <= rank[after.status]
            for one, other in zip(before.actions, after.actions, strict=True):
                assert rank[one.status] <= rank[other.status]


async def test_an_approval_says_what_it_asks_and_keeps_who_answered(world: World) -> None:
    run_id = await world.start()
    open_gate = (await world.to_gate(run_id)).open_gate
    assert open_gate is not None
    stage, action, gate = open_gate
    assert (stage.name, action.name, gate.message) == ("Production", "Approve", world.gate_text)
    assert gate.expires is not None
    await world.backend.decide(world.target, run_id, gate.token, YES)
    run = await world.runs(run_id, "Production", "Deploy")
    decided = run.stages[3].actions[0].gate
    assert decided is not None
    assert decided.decision is not None
    assert (decided.decision.approved, decided.decision.by, decided.decision.comment) == (True, "grace", "looks good")
    assert decided.decision.at is not None
    assert run.open_gate is None


async def test_the_same_answer_again_changes_nothing_and_another_one_is_a_conflict(world: World) -> None:
    run_id = await world.start()
    token = gate_of(await world.to_gate(run_id))
    await world.backend.decide(world.target, run_id, token, YES)
    await world.backend.decide(world.target, run_id, token, YES)
    with pytest.raises(Conflict, match="grace has approved"):
        await world.backend.decide(world.target, run_id, token, NO)
    await world.end(run_id, "Production", "Deploy")
    run = await world.until(run_id, lambda run: run.status.finished)
    assert run.status is Status.SUCCEEDED
    await world.backend.decide(world.target, run_id, token, YES)


async def test_of_twenty_answers_at_once_one_counts(world: World) -> None:
    run_id = await world.start()
    token = gate_of(await world.to_gate(run_id))
    answers = [Decision(approved=n % 2 == 0, by=f"p{n}") for n in range(20)]
    outcomes = await asyncio.gather(
        *(world.backend.decide(world.target, run_id, token, answer) for answer in answers), return_exceptions=True
    )
    gate = (await world.look(run_id)).stages[3].actions[0].gate
    assert gate is not None
    assert gate.decision is not None
    for answer, outcome in zip(answers, outcomes, strict=True):
        assert isinstance(outcome, Conflict) == (answer.approved != gate.decision.approved)


async def test_a_rejection_fails_the_stage_and_says_who(world: World) -> None:
    run_id = await world.start()
    await world.backend.decide(world.target, run_id, gate_of(await world.to_gate(run_id)), NO)
    run = await world.until(run_id, lambda run: run.status.finished)
    assert run.status is Status.FAILED
    assert "linus" in run.detail
    assert "not on a Friday" in run.detail
    assert state(run, "Production", "Deploy") is Status.QUEUED


async def test_a_token_that_no_gate_has_is_a_conflict(world: World) -> None:
    run_id = await world.start()
    await world.to_gate(run_id)
    with pytest.raises(Conflict):
        await world.backend.decide(world.target, run_id, "no-such-token", YES)


async def test_a_gate_asked_again_after_a_retry_has_another_token(world: World) -> None:
    run_id = await world.start()
    old = gate_of(await world.to_gate(run_id))
    await world.backend.decide(world.target, run_id, old, NO)
    await world.until(run_id, lambda run: run.status.finished)
    await world.backend.retry(world.target, run_id, "Production", RetryScope.FAILED_ACTIONS, 1)
    run = await world.until(run_id, lambda run: run.open_gate)
    assert gate_of(run) != old
    with pytest.raises(Conflict, match="linus"):
        await world.backend.decide(world.target, run_id, old, YES)
    await world.backend.decide(world.target, run_id, gate_of(run), YES)
    await world.runs(run_id, "Production", "Deploy")


async def test_a_gate_that_nobody_answers_fails_after_its_time(world: World) -> None:
    run_id = await world.start()
    token = gate_of(await world.to_gate(run_id))
    world.clock.ahead = timedelta(days=8)
    await world.backend.tick()
    run = await world.until(run_id, lambda run: run.status.finished)
    assert run.status is Status.FAILED
    assert "in time" in run.detail
    with pytest.raises(Conflict):
        await world.backend.decide(world.target, run_id, token, YES)


async def test_stopping_lets_running_actions_finish_and_starts_no_more(world: World) -> None:
    run_id = await world.start()
    await world.runs(run_id, "Build", "Unit", "Style")
    await world.backend.stop(world.target, run_id, "wrong branch")
    await world.backend.stop(world.target, run_id, "wrong branch")
    run = await world.look(run_id)
    assert run.status is Status.STOPPING
    world.say(run_id, "Build", "Unit")
    world.say(run_id, "Build", "Style")
    run = await world.until(run_id, lambda run: run.status.finished)
    assert run.status is Status.STOPPED
    assert "wrong branch" in run.detail
    assert [state(run, "Build", name) for name in ("Unit", "Style", "Package")] == [
        Status.SUCCEEDED,
        Status.SUCCEEDED,
        Status.QUEUED,
    ]


async def test_abandoning_ends_running_actions_also_after_a_patient_stop(world: World) -> None:
    run_id = await world.start()
    await world.runs(run_id, "Build", "Unit", "Style")
    await world.backend.stop(world.target, run_id, "enough")
    await world.backend.stop(world.target, run_id, "enough", abandon=True)
    run = await world.until(run_id, lambda run: run.status.finished)
    assert run.status is Status.STOPPED
    assert state(run, "Build", "Unit") is Status.STOPPED


async def test_a_run_that_waits_at_a_gate_stops_at_once_and_the_gate_closes(world: World) -> None:
    run_id = await world.start()
    token = gate_of(await world.to_gate(run_id))
    await world.backend.stop(world.target, run_id, "no longer needed")
    run = await world.look(run_id)
    assert run.status is Status.STOPPED
    assert run.open_gate is None
    with pytest.raises(Conflict, match="stopped"):
        await world.backend.decide(world.target, run_id, token, YES)


async def test_stopping_a_finished_run_changes_nothing(world: World) -> None:
    run_id = await world.start()
    await world.runs(run_id, "Build", "Unit", "Style")
    world.say(run_id, "Build", "Style")
    await world.end(run_id, "Build", "Unit", ok=False)
    run = await world.until(run_id, lambda run: run.status.finished)
    await world.backend.stop(world.target, run_id, "too late", abandon=True)
    assert (await world.look(run_id)).model_copy(update={"seen": run.seen}) == run


async def test_a_retry_runs_only_what_failed_and_goes_on_in_the_same_run(world: World) -> None:
    run_id = await world.start()
    await world.runs(run_id, "Build", "Unit", "Style")
    world.say(run_id, "Build", "Style")
    await world.end(run_id, "Build", "Unit", ok=False)
    await world.until(run_id, lambda run: run.status.finished)
    for _ in range(2):  # the second call is a repetition after a lost answer
        await world.backend.retry(world.target, run_id, "Build", RetryScope.FAILED_ACTIONS, 1)
    run = await world.runs(run_id, "Build", "Unit")
    assert run.stages[1].attempt == 2
    assert run.attempt == 2
    assert state(run, "Build", "Style") is Status.SUCCEEDED
    await world.end(run_id, "Build", "Unit")
    await world.end(run_id, "Build", "Package")
    await world.runs(run_id, "Staging", "Deploy")


async def test_a_retry_of_all_actions_begins_the_stage_anew(world: World) -> None:
    run_id = await world.start()
    await world.runs(run_id, "Build", "Unit", "Style")
    world.say(run_id, "Build", "Style")
    await world.end(run_id, "Build", "Unit", ok=False)
    await world.until(run_id, lambda run: run.status.finished)
    await world.backend.retry(world.target, run_id, "Build", RetryScope.ALL_ACTIONS, 1)
    await world.build(run_id)
    await world.runs(run_id, "Staging", "Deploy")


async def test_only_a_stage_that_failed_can_be_retried(world: World) -> None:
    run_id = await world.start()
    await world.runs(run_id, "Build", "Unit", "Style")
    for stage in ("Build", "Source", "Production"):
        with pytest.raises(Conflict):
            await world.backend.retry(world.target, run_id, stage, RetryScope.FAILED_ACTIONS, 1)


async def test_a_retry_is_refused_when_a_newer_run_has_been_there_since(world: World) -> None:
    old = await world.start()
    await world.runs(old, "Build", "Unit", "Style")
    world.say(old, "Build", "Style")
    await world.end(old, "Build", "Unit", ok=False)
    await world.until(old, lambda run: run.status.finished)
    new = await world.start()
    await world.runs(new, "Build", "Unit", "Style")
    with pytest.raises(Conflict, match="taken"):
        await world.backend.retry(world.target, old, "Build", RetryScope.FAILED_ACTIONS, 1)
    await world.build(new)
    with pytest.raises(Conflict, match="since"):
        await world.backend.retry(world.target, old, "Build", RetryScope.FAILED_ACTIONS, 1)


async def test_a_rollback_runs_one_stage_with_what_the_other_run_brought_there(world: World) -> None:
    good = await world.start()
    await world.to_gate(good)
    wish = world.release()
    back = await world.backend.roll_back(world.target, wish, "Staging", good)
    assert await world.backend.roll_back(world.target, wish, "Staging", good) == back
    await world.end(back, "Staging", "Deploy")
    run = await world.until(back, lambda run: run.status.finished)
    assert run.status is Status.SUCCEEDED
    assert run.rollback
    assert [stage.name for stage in run.stages] == ["Staging"]
    assert run.revision == (await world.look(good)).revision
    with pytest.raises(BackendError, match="rollback itself"):
        await world.backend.roll_back(world.target, world.release(), "Staging", back)


async def test_a_rollback_to_a_run_that_never_got_there_is_refused(world: World) -> None:
    run_id = await world.start()
    await world.to_gate(run_id)
    with pytest.raises(BackendError, match="did not succeed in Production"):
        await world.backend.roll_back(world.target, world.release(), "Production", run_id)
    with pytest.raises(RunNotFound):
        await world.backend.roll_back(world.target, world.release(), "Staging", "no-such-run")


async def test_a_rollback_into_a_stage_that_is_taken_is_a_conflict(world: World) -> None:
    good = await world.start()
    await world.to_gate(good)
    other = await world.start()
    await world.build(other)
    await world.runs(other, "Staging", "Deploy")
    with pytest.raises(Conflict, match="taken"):
        await world.backend.roll_back(world.target, world.release(), "Staging", good)


async def test_of_the_runs_that_wait_before_a_stage_the_newest_overtakes_the_others(world: World) -> None:
    first = await world.start()
    await world.to_gate(first)  # it is inside Production and is never overtaken there
    second = await world.start()
    await world.build(second)
    await world.end(second, "Staging", "Deploy")
    run = await world.until(second, lambda run: run.stages[3].detail)  # why it waits may be told a moment later
    assert not run.status.finished
    assert [stage.status for stage in run.stages[2:]] == [Status.SUCCEEDED, Status.QUEUED]
    third = await world.start()
    await world.build(third)
    await world.end(third, "Staging", "Deploy")
    run = await world.until(second, lambda run: run.status.finished)
    assert run.status is Status.SUPERSEDED
    token = gate_of(await world.look(first))
    await world.backend.decide(world.target, first, token, NO)
    await world.until(third, lambda run: run.open_gate)


async def test_a_held_stage_lets_nobody_in_until_it_is_opened(world: World) -> None:
    for _ in range(2):
        await world.backend.hold(world.target, "Staging", "audit until Monday")
    run_id = await world.start()
    await world.build(run_id)
    run = await world.until(run_id, lambda run: run.stages[1].status is Status.SUCCEEDED)
    await settle()
    run = await world.look(run_id)
    assert run.stages[2].status is Status.QUEUED
    assert "audit until Monday" in run.stages[2].detail
    for _ in range(2):
        await world.backend.hold(world.target, "Staging", None)
    await world.runs(run_id, "Staging", "Deploy")


async def test_a_held_run_can_be_stopped(world: World) -> None:
    await world.backend.hold(world.target, "Staging", "closed")
    run_id = await world.start()
    await world.build(run_id)
    await world.until(run_id, lambda run: run.stages[2].detail)
    await world.backend.stop(world.target, run_id, "not today")
    assert (await world.look(run_id)).status is Status.STOPPED


async def test_holding_a_stage_that_does_not_exist_says_so(world: World) -> None:
    with pytest.raises(BackendError, match="Prodduction"):
        await world.backend.hold(world.target, "Prodduction", "typo")


async def test_a_pipeline_that_cant_be_read_gives_a_failed_run_that_says_why(world: World) -> None:
    if world.broken is None:
        pytest.skip("AWS keeps no pipeline that can't be read")
    run_id = await world.backend.start(world.broken, world.release())
    run = await world.backend.observe(world.broken, run_id)
    assert run.status is Status.FAILED
    assert "not JSON" in run.detail
    assert run.finished is not None


async def test_a_run_that_does_not_exist_is_not_found_by_any_verb(world: World) -> None:
    backend, target = world.backend, world.target
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: backend.observe(target, "nobody"),
        lambda: backend.decide(target, "nobody", "token", YES),
        lambda: backend.stop(target, "nobody", "why"),
        lambda: backend.retry(target, "nobody", "Build", RetryScope.FAILED_ACTIONS, 1),
    ]
    for call in calls:
        with pytest.raises(RunNotFound):
            await call()


async def test_recent_lists_the_newest_first(world: World) -> None:
    assert await world.backend.recent(world.target, 5) == []
    started = [await world.start() for _ in range(3)]
    assert [run.id for run in await world.backend.recent(world.target, 2)] == started[:0:-1]


async def test_a_log_is_had_by_its_key(world: World) -> None:
    run_id = await world.start()
    await world.runs(run_id, "Build", "Unit", "Style")
    run = await world.end(run_id, "Build", "Unit")
    log = run.stages[1].actions[0].log
    assert log is not None
    assert log.key is not None
    assert "step Build.Unit" in await world.backend.log(world.target, run_id, log.key)
    for run_of_another, key in ((run_id, "no-such-key"), (await world.start(), log.key)):
        with pytest.raises(NotFound):
            await world.backend.log(world.target, run_of_another, key)


async def test_a_nudge_comes_when_a_run_changes(world: World) -> None:
    nudges = world.backend.nudges()
    run_id = await world.start()
    async with asyncio.timeout(60):
        assert (await anext(nudges)).run_id == run_id
        await world.runs(run_id, "Build", "Unit", "Style")
        while (await world.look(run_id)).status is not Status.STOPPED:
            await world.backend.stop(world.target, run_id, "enough", abandon=True)
            assert (await anext(nudges)).run_id == run_id


async def ended(world: World, run_id: str) -> Run:
    return await world.until(run_id, lambda run: run.status.finished)


def checks(stage: str) -> Callable[[Run], bool]:
    """Tell whether a stage's condition is being looked at (of the world in memory: whether the stage is busy)."""

    def holds(run: Run) -> bool:
        found = run.stage(stage)
        assert found is not None
        queued = all(action.status in (Status.QUEUED, Status.SUCCEEDED) for action in found.actions)
        return found.status is Status.RUNNING and queued

    return holds


async def test_queued_runs_wait_their_turn_and_nobody_is_overtaken(world: World) -> None:
    world.declare(Mode.QUEUED)
    first, second, third = [await world.start() for _ in range(3)]
    await world.runs(first, "Build", "Unit", "Style")
    await settle()
    for waiting in (second, third):
        assert not (await world.look(waiting)).status.finished
    await world.backend.stop(world.target, first, "make way", abandon=True)
    await world.runs(second, "Build", "Unit", "Style")
    run = await world.look(third)
    assert run.stages[1].status is Status.QUEUED
    assert not run.status.finished


async def test_parallel_runs_go_side_by_side_and_no_stage_can_be_rolled_back(world: World) -> None:
    world.declare(Mode.PARALLEL)
    both = [await world.start() for _ in range(2)]
    for run_id in both:
        await world.runs(run_id, "Build", "Unit", "Style")
    gates = {gate_of(await world.to_gate(run_id)) for run_id in both}
    assert len(gates) == 2
    if world.starts_anew:
        again = await world.backend.roll_back(world.target, world.release(), "Staging", both[0])
        run = await world.runs(again, "Build", "Unit", "Style")
        assert (run.rollback, run.revision) == (False, (await world.look(both[0])).revision)
        return
    with pytest.raises(BackendError, match="PARALLEL"):
        await world.backend.roll_back(world.target, world.release(), "Staging", both[0])


async def test_a_stage_is_held_by_its_entry_condition_until_somebody_overrides_it(world: World) -> None:
    world.declare(guards=[Guard("Staging", Hook.BEFORE_ENTRY, Fired.FAIL)])
    run_id = await world.start()
    await world.build(run_id)
    await world.until(run_id, checks("Staging"))
    world.say(run_id, "Staging", "Ready", ok=False)
    run = await ended(world, run_id)
    staging = run.stages[2]
    assert (run.status, staging.status, staging.held) == (Status.FAILED, Status.FAILED, HeldBy.BEFORE_ENTRY)
    assert "Ready" in staging.detail
    assert "condition failed" in run.detail
    with pytest.raises(Conflict):
        await world.backend.override(world.target, run_id, "Staging", HeldBy.ON_SUCCESS, 1)
    for _ in range(2):  # the second call is a repetition after a lost answer
        await world.backend.override(world.target, run_id, "Staging", HeldBy.BEFORE_ENTRY, 1)
    run = await world.runs(run_id, "Staging", "Deploy")
    assert (run.stages[2].attempt, run.stages[2].held) == (2, None)
    assert run.attempt == 2


async def test_a_stage_can_be_skipped_by_its_entry_condition(world: World) -> None:
    world.declare(guards=[Guard("Staging", Hook.BEFORE_ENTRY, Fired.SKIP)])
    run_id = await world.start()
    await world.build(run_id)
    await world.until(run_id, checks("Staging"))
    world.say(run_id, "Staging", "Ready", ok=False)
    run = await world.until(run_id, lambda run: run.open_gate)
    assert run.stages[2].status is Status.SKIPPED
    assert state(run, "Staging", "Deploy") is Status.SKIPPED


async def test_a_success_condition_is_looked_at_last_and_can_be_overridden(world: World) -> None:
    world.declare(guards=[Guard("Staging", Hook.ON_SUCCESS, Fired.FAIL)])
    run_id = await world.start()
    await world.build(run_id)
    await world.end(run_id, "Staging", "Deploy")
    await world.until(run_id, checks("Staging"))
    world.say(run_id, "Staging", "Ready", ok=False)
    assert (await ended(world, run_id)).stages[2].held is HeldBy.ON_SUCCESS
    await world.backend.override(world.target, run_id, "Staging", HeldBy.ON_SUCCESS, 1)
    run = await world.until(run_id, lambda run: run.open_gate)
    assert run.stages[2].status is Status.SUCCEEDED


async def test_a_failed_stage_with_such_a_condition_is_retried_once_by_itself(world: World) -> None:
    world.declare(guards=[Guard("Staging", Hook.ON_FAILURE, Fired.RETRY)])
    run_id = await world.start()
    await world.build(run_id)
    for attempt in (1, 2):
        run = await world.runs(run_id, "Staging", "Deploy")
        assert run.stages[2].attempt == attempt
        await world.end(run_id, "Staging", "Deploy", ok=False)
        await world.until(run_id, lambda run: run.stages[2].status is Status.RUNNING)
        world.say(run_id, "Staging", "Ready", ok=False)
        await world.until(run_id, lambda run, n=attempt: run.status.finished or run.stages[2].attempt > n)  # type: ignore[misc]
    assert (await ended(world, run_id)).status is Status.FAILED


def gate_of(run: Run) -> str:
    assert run.open_gate is not None
    return run.open_gate[2].token
