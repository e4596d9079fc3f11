"""What keeps a change from going on, and who lets it: conditions that are overridden, environments that are held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.core.commands import Accepted, Deployments, Held, Verb
from bot.core.errors import BackendError, BackendUnavailable, Conflict, NotFound, NotUnderstood, Refused
from bot.core.events import OverrideRequested
from bot.core.holds import in_the_way, waits_at
from bot.core.memos import MEMO
from bot.core.model import ActionKind, HeldBy, Release, Status
from bot.slack.cards.memos import draw
from bot.store import holds, intents, messages
from bot.store.database import Database
from bot.store.messages import Purpose
from bot.watcher.carrying import GIVE_UP_AFTER, carry_out
from integrations.local.states import Hook
from tests.support.desk_world import PIPELINE, World, catalogue, now, open_world
from tests.support.memory_backend import Plan
from tests.support.waiting import until


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


async def notices(world: World) -> list[str]:
    """What is to stand in the service's channel about held environments."""
    async with world.database.read() as c:
        due = [message for message in await messages.due(c) if message.purpose is Purpose.MEMO]
    assert {message.destination for message in due} == {"C0RELEASES"}
    return [draw(MEMO.validate_python(message.body)).text for message in due]


async def test_the_services_channel_reads_who_holds_and_opens_an_environment(world: World) -> None:
    world.patience = 0
    await world.stop_watching()
    place = {"service": "shop", "environment": "prod"}
    await world.do("ana", Verb.HOLD, **place, reason="<!here> 12")
    told = "⛔ Ana holds the way into *prod* of *shop*: &lt;!here&gt; 12"
    assert await notices(world) == [f"{told} · its pipeline has not confirmed that yet"]
    world.start_watching()
    await until(lambda: notices(world), lambda seen: seen == [told])
    world.patience = 60
    await world.do("ben", Verb.UNHOLD, **place)
    assert (await notices(world))[1] == "✅ Ben opened the way into *prod* of *shop* again"
    world.backend.failing = [BackendError("Access is denied.")]
    with pytest.raises(BackendError):
        await world.do("ben", Verb.HOLD, **place)
    assert (await notices(world))[2].endswith("that was not possible: Access is denied.")


async def test_a_held_environment_keeps_what_comes_waiting_before_it(world: World) -> None:
    asked = await world.do("ana", Verb.HOLD, service="shop", environment="prod", reason="incident 12")
    assert isinstance(asked, Held)
    assert (asked.hold.state, asked.hold.by, asked.release) == ("closed", "ana", None)
    release = await world.at_gate("ben")
    assert [hold.reason for hold in in_the_way(release)] == ["incident 12"]
    await world.do("chi", Verb.APPROVE, release=release.id)
    seen = await world.when(release, waits_at)
    assert seen.active
    assert seen.run
    assert "incident 12" in seen.run.stages[-1].detail
    answer = await world.do("dee", Verb.WHERE)
    assert isinstance(answer, Deployments)
    assert [each.held.reason for each in answer.deployments if each.held] == ["incident 12"]
    opened = await world.do("chi", Verb.UNHOLD, service="shop", environment="prod")
    assert isinstance(opened, Held)
    assert opened.hold.state == "open"
    assert opened.release
    assert opened.release.id == release.id
    run_id = await world.when_running(release, "Production")
    world.backend.end(run_id, "Production", "Deploy")
    done = await world.when_status(release, Status.SUCCEEDED)
    assert done.held == ()
    kinds = await world.kinds(release)
    assert "environment_opened" in kinds
    assert "environment_held" not in kinds, "that was before it"


async def test_a_hold_is_told_under_the_card_and_does_not_stop_what_is_inside(
    world: World,
) -> None:
    release = await world.at_gate("ana")
    await world.do("ben", Verb.APPROVE, release=release.id)
    run_id = await world.when_running(release, "Production")
    held = await world.do("ben", Verb.HOLD, release=release.id, reason="incident 12")
    assert isinstance(held, Held)
    assert held.release
    assert in_the_way(held.release) == ()
    assert "environment_held" in await world.kinds(release)
    world.backend.end(run_id, "Production", "Deploy")
    await world.when_status(release, Status.SUCCEEDED)


