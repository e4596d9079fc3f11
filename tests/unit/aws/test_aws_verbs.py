"""Verbs on ways that are walked seldom: parallel gates, old pipelines, stopped stages, long lists, others' holds."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from bot.core.errors import BackendError
from bot.core.model import Decision, Release, Run, Status
from bot.core.ports import RetryScope
from integrations.aws import pipelines
from integrations.aws.backend import AwsBackend
from integrations.aws.clients import ANY_SERVICE, Clients
from integrations.aws.pace import Pace
from integrations.aws.pipelines import Pipelines
from tests.support.aws_world import aws_session
from tests.support.local_world import PIPELINE
from tests.support.waiting import until
from tests.unit.aws.conftest import Shop

YES = Decision(approved=True, by="ben", comment="looks good")
BUILDS = ("Build.Unit", "Build.Style", "Build.Package")


def another(wish: Release, number: int) -> Release:
    return wish.model_copy(update={"id": f"wish-{number}", "number": number, "created": datetime.now(UTC)})


def say_all(shop: Shop, run_id: str, *steps: str) -> None:
    for step in steps:
        shop.local.say(run_id, step)


async def to_gate(shop: Shop, run_id: str) -> str:
    say_all(shop, run_id, *BUILDS, "Staging.Deploy")
    run = await until(lambda: shop.look(run_id), lambda run: run.open_gate)
    assert run.open_gate is not None
    return run.open_gate[2].token


def stage(run: Run, name: str) -> Status:
    found = run.stage(name)
    assert found is not None
    return found.status


async def test_of_two_parallel_runs_at_a_gate_the_one_that_was_meant_goes_on(shop: Shop, wish: Release) -> None:
    shop.local.declare(PIPELINE, pipelineType="V2", executionMode="PARALLEL")
    first, second = [await shop.backend.start(shop.target, another(wish, n)) for n in (1, 2)]
    gates = [await to_gate(shop, run_id) for run_id in (first, second)]
    with pytest.raises(Exception, match="does not wait for that answer"):
        await shop.backend.decide(shop.target, first, gates[1], YES)
    for _ in range(2):
        await shop.backend.decide(shop.target, first, gates[0], YES)
    run = await until(lambda: shop.look(first), lambda run: run.stages[3].actions[1].started)
    gate = run.stages[3].actions[0].gate
    assert gate is not None and gate.decision is not None
    assert (gate.decision.by, gate.decision.comment) == ("ben", "looks good")
    assert (await shop.look(second)).open_gate is not None


async def test_a_pipeline_of_type_v1_is_never_started_with_a_revision_that_aws_would_leave_out(
    shop: Shop, wish: Release
) -> None:
    """CodePipeline User Guide, "What type of pipeline is right for me?": V1 has no source revision overrides."""
    shop.local.declare(PIPELINE, pipelineType="V1")
    good = await shop.backend.start(shop.target, another(wish, 1))
    await to_gate(shop, good)
    started = len(await shop.backend.recent(shop.target, 9))
    with pytest.raises(BackendError, match="shop is of type V1, which AWS only starts with its newest revision"):
        await shop.backend.roll_back(shop.target, another(wish, 2), "Staging", good)
    with pytest.raises(BackendError, match="nothing else can be deployed after @"):
        await shop.backend.start(shop.target, another(wish, 3).model_copy(update={"ref": "a" * 40}))
    assert len(await shop.backend.recent(shop.target, 9)) == started


async def test_a_stage_that_was_stopped_between_two_actions_counts_its_retry_also_after_a_restart(
    shop: Shop, wish: Release
) -> None:
    """Nothing in the history of actions tells that retry: what had begun went well, and the next one just begins."""
    run_id = await shop.backend.start(shop.target, wish)
    await until(lambda: shop.look(run_id), lambda run: all(each.started for each in run.stages[1].actions[:2]))
    await shop.backend.stop(shop.target, run_id, "lunch")
    say_all(shop, run_id, "Build.Unit", "Build.Style")
    run = await until(lambda: shop.look(run_id), lambda run: run.status.finished)
    assert (run.status, run.attempt) == (Status.STOPPED, 1)
    for _ in range(2):
        await shop.backend.retry(shop.target, run_id, "Build", RetryScope.FAILED_ACTIONS, 1)
    run = await until(lambda: shop.look(run_id), lambda run: run.stages[1].actions[2].started)
    assert (run.stages[1].attempt, run.status) == (2, Status.RUNNING)

    clients = Clients(
        session=aws_session, pace=Pace(time.monotonic, 1000, 1000), clock=lambda: datetime.now(UTC),
        endpoints={ANY_SERVICE: f"{shop.proxy.url}/aws"},
    )  # fmt: skip
    restarted = AwsBackend(clients, lambda: datetime.now(UTC), poll=0.1, together=0.0)
    assert (await restarted.observe(shop.target, run_id)).stages[1].attempt == 2
    say_all(shop, run_id, "Build.Package")
    run = await until(lambda: restarted.observe(shop.target, run_id), lambda run: run.stages[2].started)
    assert (run.stages[1].attempt, stage(run, "Build")) == (2, Status.SUCCEEDED)
    restarted.close()
    await clients.close()


async def test_lists_that_are_longer_than_a_page_are_read_to_their_end(
    shop: Shop, wish: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, "_PAGE", 2)
    await shop.backend.hold(shop.target, "Build", "audit")
    started = [await shop.backend.start(shop.target, another(wish, n)) for n in range(5)]
    asked = Pipelines(shop.backend.clients)
    assert [each["pipelineExecutionId"] for each in await asked.executions(shop.target, 5)] == started[::-1]
    assert [run.id for run in await shop.backend.recent(shop.target, 4)] == started[:0:-1]
    await shop.backend.hold(shop.target, "Build", None)
    last = started[-1]
    say_all(shop, last, *BUILDS)
    await until(lambda: shop.look(last), lambda run: run.stages[2].started)
    rows = await asked.actions(shop.target, last)
    assert len({row["actionExecutionId"] for row in rows}) == len(rows) >= 5
    found = await asked.clients.pages(shop.target.place, "codepipeline", "ListPipelines", "pipelines", maxResults=1)
    assert [each["name"] for each in found] == ["shop"]


async def test_what_somebody_closes_or_opens_in_the_console_is_what_the_waiting_run_tells(
    shop: Shop, wish: Release
) -> None:
    await shop.backend.hold(shop.target, "Build", "audit until Monday")
    run_id = await shop.backend.start(shop.target, wish)
    held = await until(lambda: shop.look(run_id), lambda run: run.stages[1].detail)
    assert held.stages[1].detail == "The way into Build is closed: audit until Monday"
    console = aws_session().client("codepipeline", endpoint_url=f"{shop.proxy.url}/aws")
    way = {"pipelineName": "shop", "stageName": "Build", "transitionType": "Inbound"}
    await asyncio.to_thread(console.disable_stage_transition, **way, reason="closed by hand")
    seen = await until(lambda: shop.look(run_id), lambda run: "by hand" in run.stages[1].detail)
    assert seen.stages[1].detail == "The way into Build is closed: closed by hand"
    await asyncio.to_thread(console.enable_stage_transition, **way)
    console.close()
    await until(lambda: shop.look(run_id), lambda run: run.stages[1].actions[0].started)
