"""What the outbox remembers."""

from __future__ import annotations

from bot.core.model import Decision, Release, Status
from bot.store import messages, record, releases
from bot.store.database import Database
from bot.store.messages import Message, urgent
from tests.support import release_looks as looks
from tests.support.office import CARDS, now


async def ask(database: Database) -> Release:
    release = looks.release()
    async with database.write() as c:
        await record.new(c, release, (), card=("card", CARDS), now=now())
    return release


async def card(database: Database) -> Message:
    async with database.read() as c:
        return (await messages.of_release(c, "r12"))[0]


async def test_a_card_is_asked_for_once_per_channel(database: Database) -> None:
    release = await ask(database)
    async with database.write() as c:
        await messages.add_card(c, release, CARDS, "second", now())
        await messages.add_card(c, release, "C0OTHER", "elsewhere", now())
    async with database.read() as c:
        assert [row.id for row in await messages.of_release(c, release.id)] == ["card", "elsewhere"]


async def test_a_change_makes_the_card_due_and_urgency_stays_until_it_is_shown(database: Database) -> None:
    release = await ask(database)
    async with database.write() as c:
        await messages.posted(c, "card", CARDS, "1.1", 1)
        assert await messages.due(c) == []
        for version, is_urgent in ((2, False), (3, True), (4, False)):
            changed = release.model_copy(update={"version": version})
            await messages.touch(c, changed, urgent=is_urgent, now=now())
        found = (await messages.due(c))[0]
        assert (found.desired, found.delivered, found.urgent) == (4, 1, True)
        await messages.delivered(c, "card", 4)
        await messages.touch(c, release.model_copy(update={"version": 5}), urgent=False, now=now())
        assert (await messages.due(c))[0].urgent is False
        await messages.touch(c, release.model_copy(update={"version": 3}), urgent=True, now=now())
        assert (await messages.due(c))[0].desired == 5, "an older version changes nothing"


async def test_what_is_dead_is_not_due(database: Database) -> None:
    await ask(database)
    async with database.write() as c:
        await messages.bury(c, "card", "no channel")
        assert await messages.due(c) == []


async def test_times_come_back_in_utc(database: Database) -> None:
    await ask(database)
    moment = now()
    async with database.write() as c:
        await messages.begin_post(c, "card", moment)
        await messages.postpone(c, "card", moment, 3)
    found = await card(database)
    assert (found.posting_since, found.not_before, found.tries) == (moment, moment, 3)


async def test_a_message_tells_which_release_it_is_about(database: Database) -> None:
    await ask(database)
    async with database.write() as c:
        await messages.posted(c, "card", CARDS, "1.1", 1)
        assert await messages.release_at(c, CARDS, "1.1") == "r12"
        assert await messages.release_at(c, CARDS, "2.2") is None
        assert (await releases.get(c, "r12")).label == "shop #12"


async def test_a_cursor_starts_at_the_beginning_and_moves(database: Database) -> None:
    async with database.write() as c:
        assert await messages.position(c, "one", lock=True) == 0
        await messages.move(c, "one", 7)
        await messages.move(c, "one", 9)
        await messages.move(c, "two", 1)
        assert (await messages.position(c, "one"), await messages.position(c, "two")) == (9, 1)


def test_final_states_and_gates_are_urgent_and_progress_is_not() -> None:
    assert urgent(looks.shipped())
    assert urgent(looks.failing())
    assert urgent(looks.waiting())
    assert not urgent(looks.building())
    assert not urgent(looks.release())
    just_now = Decision(approved=True, by="ben", at=looks.at(0))
    long_ago = Decision(approved=True, by="ben", at=looks.at(-60))
    assert urgent(looks.waiting(decision=just_now))
    assert not urgent(looks.waiting(decision=long_ago))
    stopped = looks.building().model_copy(update={"status": Status.STOPPED})
    assert urgent(stopped)