async def test_only_who_may_deploy_or_approve_holds_and_only_once(world: World) -> None:
    with pytest.raises(Refused, match="You are not among those who may hold prod of shop"):
        await world.do("dee", Verb.HOLD, service="shop", environment="prod")
    with pytest.raises(NotFound, match="shop has staging or prod"):
        await world.do("ana", Verb.HOLD, service="shop")
    await world.do("ana", Verb.HOLD, service="shop", environment="prod", reason="incident 12", key="k")
    again = await world.do("ana", Verb.HOLD, service="shop", environment="prod", reason="incident 12", key="k")
    assert isinstance(again, Held)
    assert again.repeated
    with pytest.raises(Conflict, match="held by Ana: incident 12"):
        await world.do("ben", Verb.HOLD, service="shop", environment="prod")
    assert world.backend.calls.count("hold") == 1


async def test_a_whole_pipeline_has_no_way_in_that_could_be_held(database: Database) -> None:
    declared = catalogue()
    shop = declared.services["shop"]
    whole = shop.environments["prod"].model_copy(update={"stage": None})
    shop = shop.model_copy(update={"environments": {**shop.environments, "prod": whole}})
    async with open_world(database, declared.model_copy(update={"services": {"shop": shop}})) as world:
        with pytest.raises(Conflict, match="a whole pipeline"):
            await world.do("ana", Verb.HOLD, service="shop", environment="prod")


async def test_a_hold_survives_a_backend_that_is_away_and_a_server_that_ends(world: World) -> None:
    world.patience = 0.1
    await world.stop_watching()
    asked = await world.do("ana", Verb.HOLD, service="shop", environment="prod", reason="incident 12")
    assert isinstance(asked, Held)
    assert asked.hold.state == "closing"
    world.backend.failing = [BackendUnavailable("away"), RuntimeError("a bug")]
    world.start_watching()
    async with world.database.read() as c:
        (wish,) = await holds.past(c, "shop", "prod", 1)

    async def look() -> holds.HoldWish:
        async with world.database.read() as c:
            return await holds.get(c, wish.id)

    taken = await until(look, lambda seen: seen.hold.done)
    assert taken.hold.state == "closed"
    assert world.backend.calls.count("hold") == 3


async def test_the_newest_of_several_wishes_is_the_one_that_the_backend_is_told(world: World) -> None:
    world.patience = 0
    await world.stop_watching()
    await world.do("ana", Verb.HOLD, service="shop", environment="prod", reason="incident 12")
    await world.do("ben", Verb.UNHOLD, service="shop", environment="prod", reason="over")
    world.start_watching()
    release = await world.at_gate("ana")
    await world.do("ben", Verb.APPROVE, release=release.id)
    await world.when_running(release, "Production")
    assert world.backend.calls.count("hold") == 1
    async with world.database.read() as c:
        past = await holds.past(c, "shop", "prod", 10)
    assert [(wish.hold.state, wish.hold.by, wish.hold.reason) for wish in past] == [
        ("open", "ben", "over"),
        ("closed", "ana", "incident 12"),
    ]


async def test_a_backend_that_refuses_a_hold_is_told_and_nothing_is_held(world: World) -> None:
    world.backend.failing = [BackendError("The pipeline shop has no stage Production.")]
    with pytest.raises(BackendError, match="has no stage Production"):
        await world.do("ana", Verb.HOLD, service="shop", environment="prod")
    answer = await world.do("ana", Verb.WHERE)
    assert isinstance(answer, Deployments)
    assert [each.held for each in answer.deployments] == [None, None]


async def test_a_rollback_is_not_held(world: World) -> None:
    await world.ship("ana", "prod", ref="a" * 40)
    await world.ship("ana", "prod", ref="b" * 40)
    await world.do("ana", Verb.HOLD, service="shop", environment="prod", reason="incident 12")
    answer = await world.do("ana", Verb.ROLLBACK, service="shop", environment="prod")
    assert isinstance(answer, Accepted)
    assert in_the_way(answer.release) == ()
    run_id = await world.when_running(answer.release, "Production")
    world.backend.end(run_id, "Production", "Deploy")
    await world.when_status(answer.release, Status.SUCCEEDED)
