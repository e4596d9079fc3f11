"""What people do at the desk, over a real database: shipping, gates, stops, retries, rollbacks, crashes, doubles."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from bot.core.commands import Accepted, Deployments, Offered, Releases, Verb
from bot.core.errors import BackendUnavailable, Conflict, NotFound, NotUnderstood, Refused
from bot.core.model import Decision, Release, ReleaseKind, Status
from bot.store.database import Database
from tests.support.desk_world import World, catalogue, open_world
from tests.support.waiting import until


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_world(database) as opened:
        yield opened


async def test_a_release_to_staging_is_done_when_its_stage_is_done(world: World) -> None:
    release = await world.ship("ana", "staging")
    assert release.number == 1
    assert not release.active
    kinds = await world.kinds(release)
    assert kinds[0] == "release_requested"
    assert kinds[-2:] == ["deployed", "release_finished"]
    assert "gate_opened" not in kinds


async def test_a_release_to_production_waits_for_somebody_else(world: World) -> None:
    release = await world.at_gate("ana")
    with pytest.raises(Refused) as refused:
        await world.do("ana", Verb.APPROVE, release=release.id)
    assert "somebody else" in str(refused.value)
    assert "Ben or Chi" in str(refused.value)
    assert refused.value.rule == "services.shop.environments.prod.self_approval"
    answer = await world.do("ben", Verb.APPROVE, release=release.id, reason="looks good")
    assert isinstance(answer, Accepted)
    assert (answer.given, answer.needed) == (1, 1)
    run_id = await world.when_running(release, "Production")
    world.backend.end(run_id, "Production", "Deploy")
    done = await world.when_status(release, Status.SUCCEEDED)
    assert done.run is not None
    approval = done.run.stages[3].actions[0].gate
    assert approval is not None
    assert approval.decision is not None
    assert (approval.decision.by, approval.decision.comment) == ("ben", "looks good")
    told = Counter(await world.kinds(release))
    assert told["gate_opened"] == told["gate_decided"] == told["approval_given"] == told["release_finished"] == 1
    assert told["deployed"] == 2


async def test_people_without_the_right_are_told_the_rule_and_who_can_help(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await world.deploy("dee", "prod")
    assert refused.value.rule == "services.shop.environments.prod.deployers"
    assert "Ana, Ben or Chi" in str(refused.value)
    release = await world.at_gate("ana")
    with pytest.raises(Refused, match="may approve"):
        await world.do("dee", Verb.APPROVE, release=release.id)
    with pytest.raises(Refused, match="may stop"):
        await world.do("dee", Verb.STOP, release=release.id)


async def test_a_second_deploy_is_refused_while_one_runs(world: World) -> None:
    first = await world.deploy("ana", "prod")
    with pytest.raises(Conflict, match="shop #1 is on its way to prod") as conflict:
        await world.deploy("ben", "prod")
    assert "/release stop" in str(conflict.value)
    other = await world.deploy("ben", "staging")
    assert (first.number, other.number) == (1, 2)


async def test_the_same_command_delivered_twice_starts_one_release(world: World) -> None:
    said = {"service": "shop", "environment": "staging", "key": "trigger-1"}
    answers = await asyncio.gather(*(world.do("ana", Verb.DEPLOY, **said) for _ in range(5)))
    accepted = [answer for answer in answers if isinstance(answer, Accepted)]
    assert len({answer.release.id for answer in accepted}) == 1
    assert sum(not answer.repeated for answer in accepted) == 1
    await world.when_running(accepted[0].release, "Build")
    assert world.backend.calls.count("start") == 1


async def test_of_twenty_who_approve_at_once_one_does_and_all_others_are_told_who(world: World) -> None:
    release = await world.at_gate("ana")
    answers = await asyncio.gather(
        *(world.do(who, Verb.APPROVE, release=release.id) for who in ["ben", "chi"] * 10), return_exceptions=True
    )
    accepted = [answer for answer in answers if isinstance(answer, Accepted)]
    conflicts = [str(answer) for answer in answers if isinstance(answer, Conflict)]
    assert (len(accepted), len(conflicts)) == (1, 19)
    winner = accepted[0].release.approvals[0].by.title()
    assert set(conflicts) == {f"shop #1 was approved already, by {winner}."}
    await world.when_running(release, "Production")
    assert world.backend.calls.count("decide") == 1


async def test_two_approvals_need_two_people(database: Database) -> None:
    async with open_world(database, catalogue(approvals=2)) as world:
        release = await world.at_gate("ana")
        first = await world.do("ben", Verb.APPROVE, release=release.id)
        assert isinstance(first, Accepted)
        assert (first.given, first.needed) == (1, 2)
        with pytest.raises(Conflict, match="already answered"):
            await world.do("ben", Verb.APPROVE, release=release.id)
        assert (await world.desk.release(release.id)).status is Status.WAITING
        await world.do("chi", Verb.APPROVE, release=release.id)
        run_id = await world.when_running(release, "Production")
        decision = (await world.desk.release(release.id)).run.stages[3].actions[0].gate.decision  # type: ignore[union-attr]
        assert decision
        assert decision.by == "ben+chi"
        world.backend.end(run_id, "Production", "Deploy")
        await world.when_status(release, Status.SUCCEEDED)


async def test_a_rejection_ends_the_release_with_its_reason(world: World) -> None:
    release = await world.at_gate("ana")
    await world.do("chi", Verb.REJECT, release=release.id, reason="not on a Friday")
    ended = await world.when_status(release, Status.FAILED)
    assert not ended.active
    with pytest.raises(Conflict, match="rejected already, by Chi"):
        await world.do("ben", Verb.APPROVE, release=release.id)


async def test_a_button_of_an_earlier_gate_can_not_approve_another(world: World) -> None:
    release = await world.at_gate("ana")
    with pytest.raises(Conflict):
        await world.do("ben", Verb.APPROVE, release=release.id, gate="an-older-token")
    assert (await world.desk.release(release.id)).approvals == ()


async def test_a_release_that_waits_is_stopped_at_once(world: World) -> None:
    release = await world.at_gate("ana")
    await world.do("ana", Verb.STOP, service="shop", environment="prod", reason="wrong branch")
    ended = await world.when_status(release, Status.STOPPED)
    assert ended.stopped_by == "ana"
    with pytest.raises(NotFound):
        await world.do("ana", Verb.STOP, service="shop", environment="prod")


@pytest.mark.parametrize("environment", ["staging", "prod"])
async def test_a_stop_that_came_too_late_is_not_called_a_stop(world: World, environment: str) -> None:
    release = await world.deploy("ana", environment) if environment == "staging" else await world.at_gate("ana")
    stage = "Staging"
    if environment == "prod":
        stage = "Production"
        await world.do("ben", Verb.APPROVE, release=release.id)
    else:
        world.backend.end(await world.when_running(release, "Build"), "Build", "Unit")
    run_id = await world.when_running(release, stage)
    await world.do("ana", Verb.STOP, release=release.id)
    await world.when(release, lambda seen: seen.run and seen.run.status is Status.STOPPING)
    world.backend.end(run_id, stage, "Deploy")
    done = await world.when_status(release, Status.SUCCEEDED)
    assert done.detail == ""
    assert "deployed" in await world.kinds(release)
    answer = await world.do("ana", Verb.WHERE, environment=environment)
    assert isinstance(answer, Deployments)
    assert answer.deployments[0].number == 1


async def test_a_newer_run_that_comes_behind_the_offered_one_is_mentioned(world: World) -> None:
    first = await world.ship("ana", "staging", ref="a" * 40)
    second = await world.ship("ben", "staging", ref="b" * 40)
    offer = await world.do("chi", Verb.DEPLOY, service="shop", environment="prod")
    assert isinstance(offer, Offered)
    assert offer.run_id == first.run_id
    assert offer.newer
    assert (offer.newer.run_id, offer.newer.started_by) == (second.run_id, "ben")
    assert offer.newer.revision
    assert offer.newer.revision.id == "b" * 40


async def test_a_failed_stage_is_retried_in_the_same_run(world: World) -> None:
    release = await world.deploy("ana", "staging")
    run_id = await world.when_running(release, "Build")
    world.backend.end(run_id, "Build", "Unit", ok=False, detail="2 tests failed")
    failed = await world.when_status(release, Status.FAILED)
    assert "2 tests failed" in failed.detail
    again = await world.do("ana", Verb.RETRY, release=release.id, attempt=1)
    assert isinstance(again, Accepted)
    assert again.release.active
    with pytest.raises(Conflict):
        await world.do("ana", Verb.RETRY, release=release.id, attempt=1)
    assert await world.when_running(release, "Build") == run_id
    world.backend.end(run_id, "Build", "Unit")
    await world.when_running(release, "Staging")
    world.backend.end(run_id, "Staging", "Deploy")
    done = await world.when_status(release, Status.SUCCEEDED)
    assert done.run_id == run_id
    finished = [entry.event for entry in await world.told(release) if entry.event.kind == "release_finished"]
    assert [event.status for event in finished] == [Status.FAILED, Status.SUCCEEDED]


async def test_production_is_not_retried_by_a_command_that_does_not_name_it(world: World) -> None:
    release = await world.deploy("ana", "prod")
    run_id = await world.when_running(release, "Build")
    world.backend.end(run_id, "Build", "Unit", ok=False)
    await world.when_status(release, Status.FAILED)
    with pytest.raises(NotUnderstood, match="/release retry shop prod"):
        await world.do("ana", Verb.RETRY)
    assert isinstance(await world.do("ana", Verb.RETRY, service="shop"), Accepted)


async def test_only_the_newest_release_of_a_place_can_be_retried(world: World) -> None:
    release = await world.deploy("ana", "staging")
    run_id = await world.when_running(release, "Build")
    world.backend.end(run_id, "Build", "Unit", ok=False)
    await world.when_status(release, Status.FAILED)
    await world.ship("ben", "staging")
    with pytest.raises(Conflict, match="shop #2 came after it"):
        await world.do("ana", Verb.RETRY, release=release.id)


async def test_rolling_back_brings_the_last_good_revision(world: World) -> None:
    first = await world.ship("ana", "staging", ref="a" * 40)
    await world.ship("ana", "staging", ref="b" * 40)
    answer = await world.do("ana", Verb.ROLLBACK, service="shop", environment="staging", reason="slow pages")
    assert isinstance(answer, Accepted)
    back = answer.release
    assert back.kind is ReleaseKind.ROLLBACK
    assert back.revision == first.revision
    run_id = await world.when_running(back, "Staging")
    world.backend.end(run_id, "Staging", "Deploy")
    await world.when_status(back, Status.SUCCEEDED)
    where = await world.do("ana", Verb.WHERE, service="shop")
    assert isinstance(where, Deployments)
    assert [each.revision and each.revision.id[0] for each in where.deployments] == ["a", None]


async def test_after_a_failed_deployment_the_doubt_is_said_and_rolling_back_restores_the_last_good_one(
    world: World,
) -> None:
    good = await world.ship("ana", "staging", ref="a" * 40)
    bad = await world.deploy("ana", "staging", ref="b" * 40)
    run_id = await world.when_running(bad, "Build")
    world.backend.end(run_id, "Build", "Unit")
    await world.when_running(bad, "Staging")
    world.backend.end(run_id, "Staging", "Deploy", ok=False, detail="ValidateService failed")
    await world.when_status(bad, Status.FAILED)
    where = await world.do("ana", Verb.WHERE, service="shop", environment="staging")
    assert isinstance(where, Deployments)
    assert "shop #2 began there" in where.deployments[0].doubt
    answer = await world.do("ana", Verb.ROLLBACK, release=bad.id)
    assert isinstance(answer, Accepted)
    assert answer.release.revision == good.revision


async def test_there_is_nothing_to_roll_back_to_before_a_second_good_release(world: World) -> None:
    await world.ship("ana", "staging")
    with pytest.raises(NotFound, match="no earlier good release"):
        await world.do("ana", Verb.ROLLBACK, service="shop", environment="staging")


async def test_a_run_that_waits_before_production_is_offered_and_a_tap_ships_exactly_that_one(world: World) -> None:
    staged = await world.ship("ana", "staging")
    offer = await world.do("ben", Verb.DEPLOY, service="shop", environment="prod")
    assert isinstance(offer, Offered)
    assert offer.run_id == staged.run_id
    assert offer.may_approve
    assert offer.started_by == "ana"
    assert staged.revision is not None
    assert offer.contains[0].startswith(staged.revision.short)
    shipped = await world.do(
        "ben", Verb.PROMOTE, service="shop", environment="prod", run_id=offer.run_id, gate=offer.gate
    )
    assert isinstance(shipped, Accepted)
    assert shipped.release.kind is ReleaseKind.PROMOTE
    run_id = await world.when_running(shipped.release, "Production")
    assert run_id == staged.run_id
    world.backend.end(run_id, "Production", "Deploy")
    done = await world.when_status(shipped.release, Status.SUCCEEDED)
    assert done.requested_by == "ana"
    assert [decision.by for decision in done.approvals] == ["ben"]


async def test_whoever_started_the_waiting_run_can_ask_for_it_but_not_approve_it(world: World) -> None:
    await world.ship("ana", "staging")
    offer = await world.do("ana", Verb.DEPLOY, service="shop", environment="prod")
    assert isinstance(offer, Offered)
    assert not offer.may_approve
    assert "somebody else" in offer.why_not
    said = {"service": "shop", "environment": "prod", "run_id": offer.run_id, "gate": offer.gate}
    shipped = await world.do("ana", Verb.PROMOTE, **said)
    assert isinstance(shipped, Accepted)
    assert shipped.release.status is Status.WAITING
    with pytest.raises(Refused):
        await world.do("ana", Verb.APPROVE, release=shipped.release.id)
    await world.do("chi", Verb.APPROVE, release=shipped.release.id)
    await world.when_running(shipped.release, "Production")


async def test_an_offer_that_is_taken_twice_ships_once(world: World) -> None:
    await world.ship("ana", "staging")
    offer = await world.do("ben", Verb.DEPLOY, service="shop", environment="prod")
    assert isinstance(offer, Offered)
    said = {"service": "shop", "environment": "prod", "run_id": offer.run_id, "gate": offer.gate}
    answers = await asyncio.gather(
        *(world.do(who, Verb.PROMOTE, **said) for who in ("ben", "chi")), return_exceptions=True
    )
    assert sum(isinstance(answer, Accepted) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1


async def test_a_fresh_run_ends_the_one_that_waited(world: World) -> None:
    staged = await world.ship("ana", "staging")
    release = await world.deploy("ben", "prod", fresh=True)
    run_id = await world.when_running(release, "Build")
    assert run_id != staged.run_id
    assert staged.run_id
    old = await world.backend.observe(world.catalogue.environment("shop", "prod").target, staged.run_id)
    assert old.status is Status.STOPPED


async def test_what_was_accepted_is_carried_out_by_the_next_server(world: World) -> None:
    await world.stop_watching()
    release = await world.deploy("ana", "staging")
    assert world.backend.calls == []
    world.start_watching()
    await world.when_running(release, "Build")


async def test_a_backend_that_is_out_of_reach_is_said_once_and_its_return_too(world: World) -> None:
    world.backend.failing += [BackendUnavailable() for _ in range(3)]
    release = await world.deploy("ana", "staging")
    seen = await world.when(release, lambda seen: seen.unreachable_since)
    assert seen.active
    back = await world.when(release, lambda seen: seen.run is not None)
    assert back.unreachable_since is None


async def test_an_unexpected_failure_of_a_backend_gets_an_incident_number(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.backend.failing += [ZeroDivisionError("boom") for _ in range(5)]
    release = await world.deploy("ana", "staging")
    ended = await world.when_status(release, Status.UNKNOWN)
    number = ended.detail.split("inc-")[1][:6]
    assert f"inc-{number}" in caplog.text
    assert "boom" not in ended.detail


async def test_a_broken_pipeline_fails_as_a_release_with_its_mistakes(world: World) -> None:
    world.backend.pipelines["shop"] = "pipeline.json: /stages: expected at least two stages."
    release = await world.deploy("ana", "staging")
    ended = await world.when_status(release, Status.FAILED)
    assert "/stages" in ended.detail


async def test_status_names_what_is_under_way_and_what_waits_for_me(world: World) -> None:
    release = await world.at_gate("ana")
    mine = await world.do("ben", Verb.STATUS)
    others = await world.do("ana", Verb.STATUS)
    assert isinstance(mine, Releases)
    assert isinstance(others, Releases)
    assert [each.id for each in mine.releases] == [release.id]
    assert mine.waiting_for_me == (release.id,)
    assert others.waiting_for_me == ()


async def test_approving_without_naming_a_release_needs_only_one_that_waits(world: World) -> None:
    with pytest.raises(NotFound, match="Nothing waits"):
        await world.do("ben", Verb.APPROVE)
    release = await world.at_gate("ana")
    answer = await world.do("ben", Verb.APPROVE)
    assert isinstance(answer, Accepted)
    assert answer.release.id == release.id


async def test_stopping_without_naming_one_of_two_asks_which(world: World) -> None:
    await world.deploy("ana", "prod")
    await world.deploy("ana", "staging")
    with pytest.raises(NotUnderstood, match="shop staging or shop prod"):
        await world.do("ana", Verb.STOP)


async def test_history_lists_the_newest_first(world: World) -> None:
    await world.ship("ana", "staging")
    await world.ship("ben", "staging", ref="b" * 40)
    answer = await world.do("ana", Verb.HISTORY, service="shop")
    assert isinstance(answer, Releases)
    assert [release.number for release in answer.releases] == [2, 1]


async def test_a_gate_that_was_answered_elsewhere_moves_the_release_on(world: World) -> None:
    release = await world.at_gate("ana")
    seen: Release = await world.desk.release(release.id)
    assert seen.run is not None
    assert seen.run.open_gate is not None
    target = world.catalogue.environment("shop", "prod").target
    await world.backend.decide(
        target, seen.run.id, seen.run.open_gate[2].token, Decision(approved=True, by="console-user")
    )
    await world.when_running(release, "Production")
    with pytest.raises(Conflict, match="console-user"):
        await world.do("ben", Verb.APPROVE, release=release.id)


async def test_places_that_are_not_declared_any_more_end_as_unknown(world: World) -> None:
    release = await world.deploy("ana", "staging")
    await world.when_running(release, "Build")
    await world.stop_watching()
    world.catalogue = catalogue().model_copy(update={"services": {}})
    world.start_watching()
    ended = await world.when_status(release, Status.UNKNOWN)
    assert "no longer declares" in ended.detail
    await until(lambda: world.desk.release(release.id), lambda seen: not seen.active)
