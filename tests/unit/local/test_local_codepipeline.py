"""CodePipeline's operations on the local engine: definitions, starts, conditions, rollbacks, histories, limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.errors import BadFile, Conflict
from bot.core.model import Decision
from bot.core.ports import RetryScope
from bot.store.database import Database, open_engine
from integrations.local import refusals, starts
from integrations.local.actions import AfterCrash, Attempt, Outcome, Result
from integrations.local.answers import ActionExecutionRecord, AskedRevision, ExecutionRecord, StartRequest
from integrations.local.backend import LocalBackend
from integrations.local.operations import CodePipeline
from integrations.local.states import Direction, Hook, Mode, State
from integrations.local.target import LocalTarget
from tests.contract.worlds import Clock
from tests.support.local_world import action
from tests.support.waiting import until

OVER = {State.SUCCEEDED, State.FAILED, State.STOPPED, State.SUPERSEDED, State.CANCELLED}


class Told:
    """Ends each action (or rule) when and how the test says: by its name, then for every further attempt of it."""

    after_crash = AfterCrash.RERUN

    def __init__(self) -> None:
        self.words: dict[str, asyncio.Future[Outcome]] = {}
        self.seen: list[Attempt] = []

    def __call__(self, _: object) -> Told:
        return self

    def say(self, name: str, outcome: Outcome = Outcome.SUCCEEDED) -> None:
        """Let an action that runs or will run end so; until another word is said, further ones too."""
        self.words[name] = self.words.get(name) or asyncio.get_running_loop().create_future()
        if self.words[name].done():
            self.words[name] = asyncio.get_running_loop().create_future()
        self.words[name].set_result(outcome)

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        self.seen.append(attempt)
        name = attempt.declaration.name
        word = self.words.setdefault(name, asyncio.get_running_loop().create_future())
        outcome = await asyncio.shield(word)
        outputs = {o.name: str(attempt.folder) for o in attempt.declaration.output_artifacts}
        given = {"At": "here", **attempt.configuration}
        return Result(outcome=outcome, detail=f"{name} has ended.", outputs=outputs, variables=given)


@dataclass(slots=True)
class World:
    """An engine whose actions the test ends."""

    backend: LocalBackend
    told: Told
    clock: Clock
    url: str
    data: Path
    engine: AsyncEngine

    @property
    def cp(self) -> CodePipeline:
        return self.backend.codepipeline

    async def start(self, name: str = "shop", **more: Any) -> str:
        return await self.cp.start_pipeline_execution(name, StartRequest(str(uuid4()), **more))

    async def until(
        self, execution: str, holds: Callable[[ExecutionRecord], object], name: str = "shop"
    ) -> ExecutionRecord:
        return await until(lambda: self.cp.get_pipeline_execution(name, execution), holds)

    async def over(self, execution: str, name: str = "shop") -> ExecutionRecord:
        return await self.until(execution, lambda record: record.status in OVER, name)

    async def codes(self, execution: str) -> dict[str, str]:
        """Give the error codes of the actions that failed."""
        found = (await self.cp.list_action_executions("shop", execution_id=execution)).items
        return {record.name: record.error for record in found if record.error}

    async def runs(self, execution: str, *names: str, hook: Hook | None = None) -> None:
        """Wait until attempts of these names have begun and are not over."""

        async def look() -> set[str]:
            read = self.cp.list_rule_executions if hook else self.cp.list_action_executions
            page = await read("shop", execution_id=execution, latest=True)
            return {record.name for record in page.items if record.status is State.IN_PROGRESS}

        await until(look, lambda found: set(names) <= found)


@pytest.fixture
async def world(migrated_url: str, tmp_path: Path) -> AsyncIterator[World]:
    engine = open_engine(migrated_url)
    told, clock = Told(), Clock()
    kinds = {("Source", "Told"): told, ("Build", "Told"): told, ("Rule", "Told"): told, ("Deploy", "Told"): told}
    backend = LocalBackend(Database(engine), tmp_path / "data", clock, lambda: str(uuid4()), providers=kinds)
    await backend.open()
    try:
        yield World(backend, told, clock, migrated_url, tmp_path / "data", engine)
    finally:
        await backend.close(kill=True)
        await engine.dispose()


def step(category: str, name: str, **more: Any) -> dict[str, Any]:
    return action(category, "Told", name, **more)


def shop(*, mode: Mode = Mode.SUPERSEDED, deploy: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Declare Source (Get), Build (Make), Deploy (Ship); `deploy` adds to the last one's stage."""
    source = step("Source", "Get", outputArtifacts=[{"name": "Tree"}], namespace="Got")
    stages = [
        {"name": "Source", "actions": [source]},
        {"name": "Build", "actions": [step("Build", "Make", configuration=more.pop("make", {}))]},
        {"name": "Deploy", "actions": [step("Deploy", "Ship")], **(deploy or {})},
    ]
    return {"name": "shop", "pipelineType": "V2", "executionMode": str(mode), "stages": stages, **more}


