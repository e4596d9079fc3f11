"""The voice desk in Slack: codes that are typed, numbers that are pressed, and what the messages say afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.commands import Accepted, Command, Verb
from bot.core.errors import Refused
from bot.core.memos import Question
from bot.core.voice import Plan, Tap
from bot.store.database import Database
from bot.voice.expiring import Expiry
from tests.support import seen
from tests.support.office import CARDS, Office, open_office, workspace
from tests.support.voice_world import ANA, Room, open_room
from tests.support.waiting import until
from tests.support.whole_app import WholeApp, open_whole_app


def questions(state: Any) -> list[dict[str, Any]]:
    """List the messages with numbers to press, or that had some, in all direct messages."""
    every = [one for found in state["messages"].values() for one in found]
    return [one for one in every if "Was that you?" in str(one.get("blocks"))]


async def asked_in(app: WholeApp, voice: Any, key: str) -> tuple[Plan, Tap]:
    command = Command(verb=Verb.DEPLOY, service="alpha", environment="prod")
    plan = await app.sayso.voice.plan(voice, command, "deploy alpha to <!channel> production", key)
    tap = await app.sayso.voice.confirm(voice, plan.id, f"{key}-yes")
    assert isinstance(tap, Tap)
    return plan, tap


async def press(app: WholeApp, message: dict[str, Any], number: int, who: str = "ana") -> dict[str, Any]:
    return await app.click(message, f"voice.{number}", who)


async def question(app: WholeApp, words: str) -> dict[str, Any]:
    """Wait until the newest question says this."""
    state = await until(app.state, lambda state: words in str(questions(state)[-1:]))
    return questions(state)[-1]


async def test_a_release_that_is_asked_for_by_voice_begins_with_a_tap_in_slack(tmp_path: Path) -> None:
    async with open_whole_app(tmp_path) as app:
        code = await app.sayso.voice.pairing_code(ANA)
        assert "six digits" in await app.say("/release pair 12")
        assert "not valid" in await app.say("/release pair 000000")
        assert "speaks for you now" in await app.say(f"/release pair {code.code}")
        assert "One voice speaks for you" in await app.say("/release voices")
        assert "No voice speaks for you" in await app.say("/release voices", "ben")

        _, tap = await asked_in(app, ANA, "first")
        message = await question(app, "Press the number")
        assert "<!channel>" not in str(message) and "&lt;!channel&gt;" in str(message)
        numbers = [int(one.removeprefix("sayso.voice.")) for one in seen.buttons(message)]
        assert len(numbers) == 3 and tap.number in numbers
        await press(app, message, next(each for each in numbers if each != tap.number))
        ended = await question(app, "Nothing was done")
        assert ended["ts"] == message["ts"] and not seen.buttons(ended)
        assert not await app.releases()

        plan, tap = await asked_in(app, ANA, "second")
        message = await question(app, "Press the number")
        await asyncio.gather(*(press(app, message, tap.number) for _ in range(2)))
        (release,) = await app.releases()
        assert (release.requested_by, release.surface) == ("ana", "voice")
        ended = await question(app, "Confirmed by your tap")
        assert "alpha #1" in str(ended) and not seen.buttons(ended)
        told = await app.sayso.voice.confirm(ANA, plan.id, "later")
        assert isinstance(told, Accepted) and told.release.id == release.id
        state = await until(app.state, lambda state: "confirmed by a tap in Slack" in str(state["messages"]))
        assert "said “deploy alpha to &lt;!channel&gt; production”" in str(state["messages"])
        await app.say("/release stop now")
        assert "No voice speaks for you any more" in await app.say("/release unpair")


@pytest.fixture
async def chat(sqlite: Database) -> AsyncIterator[tuple[Room, Office]]:
    with workspace() as place:
        async with open_room(sqlite) as room, open_office(sqlite, place) as office:
            office.signal = room.world.changed
            yield room, office


async def direct(office: Office) -> list[dict[str, Any]]:
    state = await asyncio.to_thread(office.place.get, "state")
    return questions(state)


@contextmanager
def expiring(room: Room) -> Iterator[None]:
    task = asyncio.create_task(Expiry(room.parts).run())
    try:
        yield
    finally:
        task.cancel()


async def test_a_question_that_expires_says_so_by_itself_also_after_a_restart(chat: tuple[Room, Office]) -> None:
    room, office = chat
    await room.asked_for_tap(ANA)
    async with office.delivering():
        await until(lambda: direct(office), lambda found: "Press the number" in str(found))
    room.later = timedelta(seconds=121)
    async with office.delivering():
        with expiring(room):
            found = await until(lambda: direct(office), lambda found: "in time" in str(found))
    assert len(found) == 1 and not seen.buttons(found[0])


async def test_a_question_waits_through_a_restart_before_it_is_sent_and_is_sent_once(
    chat: tuple[Room, Office],
) -> None:
    room, office = chat
    await office.fault("chat.postMessage", "lost")
    plan, tap = await room.asked_for_tap(ANA)
    async with office.delivering():
        await asyncio.sleep(0.5)
    async with office.delivering():
        (message,) = await until(lambda: direct(office), lambda found: found)
        assert tap.number in [int(one.removeprefix("sayso.voice.")) for one in seen.buttons(message)]
        await room.tap("ana", plan, tap.number)
        (message,) = await until(lambda: direct(office), lambda found: "Confirmed" in str(found))


async def test_a_lock_is_announced_to_the_person_and_where_the_cards_are(chat: tuple[Room, Office]) -> None:
    room, office = chat
    for _ in range(5):
        plan, tap = await room.asked_for_tap(ANA)
        (asked,) = [each for _, each in await room.memos() if isinstance(each, Question) and each.plan == plan.id]
        wrong = next(each for each in asked.choices if each != tap.number)
        with pytest.raises(Refused, match=r"not the number|locked"):
            await room.tap("ana", plan, wrong)
    async with office.delivering():
        (notice,) = await until(lambda: office.top(CARDS), lambda found: found)
        assert "Ana's voice is locked until" in notice["text"].replace("*", "")
        state = await until(
            lambda: asyncio.to_thread(office.place.get, "state"),
            lambda state: str(state["messages"]).count("voice is locked until") >= 2,
        )
    assert state
