"""When a look may be spared, and when not: throttling, lost events, pipelines of one name, answers given elsewhere."""

from __future__ import annotations

import pytest

from bot.core.errors import BackendUnavailable, Conflict
from bot.core.model import Decision, Release, Run, Status
from integrations.aws.events.envelopes import About
from integrations.aws.listings import DOUBT
from integrations.aws.looking import STALE
from integrations.aws.pace import Pace
from tests.support.faulty_proxy import BROKEN, THROTTLED
from tests.support.waiting import until
from tests.unit.aws.conftest import Shop

BUILDS = ("Build.Unit", "Build.Style", "Build.Package")


def event(run_id: str) -> About:
    return About("e1", "shop", run_id, stage="Build", state="STARTED")


async def building(shop: Shop, wish: Release) -> str:
    """Start a run, and look at it once it builds."""
    run_id = await shop.backend.start(shop.target, wish)
    await until(lambda: shop.look(run_id), lambda run: all(action.started for action in run.stages[1].actions[:2]))
    return run_id


async def test_a_throttled_look_after_a_long_rest_is_no_outage_yet(shop: Shop, wish: Release) -> None:
    run_id = await building(shop, wish)
    known = shop.backend._looking._known[run_id]
    known.looked -= STALE + 1  # as while events come, or when very many runs are looked at
    shop.backend.nudge(run_id)
    shop.proxy.fault = lambda _: THROTTLED
    assert (await shop.look(run_id)).status is Status.RUNNING
    known.throttled -= STALE + 1
    with pytest.raises(BackendUnavailable):
        await shop.look(run_id)
    shop.proxy.fault = lambda _: None
    await shop.look(run_id)
    assert known.throttled == float("inf")


async def test_a_list_of_runs_that_is_throttled_is_no_outage(shop: Shop, wish: Release) -> None:
    run_id = await building(shop, wish)
    looking = shop.backend._looking
    known = looking._known[run_id]
    looking._pace = Pace(lambda: 0.0, rate=1000, burst=20)
    looking._pace._level = 5.0  # enough to look, not enough to look without need
    known.looked -= 1
    known.whole, known.asked_whole = False, known.looked + 1
    shop.proxy.fault = lambda operation: THROTTLED if operation == "ListPipelineExecutions" else None
    seen = len(shop.proxy.seen)
    assert (await shop.look(run_id)).status is Status.RUNNING
    assert "ListPipelineExecutions" in shop.proxy.seen[seen:]


async def test_a_list_that_could_not_be_read_is_still_outdated(shop: Shop) -> None:
    listings = shop.backend._looking.listings
    await listings.newest(shop.target, 3600)
    listings.forget("shop")
    shop.proxy.fault = lambda _: BROKEN
    with pytest.raises(BackendUnavailable):
        await listings.newest(shop.target, 3600)
    shop.proxy.fault = lambda _: None
    seen = len(shop.proxy.seen)
    await listings.newest(shop.target, 3600)
    assert shop.proxy.seen[seen:] == ["ListPipelineExecutions"]


async def test_events_of_one_region_say_nothing_of_a_pipeline_of_the_same_name_in_another(
    shop: Shop, wish: Release
) -> None:
    run_id = await building(shop, wish)
    shop.backend.hear(run_id, event(run_id))
    assert shop.backend._looking.hears(shop.target)
    assert not shop.backend._looking.hears(shop.target.model_copy(update={"region": "eu-west-1"}))


async def test_a_change_that_no_event_told_has_the_pipeline_looked_at_often_again(shop: Shop, wish: Release) -> None:
    run_id = await building(shop, wish)
    looking = shop.backend._looking
    shop.backend.hear(run_id, event(run_id))
    for step in BUILDS:
        shop.local.say(run_id, step)
    await until(
        lambda: shop.other_side.observe(shop.local.target(), run_id),
        lambda run: bool(run.stages[2].actions[0].started),
    )
    assert looking.hears(shop.target)
    known = looking._known[run_id]
    known.news, known.dirty, known.doubted = False, False, float("inf")
    known.looked -= 3600
    await shop.look(run_id)
    shop.backend.hear(run_id, event(run_id))
    assert not looking.hears(shop.target), "one that comes does not mean that all do"
    looking.listings.kept(shop.target).missed -= DOUBT
    assert looking.hears(shop.target)


async def test_a_gate_that_was_answered_elsewhere_shows_so_after_the_answer_that_came_too_late(
    shop: Shop, wish: Release
) -> None:
    run_id = await building(shop, wish)
    for step in (*BUILDS, "Staging.Deploy"):
        shop.local.say(run_id, step)
    run: Run = await until(lambda: shop.look(run_id), lambda run: run.open_gate)
    assert run.open_gate is not None
    gate = run.open_gate[2].token
    shop.backend._looking.poll = 3600
    there = await shop.other_side.observe(shop.local.target(), run_id)
    assert there.open_gate is not None
    await shop.other_side.decide(
        shop.local.target(), run_id, there.open_gate[2].token, Decision(approved=False, by="x")
    )
    with pytest.raises(Conflict):
        await shop.backend.decide(shop.target, run_id, gate, Decision(approved=True, by="ben"))
    await until(lambda: shop.look(run_id), lambda run: run.status is Status.FAILED)
