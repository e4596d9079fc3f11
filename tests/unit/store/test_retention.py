"""What is dropped after a while, and what never is."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text

from bot.core.events import Deployed, Event, ReleaseRequested
from bot.core.model import Hold, Release, ReleaseKind, Revision, Status, Surface
from bot.store import holds, intents, messages, record, releases
from bot.store.database import Database
from bot.store.intents import Arguments, Task
from bot.store.messages import Purpose
from bot.store.retention import DEPLOYMENTS_KEPT
from bot.store.tables import COMMANDS, EVENTS, HOLDS, INTENTS, MESSAGES, RELEASES
from bot.watcher import Sweeper

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEEP = timedelta(days=365)


async def ended(database: Database, number: int, at: datetime, *told: Event, **more: Any) -> Release:
    """A release that was asked for and ended at this moment."""
    usual: dict[str, Any] = {
        "id": f"r{number:03}", "number": number, "service": "shop", "environment": "staging", "requested_by": "ana",
        "surface": Surface.SLACK, "backend": "memory", "status": Status.SUCCEEDED, "active": False, "created": at,
        "updated": at, "finished": at,
    }  # fmt: skip
    release = Release(**(usual | more))
    asked = ReleaseRequested(by="ana", how=ReleaseKind.DEPLOY)
    async with database.write() as c:
        await record.new(c, release, [asked, *told], card=(f"m{number:03}", "C0RELEASES"), now=at)
        await c.execute(text("UPDATE messages SET delivered = desired"))
        await intents.add(c, release.id, Task.START, Arguments(), at)
        await c.execute(text("UPDATE intents SET done = true"))
        await intents.remember(c, f"key {number}", release.id, at)
    return release


async def sweep(database: Database) -> int:
    return await Sweeper(database, clock=lambda: NOON, keep=KEEP, pause=0).sweep()


async def left(database: Database) -> list[str]:
    async with database.read() as c:
        return sorted(await c.scalars(select(RELEASES.c.id)))


async def test_an_old_release_goes_with_all_that_is_told_of_it(database: Database) -> None:
    await ended(database, 1, NOON - timedelta(days=400))
    await ended(database, 2, NOON - timedelta(days=399), environment="prod")
    await ended(database, 3, NOON - timedelta(days=364))
    await ended(database, 4, NOON - timedelta(days=20))
    assert await sweep(database) == 1
    assert await left(database) == ["r002", "r003", "r004"], "the newest of prod stays, however old"
    async with database.read() as c:
        for table in (EVENTS, MESSAGES, INTENTS):
            assert set(await c.scalars(select(table.c.release_id))) == {"r002", "r003", "r004"}
        assert list(await c.scalars(select(COMMANDS.c.key))) == ["key 4"], "keys live 30 days"
        assert await releases.next_number(c, "shop") == 5
    assert await sweep(database) == 0


class Forgetful:
    """A backend that is asked to drop old runs."""

    asked: tuple[datetime, frozenset[str]] | None = None

    async def forget(self, before: datetime, kept: Collection[str]) -> int:
        self.asked = before, frozenset(kept)
        return 0


async def test_a_backend_drops_its_old_runs_too_but_those_that_a_release_has(database: Database) -> None:
    for number, days in ((1, 400), (2, 399), (3, 1)):
        await ended(database, number, NOON - timedelta(days=days), run_id=f"run-{number}")
    backend: Any = Forgetful()
    sweeper = Sweeper(database, clock=lambda: NOON, keep=KEEP, backends=(backend,), pause=0)
    assert await sweeper.sweep() == 2
    assert backend.asked == (NOON - KEEP, {"run-3"})


async def test_what_an_environment_runs_and_may_go_back_to_stays(database: Database) -> None:
    for number in range(1, DEPLOYMENTS_KEPT + 4):
        revision = Revision(id=f"{number:040}")
        told = Deployed(environment="staging", run_id=f"run-{number}", revision=revision)
        await ended(database, number, NOON - timedelta(days=500 - number), told)
    await ended(database, 99, NOON, status=Status.FAILED)
    assert await sweep(database) == 3
    assert await left(database) == [*(f"r{number:03}" for number in range(4, DEPLOYMENTS_KEPT + 4)), "r099"]


async def test_nothing_goes_that_is_under_way_or_not_told_yet(database: Database) -> None:
    long_ago = NOON - timedelta(days=400)
    await ended(database, 1, long_ago, active=True, status=Status.WAITING, finished=None)
    todo = await ended(database, 2, long_ago + timedelta(days=1))
    unsent = await ended(database, 3, long_ago + timedelta(days=2))
    retried = await ended(database, 4, long_ago + timedelta(days=3), updated=NOON)
    await ended(database, 5, long_ago + timedelta(days=4))
    await ended(database, 6, NOON)
    async with database.write() as c:
        await intents.add(c, todo.id, Task.STOP, Arguments(), NOON)
        await messages.add(
            c,
            message_id="x",
            release_id=unsent.id,
            purpose=Purpose.NOTICE,
            destination="C1",
            event_position=1,
            now=NOON,
        )
        await messages.move(c, "messages", 0)
    assert await sweep(database) == 0, "no event was read yet"
    async with database.write() as c:
        await messages.move(c, "messages", await c.scalar(select(func.max(EVENTS.c.position))) or 0)
        await messages.move(c, "adopt something", 1_700_000_000_000)
    assert await sweep(database) == 1
    assert await left(database) == ["r001", todo.id, unsent.id, retried.id, "r006"]


async def test_more_than_fit_into_one_piece_go_too_and_a_hold_stays(database: Database) -> None:
    for number in range(1, 231):
        await ended(database, number, NOON - timedelta(days=800) + timedelta(minutes=number))
    async with database.write() as c:
        for closed in (True, False, True):
            hold = Hold(
                environment="prod", stage="Production", closed=closed, by="ana", since=NOON - KEEP - KEEP, done=True
            )
            await holds.add(c, "shop", hold)
    assert await sweep(database) == 229
    assert await left(database) == ["r230"]
    async with database.read() as c:
        assert [row.closed for row in await c.execute(select(HOLDS))] == [True]
        assert len(await holds.standing(c)) == 1


async def test_an_old_memo_goes_only_once_its_last_words_were_sent_or_given_up(database: Database) -> None:
    long_ago = NOON - KEEP - KEEP
    ages = dict.fromkeys(("unsent", "on its way", "postponed", "reworded", "sent", "given up"), long_ago)
    async with database.write() as c:
        for number, (name, at) in enumerate({**ages, "sent lately": NOON - timedelta(days=1)}.items()):
            await messages.add(
                c, message_id=name, release_id=f"hold {number}", purpose=Purpose.MEMO, destination="C0RELEASES",
                event_position=0, body={"kind": "hold"}, now=at,
            )  # fmt: skip
        await messages.begin_post(c, "on its way", long_ago)
        await messages.postpone(c, "postponed", NOON + timedelta(hours=1), tries=40)
        for name in ("reworded", "sent", "sent lately"):
            await messages.posted(c, name, "C0RELEASES", f"{name}.1", 1)
        await messages.rewrite(c, "reworded", {"kind": "hold", "closed": False})
        await messages.bury(c, "given up", "The channel is no more.")
    await sweep(database)
    async with database.read() as c:
        due = {message.id for message in await messages.due(c)}
        assert due == {"unsent", "on its way", "postponed", "reworded"}
        assert set(await c.scalars(select(MESSAGES.c.id))) == due | {"sent lately"}
