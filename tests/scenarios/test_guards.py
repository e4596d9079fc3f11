"""What keeps a change from going on, and who lets it: conditions that are overridden, retries that nobody confirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.core.commands import Accepted, Verb
from bot.core.errors import BackendUnavailable, Conflict, NotFound, NotUnderstood, Refused
from bot.core.events import OverrideRequested
from bot.core.model import ActionKind, HeldBy, Release, Status
from bot.store import intents
from bot.store.database import Database
from bot.watcher.carrying import GIVE_UP_AFTER, carry_out
from integrations.local.states import Hook
from tests.support.desk_world import PIPELINE, World, now, open_world
from tests.support.memory_backend import Plan


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_world(database) as opened:
        yield opened


async def held(world: World, environment: str, stage: str) -> Release:
    """Ana's release fails at the entry condition of a stage."""
    guard = Plan(stage=stage, action="Ready", kind=ActionKind.COMPUTE, hook=Hook.BEFORE_ENTRY)
    world.backend.pipelines["shop"] = (*PIPELINE, guard)
    release = await world.deploy("ana", environment) if environment == "staging" else await world.at_gate("ana")
    run_id = await world.when_running(release, "Build") if environment == "staging" else str(release.run_id)
    if environment == "staging":
        world.backend.end(run_id, "Build", "Unit")
    else:
        await world.do("ben", Verb.APPROVE, release=release.id)
    await world.when_running(release, stage)
    world.backend.end(run_id, stage, "Ready", ok=False, detail="alarms ring")
    return await world.when_status(release, Status.FAILED)


async def test_an_overridden_release_goes_on_and_everybody_reads_why(world: World) -> None:
    release = await held(world, "staging", "Staging")
    answer = await world.do("ana", Verb.OVERRIDE, service="shop", environment="staging", reason="false alarm", key="k")
    assert isinstance(answer, Accepted)
    again = await world.do("ana", Verb.OVERRIDE, service="shop", environment="staging", reason="false alarm", key="k")
    assert isinstance(again, Accepted)
    assert again.repeated
    run_id = await world.when_running(release, "Staging")
    world.backend.end(run_id, "Staging", "Deploy")
    await world.when_status(release, Status.SUCCEEDED)
    told = [entry.event for entry in await world.told(release) if isinstance(entry.event, OverrideRequested)]
    assert told == [
        OverrideRequested(by="ana", stage="Staging", condition=HeldBy.BEFORE_ENTRY, attempt=1, reason="false alarm")
    ]
    assert world.backend.calls.count("override") == 1


async def test_a_condition_is_not_overridden_without_a_reason_nor_where_there_is_none(world: World) -> None:
    release = await world.deploy("ana", "staging")
    run_id = await world.when_running(release, "Build")
    world.backend.end(run_id, "Build", "Unit", ok=False)
    await world.when_status(release, Status.FAILED)
    with pytest.raises(NotUnderstood, match="Why may it pass"):
        await world.do("ana", Verb.OVERRIDE, release=release.id)
    with pytest.raises(NotFound, match="No condition holds"):
        await world.do("ana", Verb.OVERRIDE, service="shop", reason="please")
    with pytest.raises(Conflict, match="No condition holds shop #1"):
        await world.do("ana", Verb.OVERRIDE, release=release.id, reason="please")


async def test_in_production_another_approver_must_override(world: World) -> None:
    release = await held(world, "prod", "Production")
    with pytest.raises(Refused) as refused:
        await world.do("ana", Verb.OVERRIDE, release=release.id, reason="it's fine")
    assert "Ben or Chi" in str(refused.value)
    with pytest.raises(Refused):
        await world.do("dee", Verb.OVERRIDE, release=release.id, reason="it's fine")
    with pytest.raises(NotUnderstood, match="name it: /release override shop prod"):
        await world.do("ben", Verb.OVERRIDE, reason="it's fine")
    with pytest.raises(Conflict, match="since this button was drawn"):
        await world.do("ben", Verb.OVERRIDE, release=release.id, attempt=7, reason="it's fine")
    assert isinstance(await world.do("ben", Verb.OVERRIDE, release=release.id, attempt=1, reason="seen it"), Accepted)
    run_id = await world.when_running(release, "Production")
    world.backend.end(run_id, "Production", "Deploy")
    await world.when_status(release, Status.SUCCEEDED)


@pytest.mark.parametrize("reached", [True, False])
async def test_a_retry_that_the_backend_never_confirmed_is_shown_as_the_run_stands(
    world: World, *, reached: bool
) -> None:
    release = await world.deploy("ana", "staging")
    run_id = await world.when_running(release, "Build")
    world.backend.end(run_id, "Build", "Unit", ok=False, detail="2 tests failed")
    failed = await world.when_status(release, Status.FAILED)
    await world.stop_watching()
    await world.do("ana", Verb.RETRY, release=release.id)
    async with world.database.read() as c:
        (intent,) = await intents.pending(c, release.id)
    environment = world.catalogue.environment("shop", "staging")
    if reached:  # but its answer was lost
        await world.backend.retry(environment.target, run_id, "Build", "failed_actions", 1)  # type: ignore[arg-type]
    world.backend.failing = [BackendUnavailable("it does not answer")]
    late = now() + GIVE_UP_AFTER + timedelta(seconds=1)
    assert await carry_out(world.database, world.backend, environment, intent, lambda: late)
    assert "verb_failed" in await world.kinds(release)
    world.start_watching()
    if reached:
        await world.when_running(release, "Build")
    else:
        seen = await world.when_status(release, Status.FAILED)
        assert seen.detail == failed.detail
        assert not seen.active
