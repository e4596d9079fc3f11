"""How many calls it takes: with events, without them, and for many releases at once."""

from __future__ import annotations

import asyncio
from collections import Counter

from bot.core.model import Decision, Release, Run, Status
from integrations.aws.pace import Pace
from integrations.local.states import State
from tests.support.waiting import until
from tests.unit.aws.conftest import Shop

YES = Decision(approved=True, by="ben")


class Timer:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_release_with_an_event_for_each_step_takes_at_most_twelve_calls(shop: Shop, wish: Release) -> None:
    """Five steps: source, build, staging, approval, production. Every change is looked at once, as events would do."""
    shop.backend._looking.poll = 3600

    async def after_an_event(run_id: str, holds: object) -> Run:
        assert callable(holds)
        there = await until(lambda: shop.other_side.observe(shop.local.target(), run_id), holds)
        under_way = [a for stage in there.stages for a in stage.actions if a.started and not a.status.finished]
        history = shop.other_side.codepipeline.list_action_executions
        await until(  # what has just begun comes into the history a moment later
            lambda: history("shop", execution_id=run_id),
            lambda page: sum(each.status is State.IN_PROGRESS for each in page.items) >= len(under_way),
        )
        shop.backend.nudge(run_id, whole=there.status.finished)
        seen = await shop.look(run_id)
        assert holds(seen), (seen.stages, shop.proxy.seen)
        return seen

    def runs(stage: str) -> object:
        return lambda run: (
            run.stage(stage).status is Status.RUNNING
            and any(action.status is Status.RUNNING for action in run.stage(stage).actions)
        )

    run_id = await shop.backend.start(shop.target, wish)
    await after_an_event(run_id, runs("Build"))
    for step in ("Unit", "Style", "Package"):
        shop.local.say(run_id, f"Build.{step}")
    await after_an_event(run_id, runs("Staging"))
    shop.local.say(run_id, "Staging.Deploy")
    seen = await after_an_event(run_id, lambda run: run.open_gate)
    assert seen.open_gate is not None
    await shop.backend.decide(shop.target, run_id, seen.open_gate[2].token, YES)
    await after_an_event(run_id, lambda run: run.stages[3].actions[1].status is Status.RUNNING)
    shop.local.say(run_id, "Production.Deploy")
    seen = await after_an_event(run_id, lambda run: run.status.finished)
    assert seen.status is Status.SUCCEEDED
    assert seen.revision is not None
    assert len(shop.proxy.seen) <= 12, Counter(shop.proxy.seen)


async def test_looking_often_without_news_makes_no_calls(shop: Shop, wish: Release) -> None:
    shop.backend._looking.poll = 3600
    run_id = await shop.backend.start(shop.target, wish)
    await until(lambda: shop.other_side.observe(shop.local.target(), run_id), lambda run: run.stages[1].started)
    await shop.look(run_id)
    calls = len(shop.proxy.seen)
    for _ in range(50):
        await shop.look(run_id)
    assert len(shop.proxy.seen) == calls


async def test_two_hundred_releases_stay_below_two_calls_a_second(shop: Shop, wish: Release) -> None:
    """200 runs of one pipeline wait before a closed stage, and each is asked for again and again."""
    await shop.backend.hold(shop.target, "Build", "audit")
    run_id = await shop.backend.start(shop.target, wish)
    await until(lambda: shop.look(run_id), lambda run: run.stages[0].status is Status.SUCCEEDED)
    looking, timer = shop.backend._looking, Timer()
    known = looking._known[run_id]
    for number in range(199):
        pipeline = shop.target.model_copy(update={"pipeline": f"shop-{number}"})
        other = looking.known(pipeline, f"{number:08x}{run_id[8:]}")
        other.run, other.execution, other.wanted = known.run, known.execution, known.wanted
        other.dirty = False
    looking._pace = pace = Pace(timer, rate=1.8, burst=20)
    every = [looking._every(each) for each in looking._known.values()]
    assert sum(2 / seconds for seconds in every) <= 2
    pace._level = 1.0  # nothing is left: what is known is given, and nobody waits
    calls = len(shop.proxy.seen)
    await asyncio.gather(*(shop.look(run_id) for _ in range(20)))
    assert len(shop.proxy.seen) == calls


async def test_the_pace_lets_a_burst_through_and_then_so_many_a_second() -> None:
    timer = Timer()
    pace = Pace(timer, rate=2, burst=4)
    for _ in range(4):
        await pace.take()
    assert pace.level == 0
    timer.seconds += 1
    assert pace.level == 2
    timer.seconds += 100
    assert pace.level == 4
    pace.slow_down(5)
    assert pace.level == -10
    for _ in range(1000):
        pace.spend()
    assert pace.level == -40  # what is urgent is never paid off for ever
