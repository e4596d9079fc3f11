"""What goes wrong around a release at the desk and the watcher: late clicks, a backend or a database in trouble."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.core.commands import Accepted, Offered, Verb
from bot.core.errors import BackendUnavailable, Conflict
from bot.core.model import Status
from bot.store.database import Database
from tests.support.desk_world import World, open_world
from tests.support.waiting import until
from tests.support.whole_app import open_whole_app


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_world(database) as opened:
        yield opened


async def test_stopping_what_was_just_approved_lets_the_deployment_finish(world: World) -> None:
    release = await world.at_gate("ana")
    await world.stop_watching()
    await world.do("ben", Verb.APPROVE, release=release.id)
    await world.do("ana", Verb.STOP, release=release.id)
    world.start_watching()
    seen = await world.when(release, lambda seen: seen.run and seen.run.status is Status.STOPPING)
    assert seen.active
    assert seen.run_id
    world.backend.end(seen.run_id, "Production", "Deploy")
    ended = await world.when(release, lambda seen: seen.status.finished)
    assert ended.run is not None
    production = ended.run.stage("Production")
    assert production is not None
    assert [action.status for action in production.actions] == [Status.SUCCEEDED]


async def test_what_is_being_stopped_can_not_be_approved(world: World) -> None:
    release = await world.at_gate("ana")
    await world.stop_watching()
    await world.do("chi", Verb.STOP, release=release.id)
    with pytest.raises(Conflict, match="Chi"):
        await world.do("ben", Verb.APPROVE, release=release.id)


async def test_rolling_back_from_an_old_card_does_not_undo_a_newer_release(world: World) -> None:
    await world.ship("ana", "staging", ref="a" * 40)
    bad = await world.deploy("ana", "staging", ref="b" * 40)
    run_id = await world.when_running(bad, "Build")
    world.backend.end(run_id, "Build", "Unit", ok=False)
    await world.when_status(bad, Status.FAILED)
    await world.ship("ben", "staging", ref="c" * 40)
    with pytest.raises(Conflict, match="shop #3 came after it"):
        await world.do("ana", Verb.ROLLBACK, release=bad.id)
    with pytest.raises(Conflict, match="shop #3 came after it"):
        await world.do("ana", Verb.ROLLBACK, service="shop", number=bad.number)
    back = await world.do("ana", Verb.ROLLBACK, service="shop", number=3)
    assert isinstance(back, Accepted)


async def test_an_offer_taken_by_a_request_that_comes_twice_is_answered_as_repeated(world: World) -> None:
    await world.ship("ana", "staging")
    offer = await world.do("ben", Verb.DEPLOY, service="shop", environment="prod")
    assert isinstance(offer, Offered)
    said = {"service": "shop", "environment": "prod", "run_id": offer.run_id, "gate": offer.gate}
    first = await world.do("ben", Verb.PROMOTE, key="once", **said)
    again = await world.do("ben", Verb.PROMOTE, key="once", **said)
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert again.repeated
    assert again.release.id == first.release.id


async def test_a_nudge_while_the_backend_is_away_does_not_make_it_be_asked_without_a_pause(world: World) -> None:
    release = await world.deploy("ana", "staging")
    await world.when_running(release, "Build")
    world.backend.failing += [BackendUnavailable() for _ in range(100_000)]
    await world.when(release, lambda seen: seen.unreachable_since)
    world.asked.fire(release.id)
    before = len(world.backend.calls)
    await asyncio.sleep(1)
    assert len(world.backend.calls) - before < 50


async def test_a_look_that_breaks_is_said_on_the_release_and_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    release = await world.deploy("ana", "staging")
    await world.when_running(release, "Build")
    world.backend.failing += [ZeroDivisionError("boom") for _ in range(4)]
    await world.when(release, lambda seen: seen.unreachable_since)
    assert "boom" in caplog.text
    await world.when(release, lambda seen: seen.unreachable_since is None)


async def test_the_watcher_outlives_a_database_that_is_away_for_a_moment(world: World) -> None:
    """Also one that goes away while it looks for what is under way, and while it is told of a nudge."""
    async with world.database.write() as c:
        await c.execute(text("ALTER TABLE releases RENAME TO away"))
    world.asked.fire("somebody")
    await asyncio.sleep(0.5)  # long enough for it to have looked
    assert world.watching is not None
    assert not world.watching.done()
    async with world.database.write() as c:
        await c.execute(text("ALTER TABLE away RENAME TO releases"))
    release = await world.deploy("ana", "staging")
    await world.when_running(release, "Build")


async def test_nudges_that_break_off_are_listened_to_again(world: World) -> None:
    await world.stop_watching()
    heard = world.backend.nudges
    broken, mended = asyncio.Event(), asyncio.Event()

    async def breaks_once() -> AsyncIterator[object]:
        if not broken.is_set():
            broken.set()
            raise OSError("the queue is away")
        mended.set()
        async for nudge in heard():
            yield nudge

    world.backend.nudges = breaks_once  # type: ignore[assignment, method-assign]
    world.start_watching()
    release = await world.deploy("ana", "staging")
    await world.when_running(release, "Build")
    await asyncio.wait_for(mended.wait(), 60)


async def test_a_server_that_ends_while_messages_are_on_their_way_ends_without_a_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_whole_app(tmp_path / "whole") as app:
        await app.do("fault", method="chat.postMessage", fault="delay:3", times=99)
        await app.asked()
        await until(app.calls, lambda calls: any(call["method"] == "chat.postMessage" for call in calls))
    worst = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in worst if record.name.startswith("bot")] == []