def guard(hook: str, result: str, **more: Any) -> dict[str, Any]:
    rule = {"name": "Check", "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "Told", "version": "1"}}
    return {hook: {"conditions": [{"result": result, "rules": [rule | more]}]}}


# Definitions.


async def test_a_pipeline_is_made_changed_and_forgotten(world: World) -> None:
    made = await world.cp.create_pipeline(shop())
    assert (made.version, made.declaration["name"], made.file) == (1, "shop", None)
    with pytest.raises(refusals.PipelineNameInUse):
        await world.cp.create_pipeline({"pipeline": shop()})
    assert (await world.cp.update_pipeline(shop())).version == 1
    assert (await world.cp.update_pipeline(shop(mode=Mode.QUEUED))).version == 2
    assert (await world.cp.get_pipeline("shop", 1)).mode is Mode.SUPERSEDED
    with pytest.raises(refusals.PipelineVersionNotFound):
        await world.cp.get_pipeline("shop", 9)
    execution = await world.start()
    await world.runs(execution, "Get")
    await world.cp.delete_pipeline("shop")
    await world.cp.delete_pipeline("shop")
    with pytest.raises(refusals.PipelineNotFound):
        await world.cp.get_pipeline("shop")
    assert (await world.cp.create_pipeline(shop())).version == 1
    assert list((await world.cp.list_pipeline_executions("shop")).items) == []


async def test_every_mistake_in_a_definition_is_said_at_once(world: World) -> None:
    bad = shop(variables=[{"name": f"v{n}"} for n in range(51)], deploy=guard("beforeEntry", "ROLLBACK"))
    bad["stages"][0]["onSuccess"] = guard("onSuccess", "FAIL")["onSuccess"]
    with pytest.raises(BadFile) as refused:
        await world.cp.create_pipeline(bad)
    said = str(refused.value)
    assert "/variables" in said
    assert "/stages/2/beforeEntry/conditions/0/result" in said
    assert "/stages/0/onSuccess" in said


async def test_pipelines_are_listed_by_name_part_by_part(world: World) -> None:
    for name in ("c", "a", "b"):
        await world.cp.create_pipeline(shop() | {"name": name})
    first = await world.cp.list_pipelines(2)
    rest = await world.cp.list_pipelines(2, first.after)
    assert [record.name for record in (*first.items, *rest.items)] == ["a", "b", "c"]
    assert rest.after is None


async def test_a_file_is_known_from_the_start_and_its_version_counts_up(world: World, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps({"pipeline": shop()}))
    await starts.register(world.backend.engine, LocalTarget(pipeline=file))
    assert (await world.cp.get_pipeline("shop")).file == str(file)
    with pytest.raises(Conflict, match="Change that file"):
        await world.cp.update_pipeline(shop())
    file.write_text(json.dumps(shop(mode=Mode.QUEUED)))
    execution = await world.start()
    assert (await world.cp.get_pipeline_execution("shop", execution)).version == 2


async def test_a_run_whose_stage_has_gone_is_cancelled_and_the_others_go_on(world: World) -> None:
    world.told.say("Get")
    await world.cp.create_pipeline(shop())
    execution = await world.start()
    await world.runs(execution, "Make")
    changed = shop()
    changed["stages"][1]["name"] = "Compile"
    await world.cp.update_pipeline(changed)
    record = await world.over(execution)
    assert record.status is State.CANCELLED
    assert "no longer has the stage" in record.summary


# Starts.


async def test_variables_have_defaults_are_given_and_are_put_in(world: World) -> None:
    world.told.say("Get")
    names = [{"name": "who", "defaultValue": "nobody"}, {"name": "where"}]
    make = {
        "Who": "#{variables.who}",
        "At": "#{variables.where}/#{Got.At}",
        "Id": "#{codepipeline.PipelineExecutionId}",
    }
    await world.cp.create_pipeline(shop(variables=names, make=make))
    with pytest.raises(refusals.Validation, match=r"no variable wher\..*needs a value for where"):
        await world.start(variables={"wher": "x"})
    execution = await world.start(variables={"where": "moon"})
    await world.runs(execution, "Make")
    [made] = (await world.cp.list_action_executions("shop", execution_id=execution, limit=1)).items
    assert made.resolved == {"Who": "nobody", "At": "moon/here", "Id": execution}
    record = await world.cp.get_pipeline_execution("shop", execution)
    assert record.variables == {"who": "nobody", "where": "moon"}


async def test_a_variable_that_nobody_gave_fails_the_action_with_a_sentence(world: World) -> None:
    world.told.say("Get")
    await world.cp.create_pipeline(shop(make={"Who": "#{Got.Nothing}"}))
    execution = await world.start()
    record = await world.over(execution)
    assert await world.codes(execution) == {"Make": "ConfigurationError"}
    assert "#{Got.Nothing}: the namespace Got has no variable Nothing" in record.summary


async def test_each_source_action_gets_its_own_revision(world: World) -> None:
    two = shop()
    two["stages"][0]["actions"].append(step("Source", "Also"))
    two["stages"][0]["actions"][1]["outputArtifacts"] = [{"name": "Other"}]
    await world.cp.create_pipeline(two)
    with pytest.raises(refusals.Validation, match="no source action Make"):
        await world.start(sources=(AskedRevision("Make", "COMMIT_ID", "abc"),))
    asked = (AskedRevision("Get", "COMMIT_ID", "abc"), AskedRevision("Also", "S3_OBJECT_VERSION_ID", "v7"))
    await world.runs(await world.start(sources=asked), "Get", "Also")
    found = {a.declaration.name: (a.asked_type, a.revision and a.revision.id) for a in world.told.seen}
    assert found == {"Get": ("COMMIT_ID", "abc"), "Also": ("S3_OBJECT_VERSION_ID", "v7")}


async def test_the_same_token_gives_the_same_run_also_at_once(world: World) -> None:
    await world.cp.create_pipeline(shop())
    request = StartRequest("once")
    ids = await asyncio.gather(*(world.cp.start_pipeline_execution("shop", request) for _ in range(5)))
    assert len(set(ids)) == 1


async def test_a_queued_pipeline_has_room_for_fifty(world: World) -> None:
    await world.cp.create_pipeline(shop(mode=Mode.QUEUED))
    for _ in range(50):
        last = await world.start()
    with pytest.raises(refusals.ConcurrentPipelineExecutionsLimitExceeded, match="50 runs"):
        await world.start()
    await world.cp.stop_pipeline_execution("shop", last)
    await world.start()


# While it runs.


async def test_stopping_is_refused_as_on_aws(world: World) -> None:
    await world.cp.create_pipeline(shop())
    execution = await world.start()
    await world.runs(execution, "Get")
    await world.cp.stop_pipeline_execution("shop", execution, reason="wrong")
    with pytest.raises(refusals.DuplicatedStopRequest):
        await world.cp.stop_pipeline_execution("shop", execution)
    await world.cp.stop_pipeline_execution("shop", execution, abandon=True)
    assert (await world.over(execution)).stop_reason == "wrong"
    with pytest.raises(refusals.PipelineExecutionNotStoppable):
        await world.cp.stop_pipeline_execution("shop", execution)
    with pytest.raises(refusals.PipelineExecutionNotFound):
        await world.cp.stop_pipeline_execution("shop", str(uuid4()))


async def test_a_closed_way_out_holds_runs_before_the_next_stage_and_is_shown(world: World) -> None:
    world.told.say("Get")
    await world.cp.create_pipeline(shop())
    await world.cp.disable_stage_transition("shop", "Source", Direction.OUTBOUND, "Größe: freeze!", "ada")
    with pytest.raises(refusals.StageNotFound):
        await world.cp.disable_stage_transition("shop", "Sauce", Direction.INBOUND, "typo", "ada")
    execution = await world.start()
    state = await until(lambda: world.cp.get_pipeline_state("shop"), lambda found: found.stages[1].inbound)
    assert [one.execution_id for one in state.stages[1].inbound] == [execution]
    closed = state.stages[0].transitions[Direction.OUTBOUND]
    assert (closed.enabled, closed.reason, closed.by) == (False, "Gr e freeze!", "ada")
    assert closed.at is not None
    await world.cp.enable_stage_transition("shop", "Source", Direction.OUTBOUND)
    await world.runs(execution, "Make")


async def test_an_approval_is_answered_once_by_its_token(world: World) -> None:
    gated = shop(mode=Mode.PARALLEL)
    gated["stages"][1]["actions"] = [action("Approval", "Manual", "Ask", configuration={"CustomData": "Ship?"})]
    world.told.say("Get")
    await world.cp.create_pipeline(gated)
    execution = await world.start()
    await world.runs(execution, "Ask")
    [asked] = (await world.cp.list_action_executions("shop", execution_id=execution, limit=1)).items
    token, yes = asked.external_id, Decision(approved=True, by="grace", comment="fine")
    with pytest.raises(refusals.InvalidApprovalToken):
        await world.cp.put_approval_result("shop", "Build", "Ask", str(uuid4()), yes)
    with pytest.raises(refusals.ActionNotFound):
        await world.cp.put_approval_result("shop", "Build", "Make", token, yes)
    await world.cp.put_approval_result("shop", "Build", "Ask", token, yes)
    with pytest.raises(refusals.ApprovalAlreadyCompleted):
        await world.cp.put_approval_result("shop", "Build", "Ask", token, yes)
    await world.runs(execution, "Ship")
    told = (await world.cp.list_action_executions("shop", execution_id=execution)).items[1]
    assert (told.by, told.token, told.resolved) == ("grace", None, {"CustomData": "Ship?"})


async def test_an_action_is_ended_when_its_time_is_over(world: World) -> None:
    slow = shop()
    slow["stages"][0]["actions"][0]["timeoutInMinutes"] = 5
    await world.cp.create_pipeline(slow)
    execution = await world.start()
    await world.runs(execution, "Get")
    await world.backend.tick()
    assert (await world.cp.get_pipeline_execution("shop", execution)).status is State.IN_PROGRESS
    world.clock.ahead = timedelta(minutes=6)
    await world.backend.tick()
    record = await world.over(execution)
    assert (record.status, "longer than 5 minutes" in record.summary) == (State.FAILED, True)
    assert await world.codes(execution) == {"Get": "TimedOut"}


@pytest.mark.parametrize("answered", [True, False])
async def test_an_approval_that_fails_says_whether_somebody_rejected_it(world: World, answered: bool) -> None:
    gated = shop()
    gated["stages"][1]["actions"] = [action("Approval", "Manual", "Ask")]
    world.told.say("Get")
    await world.cp.create_pipeline(gated)
    execution = await world.start()
    await world.runs(execution, "Ask")
    if answered:
        [asked] = (await world.cp.list_action_executions("shop", execution_id=execution, limit=1)).items
        no = Decision(approved=False, by="grace", comment="not today")
        await world.cp.put_approval_result("shop", "Build", "Ask", asked.external_id, no)
    else:
        world.clock.ahead = timedelta(days=8)
        await world.backend.tick()
    await world.over(execution)
    assert await world.codes(execution) == {"Ask": "ApprovalRejected" if answered else "TimedOut"}


async def test_a_retry_keeps_the_history_of_attempts(world: World) -> None:
    world.told.say("Get")
    world.told.say("Make", Outcome.FAILED)
    await world.cp.create_pipeline(shop())
    execution = await world.start()
    with pytest.raises(refusals.StageNotRetryable):
        await world.cp.retry_stage_execution("shop", "Deploy", execution, RetryScope.FAILED_ACTIONS)
    await world.over(execution)
    world.told.say("Make")
    world.told.say("Ship")
    await world.cp.retry_stage_execution("shop", "Build", execution, RetryScope.FAILED_ACTIONS)
    assert (await world.over(execution)).status is State.SUCCEEDED
    pages: list[ActionExecutionRecord] = []
    after = None
    while True:
        page = await world.cp.list_action_executions("shop", limit=1, after=after)
        pages += page.items
        after = page.after
        if after is None:
            break
    assert [(r.name, r.attempt, r.status) for r in pages] == [
        ("Ship", 1, State.SUCCEEDED), ("Make", 2, State.SUCCEEDED), ("Make", 1, State.FAILED),
        ("Get", 1, State.SUCCEEDED),
    ]  # fmt: skip
    assert len({record.id for record in pages}) == 4
    assert pages[2].error == "JobFailed"
    latest = await world.cp.list_action_executions("shop", execution_id=execution, latest=True)
    assert [record.attempt for record in latest.items] == [1, 2, 1]
    state = await world.cp.get_pipeline_state("shop")
    assert (state.stages[1].manual_retries, state.stages[1].latest_retry) == (1, "ManualStageRetry")


# Conditions.


async def test_a_failed_condition_is_shown_and_overridden(world: World) -> None:
    for name in ("Get", "Make", "Ship"):
        world.told.say(name)
    world.told.say("Check", Outcome.FAILED)
    await world.cp.create_pipeline(shop(deploy=guard("beforeEntry", "FAIL")))
    execution = await world.start()
    assert (await world.over(execution)).status is State.FAILED
    condition = (await world.cp.get_pipeline_state("shop")).stages[2].conditions[Hook.BEFORE_ENTRY]
    assert (condition.status, condition.summary) == (State.FAILED, "Check: Check has ended.")
    [rule] = (await world.cp.list_rule_executions("shop", execution_id=execution)).items
    assert (rule.name, rule.hook, rule.status) == ("Check", Hook.BEFORE_ENTRY, State.FAILED)
    with pytest.raises(refusals.ConditionNotOverridable):
        await world.cp.override_stage_condition("shop", "Deploy", execution, Hook.ON_SUCCESS)
    await world.cp.override_stage_condition("shop", "Deploy", execution, Hook.BEFORE_ENTRY)
    assert (await world.over(execution)).status is State.SUCCEEDED
    with pytest.raises(refusals.ConditionNotOverridable):
        await world.cp.override_stage_condition("shop", "Deploy", execution, Hook.BEFORE_ENTRY)


async def test_a_failed_stage_goes_back_by_itself_to_what_it_was(world: World) -> None:
    for name in ("Get", "Make", "Ship"):
        world.told.say(name)
    await world.cp.create_pipeline(shop(deploy={"onFailure": {"result": "ROLLBACK"}}))
    world.told.say("Ship", Outcome.FAILED)
    first = await world.over(await world.start())
    assert (first.status, first.summary.endswith("There is no earlier run to go back to.")) == (State.FAILED, True)
    world.told.say("Ship")
    good = await world.start()
    await world.over(good)
    world.told.say("Ship", Outcome.FAILED)
    bad = await world.start()
    assert (await world.over(bad)).summary.endswith("It goes back to run 2.")
    back = (await world.cp.list_pipeline_executions("shop")).items[0]
    assert (back.rollback_to, back.trigger, back.trigger_detail) == (good, "AutomatedRollback", bad)
    assert (await world.over(back.id)).status is State.FAILED
    assert len((await world.cp.list_pipeline_executions("shop")).items) == 4, "a rollback rolls nothing back"


async def test_a_stage_goes_back_before_the_next_run_comes_in(world: World) -> None:
    for name in ("Get", "Make", "Ship"):
        world.told.say(name)
    await world.cp.create_pipeline(shop(deploy=guard("onFailure", "ROLLBACK")))
    good = await world.start()
    await world.over(good)
    del world.told.words["Ship"]
    bad = await world.start()
    await world.runs(bad, "Ship")
    waiting = await world.start()
    await until(lambda: world.cp.get_pipeline_state("shop"), lambda found: found.stages[2].inbound)
    world.told.say("Check", Outcome.FAILED)
    world.told.words.pop("Ship").set_result(Outcome.FAILED)
    await world.over(bad)
    back = (await world.cp.list_pipeline_executions("shop", limit=1)).items[0]
    assert back.rollback_to == good
    await world.runs(back.id, "Ship")
    state = await world.cp.get_pipeline_state("shop")
    assert [one.execution_id for one in state.stages[2].inbound] == [waiting]
    world.told.say("Ship")
    assert (await world.over(waiting)).status is State.SUCCEEDED


async def test_a_rollback_names_what_is_wrong_with_its_target(world: World) -> None:
    for name in ("Get", "Make", "Ship"):
        world.told.say(name)
    await world.cp.create_pipeline(shop())
    good = await world.start()
    await world.over(good)
    with pytest.raises(refusals.UnableToRollbackStage, match="only fetches"):
        await world.cp.rollback_stage("shop", "Source", good)
    with pytest.raises(refusals.PipelineExecutionNotFound):
        await world.cp.rollback_stage("shop", "Deploy", str(uuid4()))
    back = await world.cp.rollback_stage("shop", "Deploy", good)
    record = await world.over(back)
    assert (record.status, record.trigger, record.rollback_to) == (State.SUCCEEDED, "ManualRollback", good)
    with pytest.raises(refusals.UnableToRollbackStage, match="rollback itself"):
        await world.cp.rollback_stage("shop", "Deploy", back)
    been = await world.cp.list_pipeline_executions("shop", succeeded_in_stage="Deploy")
    assert [one.id for one in been.items] == [back, good]
    changed = shop()
    changed["stages"][1]["actions"][0]["name"] = "Compile"
    await world.cp.update_pipeline(changed)
    with pytest.raises(refusals.PipelineExecutionOutdated):
        await world.cp.rollback_stage("shop", "Deploy", good)


async def test_a_rule_that_cant_run_here_says_what_can(world: World) -> None:
    world.told.say("Get")
    world.told.say("Make")
    alarm = {"category": "Rule", "owner": "AWS", "provider": "CloudWatchAlarm", "version": "1"}
    await world.cp.create_pipeline(shop(deploy=guard("beforeEntry", "FAIL", ruleTypeId=alarm)))
    record = await world.over(await world.start())
    assert "A rule of CloudWatchAlarm can't run on this machine. Here a rule can use Commands, DeploymentWindow" in (
        record.summary
    )


async def test_a_condition_goes_on_after_the_server_died_in_the_middle_of_it(world: World) -> None:
    world.told.say("Get")
    world.told.say("Make")
    await world.cp.create_pipeline(shop(deploy=guard("beforeEntry", "FAIL")))
    execution = await world.start()
    await world.runs(execution, "Check", hook=Hook.BEFORE_ENTRY)
    await world.backend.close()
    again, engine = Told(), open_engine(world.url)
    kinds = {("Rule", "Told"): again, ("Deploy", "Told"): again}
    second = LocalBackend(Database(engine), world.data, world.clock, lambda: str(uuid4()), providers=kinds)
    await second.open()
    again.say("Check")
    again.say("Ship")
    record = await until(
        lambda: second.codepipeline.get_pipeline_execution("shop", execution), lambda found: found.status in OVER
    )
    assert record.status is State.SUCCEEDED
    [rule] = (await second.codepipeline.list_rule_executions("shop", execution_id=execution)).items
    assert rule.attempt == 1
    await second.close(kill=True)
    await engine.dispose()


# Many.


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_no_question_of_a_run_reads_all_runs_of_the_store(world: World) -> None:
    """SQLite tells how it would go about each statement; what it costs in time is measured by `make bench`."""
    asked: dict[str, Any] = {}
    sync = world.engine.sync_engine

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        asked.setdefault(statement, parameters[0] if many else parameters)

    sa.event.listen(sync, "before_cursor_execute", note)
    for name in ("Get", "Make", "Ship"):
        world.told.say(name)
    await world.cp.create_pipeline(shop())
    execution = await world.start()
    await world.over(execution)
    await world.cp.list_pipeline_executions("shop", limit=100)
    await world.cp.list_action_executions("shop", limit=100)
    await world.cp.get_pipeline_state("shop")
    sa.event.remove(sync, "before_cursor_execute", note)
    plans: dict[str, list[str]] = {}
    async with world.engine.connect() as c:
        for statement, parameters in asked.items():
            if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
                rows = await c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans[statement] = [row.detail for row in rows]
        control = (await c.exec_driver_sql("EXPLAIN QUERY PLAN SELECT * FROM local_executions")).one()
    assert control.detail == "SCAN local_executions"
    assert len(plans) > 30
    grow = ("executions", "stages", "latest", "conditions", "actions", "attempts", "artifacts", "marks")
    slow = {
        statement: plan
        for statement, plan in plans.items()
        if any(line.startswith(f"SCAN local_{table}") for line in plan for table in grow)
    }
    assert slow == {}
