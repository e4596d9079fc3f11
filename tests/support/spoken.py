"""Plays a conversation of a scenario file: real desk, database and watcher; the real skill behind a device."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bot.core.commands import Accepted, Verb
from bot.core.errors import SaysoError
from bot.core.memos import Question
from bot.core.model import FailedTest, Release, Status, TestReport
from bot.core.voice import Voice
from bot.store import plans, releases
from bot.store.database import Database
from integrations.local.states import State
from integrations.playground.echo import Device, Person, Turn, read_model
from skills.release_desk.model import interaction_model
from skills.release_desk.progress import AMAZON, Progress
from skills.release_desk.skill import Pace, dispatcher
from tests.support.desk_world import open_world
from tests.support.spoken_catalogue import declared
from tests.support.voice_world import SKILL, Room

PINS = {"ana": "4711", "ben": "2580"}
"""Whoever else speaks has no voice PIN."""
TESTS = {"passed": (3, 0), "failed": (2, 1)}


@dataclass
class Conversation:
    """One scenario under way. Each step of the file is a method; a value of the file is what it is given."""

    room: Room
    device: Device
    skill: Any
    stack: AsyncExitStack
    locale: str
    known: dict[str, str] = field(default_factory=dict)
    """What was heard where a sentence has `{code}` or `{tap}`."""
    turn: Turn = field(default_factory=lambda: Turn(""))

    def person(self, who: str) -> Person | None:
        """Give a person; `nobody` is a voice that Alexa doesn't know, `ana, perhaps` one it is not sure of."""
        name, _, doubt = who.partition(", ")
        return None if name == "nobody" else Person(name, PINS.get(name), level=200 if doubt else 300)

    def voice(self, who: str) -> Voice:
        person = self.person(who)
        return Voice(
            skill=SKILL, account="amzn1.ask.account.house", locale=self.locale,
            person=person.id if person else None, level=person.level if person else None,
        )  # fmt: skip

    # What is said and heard.

    def step_as(self, who: str) -> None:
        self.device.person = self.person(who)

    async def step_say(self, utterance: str) -> None:
        self.turn = await self.device.say(utterance)
        assert not self.turn.problem, f"{utterance}: {self.turn.problem}"

    async def step_wait(self, _: bool) -> None:
        self.turn = await self.device.wait()

    async def step_again(self, _: bool) -> None:
        """Deliver the last request once more."""
        answer = await self.skill(self.turn.requests[-1])
        ssml = answer["response"].get("outputSpeech", {}).get("ssml", "")
        self.turn = Turn("", speech=re.sub(r"<[^>]+>", "", ssml), requests=self.turn.requests)

    async def step_event(self, event: dict[str, Any]) -> None:
        """Send what Alexa sends without anybody speaking."""
        system = {"application": {"applicationId": SKILL}, "user": {"userId": "amzn1.ask.account.house"}}
        stamped = {"requestId": "event", "timestamp": "2026-11-25T12:00:00Z", **event}
        answer = await self.skill({"version": "1.0", "context": {"System": system}, "request": stamped})
        assert answer["response"] == {}

    def step_tamper(self, attributes: dict[str, Any]) -> None:
        """Bring back other session attributes than those that were sent."""
        assert self.device._session
        self.device._session.attributes = attributes

    def step_hears(self, expected: str) -> None:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[\\d ]+\\d)", re.escape(expected))
        once = re.sub(r"\(\?P<(\w+)>(.*?)\)(.*)\(\?P<\1>.*?\)", r"(?P<\1>\2)\3(?P=\1)", pattern)
        found = re.fullmatch(once, self.turn.speech)
        assert found, f"heard: {self.turn.speech}\nnot:   {expected}"
        self.known |= found.groupdict()

    def step_intent(self, expected: str) -> None:
        assert self.turn.intent == expected

    def step_asks(self, expected: str) -> None:
        assert self.turn.asks == expected

    def step_progress(self, expected: list[str]) -> None:
        assert list(self.turn.progress) == expected

    def step_card(self, expected: str) -> None:
        card = self.turn.card or {}
        assert expected in f"{card.get('type')}: {card.get('title', '')}\n{card.get('content', '')}", card

    def step_screen(self, expected: str) -> None:
        assert self.turn.screen is not None
        assert expected in json.dumps(self.turn.screen["datasources"], ensure_ascii=False)

    # What happens elsewhere.

    async def step_types(self, how: str | dict[str, str]) -> None:
        """Type the code that was said in Slack."""
        typed = {"by": how} if isinstance(how, str) else how
        async with _refused(typed.get("refused")):
            await self.room.type(typed["by"], Verb.PAIR, self.known["code"])

    async def step_wrong_pins(self, times: int) -> None:
        """Ask for production and give only wrong PINs, so many times."""
        for _ in range(times):
            await self.step_say("Alexa, ask release desk to deploy shop to production")
            await self.step_say("yes")
            while self.turn.asks == "pin":
                await self.step_say("0 0 0 0")

    async def step_at_gate(self, who: str) -> None:
        """Take a release of the shop to where it waits for production."""
        await self.room.world.at_gate(who)

    async def step_ships(self, how: dict[str, str]) -> None:
        """Take a release of the shop to its end."""
        await self.room.world.ship(how.pop("by"), how.pop("environment"), **how)

    async def step_slack(self, said: dict[str, Any]) -> None:
        """Ask for something in Slack."""
        await self.room.world.do(said.pop("by"), said.pop("verb"), **said)

    async def step_taps(self, how: dict[str, Any]) -> None:
        """Press the number that was said, or another one."""
        asked = (await self.questions())[-1]
        async with self.room.world.database.read() as c:
            stored = await plans.get(c, asked.plan)
        assert stored
        said = int(self.known["tap"])
        number = said if how["number"] == "said" else next(each for each in asked.choices if each != said)
        async with _refused(how.get("refused")):
            assert isinstance(await self.room.tap(how["by"], stored.plan, number), Accepted)

    async def step_later(self, seconds: float) -> None:
        self.room.later += timedelta(seconds=seconds)

    async def step_busy(self, seconds: float) -> None:
        """Keep whoever wants to write into the database waiting."""

        async def keep() -> None:
            async with self.room.world.database.write():
                begun.set()
                await asyncio.sleep(seconds)

        begun = asyncio.Event()
        task = asyncio.create_task(keep())
        self.stack.push_async_callback(asyncio.wait, {task})
        await begun.wait()

    async def step_rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def step_ends(self, done: dict[str, Any]) -> None:
        """Let an action of a release end; `tests` are what it reports."""
        release = await self.release(done["release"])
        stage, action = done["at"].split(".")
        run_id = await self.room.world.when_running(release, stage)
        if tests := done.get("tests"):
            passed, failed = TESTS[tests]
            failures = (FailedTest(name="test_rounds_prices", message="1 != 2"),) * bool(failed)
            report = TestReport(passed=passed, failed=failed, failures=failures)
            self.room.world.backend.show(run_id, stage, action, tests=report)
        state = State(done["as"]) if "as" in done else State.SUCCEEDED if done.get("ok", True) else State.FAILED
        self.room.world.backend.end_as(run_id, stage, action, state)

    async def step_status(self, expected: dict[str, str]) -> None:
        """Wait until a release has a status, or until one of its stages runs (`running Build`)."""
        for label, how in expected.items():
            status, _, stage = how.partition(" ")
            release = await self.release(label)
            if stage:
                await self.room.world.when_running(release, stage)
            else:
                await self.room.world.when_status(release, Status(status))

    async def release(self, label: str) -> Release:
        service, number = label.split(" ")
        async with self.room.world.database.read() as c:
            return await releases.by_number(c, service, int(number))

    # What has come of it.

    async def step_releases(self, expected: list[str]) -> None:
        async with self.room.world.database.read() as c:
            found = await releases.recent(c, limit=20)
        every = [f"{each.service} {each.number} {each.environment} by {each.requested_by}" for each in found]
        assert sorted(every) == sorted(expected), every

    async def step_spoken(self, expected: list[str]) -> None:
        async with self.room.world.database.read() as c:
            found = await releases.recent(c, limit=20)
        events = [event for each in found for event in await self.room.spoken(each)]
        said = [f"{each.by} {each.verb}: {each.heard} ({each.confirmed})" for each in events]
        assert said == expected, said

    async def step_questions(self, expected: list[str]) -> None:
        """Compare what became of the questions in Slack; `open` waits."""
        assert [each.outcome or "open" for each in await self.questions()] == expected

    async def questions(self) -> list[Question]:
        return [memo for _, memo in await self.room.memos() if isinstance(memo, Question)]

    async def step_approved(self, expected: dict[str, list[str]]) -> None:
        for label, people in expected.items():
            assert [each.by for each in (await self.release(label)).approvals] == people

    async def step_paired(self, expected: list[str]) -> None:
        speakers = {who: await self.room.office.speaker(self.voice(who)) for who in ("ana", "ben", "chi", "nobody")}
        assert [who for who, each in speakers.items() if each.actor] == expected

    async def step_notified(self, expected: list[str]) -> None:
        speakers = {who: await self.room.office.speaker(self.voice(who)) for who in ("ana", "ben")}
        assert [who for who, each in speakers.items() if each.notify] == expected

    async def play(self, steps: list[dict[str, Any]]) -> None:
        """Take one step after the other; the words of a step in the order in which they stand."""
        for at, step in enumerate(steps, 1):
            for word, value in dict(step).items():
                try:
                    done = getattr(self, f"step_{word}")(value)
                    if asyncio.iscoroutine(done):
                        await done
                except AssertionError as error:
                    error.add_note(f"step {at}: {step}")
                    raise


