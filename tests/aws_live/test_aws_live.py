"""One pipeline in a real account: what research and the local endpoint only believe of AWS is seen here."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.core.errors import BackendError, Conflict
from bot.core.model import Decision, Run, Status
from bot.core.ports import RetryScope
from integrations.aws.checking.environments import Environment
from integrations.aws.checking.whole import check
from integrations.aws.events.hearing import Hearing
from integrations.aws.events.queue import Queue
from integrations.aws.events.settings import Sources
from tests.aws_live.account import ON_AWS, TEMPLATE, Account
from tests.aws_live.conftest import PATIENCE, Live
from tests.support.waiting import until

pytestmark = [pytest.mark.aws, pytest.mark.timeout(1800)]
YES = Decision(approved=True, by="ben", comment="looks good")


def action(run: Run, stage: str, name: str) -> Any:
    found = run.stage(stage)
    assert found is not None
    return next(each for each in found.actions if each.name == name)


def gate(run: Run) -> str:
    assert run.open_gate is not None
    return run.open_gate[2].token


async def test_a_release_is_started_once_tells_its_tests_is_approved_and_rolled_back(live: Live) -> None:
    target, wish = live.account.target, live.wish()
    version = await asyncio.to_thread(live.account.push, good=True)
    run_id = await live.backend.start(target, wish)
    assert await live.backend.start(target, wish) == run_id  # the release's id is its token
    run = await live.until(run_id, lambda run: run.open_gate)
    assert run.revision is not None
    assert run.revision.id == version
    unit = action(run, "Build", "Unit")
    assert unit.tests is not None
    assert (unit.tests.passed, unit.tests.failed) == (2, 0)
    assert unit.log is not None and unit.log.key is not None
    assert "counting to ten" in await live.backend.log(target, run_id, unit.log.key)
    with pytest.raises(Conflict):
        await live.backend.decide(target, run_id, "00000000-0000-4000-8000-000000000000", YES)
    for _ in range(2):  # the second is a repetition after a lost answer
        await live.backend.decide(target, run_id, gate(run), YES)
    run = await live.until(run_id, lambda run: run.status.finished)
    assert run.status is Status.SUCCEEDED
    assert (await live.backend.recent(target, 1))[0].id == run_id

    await asyncio.to_thread(live.account.push, good=True)
    later = await live.backend.start(target, live.wish())
    await live.until(later, lambda run: run.open_gate)
    back = live.wish()
    again = [await live.backend.roll_back(target, back, "Staging", run_id) for _ in range(2)]
    assert again[0] == again[1] != run_id
    run = await live.until(again[0], lambda run: run.stage("Staging") and run.stage("Staging").status.finished)
    assert run.rollback and run.revision is not None
    assert run.revision.id == version
    await live.backend.stop(target, later, "that was it")
    await live.until(later, lambda run: run.status.finished)
    print(f"calls of the backend so far: {live.clients.calls}")


async def test_a_failed_build_tells_phase_test_and_log_and_a_retry_counts(live: Live) -> None:
    target = live.account.target
    await asyncio.to_thread(live.account.push, good=False)
    run_id = await live.backend.start(target, live.wish())
    run = await live.until(run_id, lambda run: run.status.finished)
    unit = action(run, "Build", "Unit")
    assert run.status is Status.FAILED
    assert unit.detail.startswith("BUILD: ")
    assert unit.tests is not None and unit.log is not None
    assert unit.tests.failures[0].name.endswith("test_taxes")
    assert any("nine and a half" in line for line in unit.log.lines)
    for _ in range(2):
        await live.backend.retry(target, run_id, "Build", RetryScope.FAILED_ACTIONS, 1)
    run = await live.until(run_id, lambda run: run.stage("Build").attempt == 2)
    run = await live.until(run_id, lambda run: run.status.finished)
    assert (run.status, run.attempt) == (Status.FAILED, 2)


async def test_a_closed_stage_holds_a_run_which_can_be_stopped(live: Live) -> None:
    target = live.account.target
    await asyncio.to_thread(live.account.push, good=True)
    await live.backend.hold(target, "Build", "audit: until Monday")
    try:
        run_id = await live.backend.start(target, live.wish())
        run = await live.until(run_id, lambda run: run.stage("Build").detail)
        assert "audit until Monday" in run.stage("Build").detail  # type: ignore[union-attr]  # AWS allows no colon
        await live.backend.stop(target, run_id, "not today")
        run = await live.until(run_id, lambda run: run.status.finished)
        assert (run.status, run.detail) == (Status.STOPPED, "not today")
    finally:
        await live.backend.hold(target, "Build", None)


async def test_what_is_not_there_is_said_with_the_nearest_name(live: Live) -> None:
    other = live.account.target.model_copy(update={"pipeline": live.account.name[:-1]})
    with pytest.raises(BackendError, match=f"Did you mean .*{live.account.name}"):
        await live.backend.start(other, live.wish())
    with pytest.raises(BackendError, match="has no stage Prod"):
        await live.backend.hold(live.account.target, "Prod", "typo")


async def test_the_check_finds_nothing_missing_but_events(live: Live) -> None:
    environment = Environment("shop", "prod", live.account.target, "Production", production=True)
    found = await check(live.clients, [environment], Sources(), None)
    assert found.mistakes == []
    print("\n".join(map(str, found.warnings)))


async def test_events_come_by_the_stack_of_the_deploy_folder(live: Live) -> None:
    """Measure how long after a step its event is here: AWS doesn't say."""
    if not ON_AWS:
        pytest.skip("Only AWS itself sends its events to EventBridge.")
    account, stack = live.account, f"{live.account.name}-events"
    stacks = account.client("cloudformation")
    text = TEMPLATE.read_text().replace("sayso-events", f"{stack}-queue").replace("sayso-changes", f"{stack}-rule")
    await asyncio.to_thread(stacks.create_stack, StackName=stack, TemplateBody=text)
    try:
        await asyncio.to_thread(stacks.get_waiter("stack_create_complete").wait, StackName=stack)
        (told,) = (await asyncio.to_thread(stacks.describe_stacks, StackName=stack))["Stacks"]
        url = next(each["OutputValue"] for each in told["Outputs"] if each["OutputKey"] == "QueueUrl")
        await _heard(live, account, url)
    finally:
        await asyncio.to_thread(stacks.delete_stack, StackName=stack)


async def _heard(live: Live, account: Account, url: str) -> None:
    heard: dict[str, float] = {}

    def news(run_id: str, *_: Any, **__: Any) -> None:
        heard.setdefault(run_id, time.time())

    hearing = Hearing(news, dict[str, str]().get, frozenset({account.name}), time.monotonic)
    reading = asyncio.create_task(Queue(live.clients, url, account.target.region, hearing).run())
    environment = Environment("shop", "prod", account.target, "Production", production=True)
    found = await check(live.clients, [environment], Sources(queues=(url,)), None)
    assert [each for each in found.mistakes if "SAYSO_AWS_QUEUES" in each.place] == []
    try:
        begun = datetime.now(UTC)
        run_id = await live.backend.start(account.target, live.wish())

        async def came() -> float | None:
            return heard.get(run_id)

        moment = await until(came, bool, PATIENCE)
        print(f"first event {(moment or 0) - begun.timestamp():.1f} s after the start was asked for")
        await live.backend.stop(account.target, run_id, "heard", abandon=True)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
