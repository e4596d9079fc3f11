"""Every event is told to whom it concerns, exactly once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from bot.catalogue import Catalogue, Notify
from bot.core.events import (
    ActionFinished,
    ApprovalGiven,
    Deployed,
    Event,
    GateDecided,
    GateOpened,
    ReleaseFinished,
    ReleaseRequested,
    ReleaseRevived,
    RetryRequested,
    RunStarted,
    StageFinished,
    StageStarted,
    StopRequested,
    VerbFailed,
)
from bot.core.model import Decision, Release, ReleaseKind, Status
from bot.deliver.subscriptions import LISTENER, Subscriptions, Wanted, wanted
from bot.store import messages, record, releases
from bot.store.database import Database
from bot.store.messages import Message, Purpose
from tests.support import release_looks as looks
from tests.support.desk_world import catalogue
from tests.support.office import CARDS, now, with_notify

YES = Decision(approved=True, by="ben")
NO = Decision(approved=False, by="ben")
NOTE = Wanted(Purpose.THREAD, CARDS)
CALL = Wanted(Purpose.DIRECT, "person:ana", urgent=True)


def heard(event: Event, *notify: Notify, declared: Catalogue | None = None, **changes: str) -> list[Wanted]:
    known = declared or with_notify(catalogue(), *notify)
    return list(wanted(event, looks.release(**changes), known, [CARDS]))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ReleaseRequested(by="ana", how=ReleaseKind.DEPLOY), []),
        (RunStarted(run_id="r"), []),
        (StageStarted(stage="Build", attempt=1), []),
        (ActionFinished(stage="B", attempt=1, action="U", status=Status.SUCCEEDED), []),
        (
            ActionFinished(stage="B", attempt=1, action="U", status=Status.FAILED),
            [NOTE, Wanted(Purpose.FILE, CARDS)],
        ),
        (StageFinished(stage="B", attempt=1, status=Status.SUCCEEDED), [NOTE]),
        (StageFinished(stage="B", attempt=1, status=Status.FAILED), []),
        (GateOpened(stage="A", action="A", token="g"), [NOTE, CALL]),
        (ApprovalGiven(token="g", decision=YES, given=1, needed=2), [NOTE]),
        (ApprovalGiven(token="g", decision=YES, given=2, needed=2), []),
        (ApprovalGiven(token="g", decision=NO, given=0, needed=2), []),
        (GateDecided(stage="A", action="A", token="g", decision=YES), [NOTE]),
        (StopRequested(by="ben"), [NOTE]),
        (RetryRequested(by="ben", stage="B", attempt=1), [NOTE]),
        (VerbFailed(verb="stop", detail="It ended."), [NOTE]),
        (Deployed(environment="prod", run_id="r"), []),
        (ReleaseFinished(status=Status.SUCCEEDED, attempt=1), [NOTE]),
        (ReleaseFinished(status=Status.FAILED, attempt=1), [NOTE, CALL]),
        (ReleaseFinished(status=Status.UNKNOWN, attempt=1), [NOTE, CALL]),
        (ReleaseFinished(status=Status.STOPPED, attempt=1), [NOTE]),
        (ReleaseRevived(attempt=2), []),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_under_the_card_stands_what_people_need_and_the_requester_is_called_when_it_concerns_them(
    event: Event, expected: list[Wanted]
) -> None:
    assert heard(event) == expected


def test_somebody_without_an_account_in_the_chat_is_not_called() -> None:
    event = ReleaseFinished(status=Status.FAILED, attempt=1)
    assert CALL not in heard(event, requested_by="Webhook")


def test_a_channel_that_wants_ends_and_failures_hears_of_a_failure_once() -> None:
    notify = Notify(channel="other", events=frozenset({"finished", "failed"}))
    event = ReleaseFinished(status=Status.FAILED, attempt=1)
    assert [each for each in heard(event, notify) if each.purpose is Purpose.NOTICE] == [
        Wanted(Purpose.NOTICE, "C0OTHER")
    ]


def test_a_channel_that_only_wants_failures_hears_of_no_success() -> None:
    notify = Notify(channel="other", events=frozenset({"failed"}))
    assert heard(ReleaseFinished(status=Status.SUCCEEDED, attempt=1), notify) == [NOTE]


@asynccontextmanager
async def recorded(database: Database, *happened: Event, at: datetime | None = None) -> AsyncIterator[Release]:
    release = looks.release(created=now(), updated=now())
    async with database.write() as c:
        await record.new(c, release, happened, card=("card", CARDS), now=at or now())
    yield release


def subscriptions(database: Database, ids: itertools.count[int] | None = None) -> Subscriptions:
    numbers = ids or itertools.count()
    return Subscriptions(database, catalogue(), clock=now, new_id=lambda: f"m{next(numbers)}")


async def rows(database: Database, release: Release) -> list[Message]:
    async with database.read() as c:
        return [row for row in await messages.of_release(c, release.id) if row.purpose is not Purpose.CARD]


STAGES = tuple(StageFinished(stage=f"S{n}", attempt=1, status=Status.SUCCEEDED) for n in range(5))


async def test_events_become_messages_once_however_often_they_are_looked_at(database: Database) -> None:
    async with recorded(database, *STAGES) as release:
        ids = itertools.count()
        first, again = subscriptions(database, ids), subscriptions(database, ids)
        await asyncio.gather(first.take_in(), again.take_in(), first.take_in())
        assert await again.take_in() == 0
        found = await rows(database, release)
        assert [row.event_position for row in found] == sorted({row.event_position for row in found})
        assert len(found) == 5


async def test_more_events_than_are_read_at_once_are_all_taken_in(database: Database) -> None:
    many = [StageFinished(stage=f"S{n}", attempt=1, status=Status.SUCCEEDED) for n in range(450)]
    async with recorded(database, *many) as release:
        assert await subscriptions(database).take_in() == 450
        assert len(await rows(database, release)) == 450


async def test_what_happened_days_ago_while_nobody_could_be_told_is_not_told(database: Database) -> None:
    async with recorded(database, *STAGES, at=now() - timedelta(days=2)) as release:
        assert await subscriptions(database).take_in() == 5
        assert await rows(database, release) == []
        async with database.write() as c:
            await releases.save(c, release.model_copy(update={"version": 2}), was=1)


async def test_one_event_that_can_not_be_told_does_not_stop_those_behind_it(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    notify = Notify(channel="gone", events=frozenset({"started"}))
    shop = catalogue().services["shop"].model_copy(update={"notify": (notify,)})
    declared = catalogue().model_copy(update={"services": {"shop": shop}})
    async with recorded(database, RunStarted(run_id="r"), STAGES[0]) as release:
        taken = Subscriptions(database, declared, clock=now, new_id=iter("abc").__next__)
        assert await taken.take_in() == 2
        assert len(await rows(database, release)) == 1
        assert "run_started" in caplog.text


async def test_rows_and_cursor_change_together_or_not_at_all(database: Database) -> None:
    async with recorded(database, *STAGES) as release:
        ids = iter(["m1", "m2"])  # the third row can't be made
        broken = Subscriptions(database, catalogue(), clock=now, new_id=ids.__next__)
        with pytest.raises((RuntimeError, StopIteration)):
            await broken.take_in()
        assert await rows(database, release) == []
        async with database.read() as c:
            assert await messages.position(c, LISTENER) == 0
        assert await subscriptions(database).take_in() == 5
        assert len(await rows(database, release)) == 5


async def test_an_idle_deliverer_does_not_write(database: Database) -> None:
    async with recorded(database, *STAGES):
        own = subscriptions(database)
        await own.take_in()
        async with database.write() as held:  # whoever wants to write now would wait
            await messages.position(held, LISTENER)
            assert await asyncio.wait_for(own.take_in(), 30) == 0