@asynccontextmanager
async def _refused(sentence: str | None) -> AsyncIterator[None]:
    """Expect that somebody is told this; None: that they are told nothing."""
    if sentence is None:
        yield
        return
    with pytest.raises(SaysoError) as told:
        yield
    assert told.value.sentence == sentence


@asynccontextmanager
async def open_conversation(database: Database, scenario: Mapping[str, Any]) -> AsyncIterator[Conversation]:
    """Make the world of a scenario; the words of a step are the methods of `Conversation`."""
    known = declared(scenario.get("rules", {}), scenario.get("voice", {}))
    async with open_world(database, known) as world, AsyncExitStack() as stack:
        room = Room(world, chat=scenario.get("chat", True), notifications=scenario.get("notifications", True))
        locale = scenario.get("locale", "en-US")

        def speak(request: httpx.Request) -> httpx.Response:
            body = json.loads(request.content)
            assert request.headers["Authorization"] == f"Bearer {device.api_token}"
            speech = re.sub(r"<[^>]+>", "", body["directive"]["speech"])
            request_id = body["header"]["requestId"]
            return httpx.Response(204 if device.progress(request_id, speech) else 400)

        client = await stack.enter_async_context(httpx.AsyncClient(transport=httpx.MockTransport(speak)))
        pace = Pace(*scenario.get("pace", ()))
        skill = dispatcher(room.office, progress=Progress(client, AMAZON), pace=pace)
        device = Device(
            read_model(interaction_model(known.vocabulary(), locale)), skill, skill_id=SKILL, account="house",
            locale=locale, screen=scenario.get("screen", False), clock=room.clock,
        )  # fmt: skip
        played = Conversation(room, device, skill, stack, locale)
        for who in scenario.get("pair", ()):
            voice, _, person = who.partition(" as ")
            await room.pair(played.voice(voice), person or voice)
        device.person = played.person("ana")
        yield played
