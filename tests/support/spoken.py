"""Plays a conversation of a scenario file: real desk, database and watcher; the real skill behind a device."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from ask_sdk_core.serialize import DefaultSerializer
from ask_sdk_model import ResponseEnvelope

from bot.store.database import Database
from integrations.playground.echo import Device, Turn, read_model
from skills.release_desk.model import interaction_model
from skills.release_desk.progress import Progress
from skills.release_desk.skill import Dispatch, Pace, dispatcher
from tests.support.desk_world import open_world
from tests.support.spoken_catalogue import declared, person, voice_of
from tests.support.spoken_elsewhere import Elsewhere
from tests.support.voice_world import SKILL, Room

SERIALIZER = DefaultSerializer()
PACES = {"usual": Pace(60, 120), "patient": Pace(0.01, 120), "hurried": Pace(0.01, 0.02)}
"""A slow machine changes nothing: who is in a hurry has always to wait for something that comes later."""


@dataclass
class Conversation:
    """One scenario under way. Each step of the file is a method; a value of the file is what it is given."""

    elsewhere: Elsewhere
    device: Device
    skills: dict[str, Dispatch]
    """By pace."""
    late: set[asyncio.Task[Any]]
    pace: str = "usual"
    free: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared while the database is kept busy."""
    turn: Turn = field(default_factory=lambda: Turn(""))

    async def skill(self, envelope: dict[str, Any]) -> Any:
        """Ask the skill; its answer has nothing but what Amazon's own model of answers knows."""
        answer = await self.skills[self.pace](envelope)
        known = SERIALIZER.serialize(SERIALIZER.deserialize(json.dumps(answer), ResponseEnvelope))
        assert known == answer
        return answer

    def speak(self, request: httpx.Request) -> httpx.Response:
        """Stand in for Alexa's directive service."""
        body = json.loads(request.content)
        assert request.headers["Authorization"] == f"Bearer {self.device.api_token}"
        speech = re.sub(r"<[^>]+>", "", body["directive"]["speech"])
        heard = self.device.progress(body["header"]["requestId"], speech)
        if self.pace == "patient":
            self.free.set()
        return httpx.Response(204 if heard else 400)

    def step_as(self, who: str) -> None:
        self.device.person = person(who)

    async def step_say(self, utterance: str) -> None:
        self.turn = await self.device.say(utterance)
        assert not self.turn.problem, f"{utterance}: {self.turn.problem}"

    async def step_wait(self, _: bool) -> None:
        self.turn = await self.device.wait()

    async def step_again(self, _: bool) -> None:
        """Deliver the last request once more."""
        await self.deliver(self.turn.requests[-1])

    async def step_event(self, event: dict[str, Any]) -> None:
        """Send what Alexa sends without anybody speaking."""
        system = {"application": {"applicationId": SKILL}, "user": {"userId": "amzn1.ask.account.house"}}
        stamped = {"requestId": "event", "timestamp": "2026-11-25T12:00:00Z", **event}
        answer = await self.skill({"version": "1.0", "context": {"System": system}, "request": stamped})
        assert answer["response"] == {}

    def step_keeps(self, name: str) -> None:
        """Remember the open plan's id."""
        self.elsewhere.known[name] = self.turn.answers[-1]["sessionAttributes"]["memory"]["plan"]["plan"]

    def step_brings(self, name: str) -> None:
        """Bring an id that was kept back as the session's own."""
        self.step_tamper({"memory": {"plan": {"plan": self.elsewhere.known[name]}, "question": "Shall I?"}})

    async def step_resumes(self, how: dict[str, Any]) -> None:
        """Say that the voice PIN was asked for, and how that ended."""
        request = copy.deepcopy(self.turn.requests[-1])
        assert self.device.person
        request["context"]["System"]["person"] = {
            "personId": self.device.person.id,
            "authenticationConfidenceLevel": {"level": how.get("level", 300)},
        }
        cause = {
            "type": "ConnectionCompleted",
            "token": self.elsewhere.known[how["plan"]],
            "status": {"code": how.get("code", "200"), "message": ""},
            "result": {"status": how.get("status")},
        }
        request["request"] = request["request"] | {"type": "SessionResumedRequest", "cause": cause}
        await self.deliver(request)

    async def deliver(self, request: dict[str, Any]) -> None:
        answer = await self.skill(request)
        ssml = answer["response"].get("outputSpeech", {}).get("ssml", "")
        self.turn = Turn("", speech=re.sub(r"<[^>]+>", "", ssml), requests=(request,))

    def step_tamper(self, attributes: dict[str, Any]) -> None:
        """Bring back other session attributes than those that were sent."""
        assert self.device._session
        self.device._session.attributes = attributes

    def step_hears(self, expected: str) -> None:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[\\d ]+\\d)", re.escape(expected))
        once = re.sub(r"\(\?P<(\w+)>(.*?)\)(.*)\(\?P<\1>.*?\)", r"(?P<\1>\2)\3(?P=\1)", pattern)
        found = re.fullmatch(once, self.turn.speech)
        assert found, f"heard: {self.turn.speech}\nnot:   {expected}"
        self.elsewhere.known |= found.groupdict()

    def step_mentions(self, expected: str) -> None:
        assert expected in self.turn.speech

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

    async def step_wrong_pins(self, times: int) -> None:
        """Ask for production and give only wrong PINs, so many times."""
        for _ in range(times):
            await self.step_say("Alexa, ask release desk to deploy shop to production")
            await self.step_say("yes")
            while self.turn.asks == "pin":
                await self.step_say("0 0 0 0")

    async def step_busy(self, pace: str) -> None:
        """Keep whoever writes into the database waiting, and the skill `hurried`, or `patient` after it said so."""

        async def keep() -> None:
            async with self.elsewhere.room.world.database.write():
                begun.set()
                await self.free.wait()

        begun = asyncio.Event()
        self.free.clear()
        self.late.add(asyncio.create_task(keep()))
        await begun.wait()
        self.pace = pace

    async def step_rest(self, _: bool) -> None:
        """Let the database go, and wait until what was begun is done."""
        self.free.set()
        self.pace = "usual"
        await asyncio.gather(*self.late)

    async def play(self, steps: list[dict[str, Any]]) -> None:
        """Take one step after the other; the words of a step in the order in which they stand."""
        for at, step in enumerate(steps, 1):
            for word, value in dict(step).items():
                try:
                    step_of = getattr(self, f"step_{word}", None) or getattr(self.elsewhere, f"step_{word}")
                    done = step_of(value)
                    if asyncio.iscoroutine(done):
                        await done
                except AssertionError as error:
                    error.add_note(f"step {at}: {step}")
                    raise


@asynccontextmanager
async def open_conversation(database: Database, scenario: Mapping[str, Any]) -> AsyncIterator[Conversation]:
    """Make the world of a scenario; the words of a step are methods of `Conversation` and `Elsewhere`."""
    known = declared(scenario.get("rules", {}), scenario.get("voice", {}), scenario.get("approvals", 1))
    locale = scenario.get("locale", "en-US")
    async with open_world(database, known) as world:
        room = Room(world, chat=scenario.get("chat", True), notifications=scenario.get("notifications", True))
        late: set[asyncio.Task[Any]] = set()

        async def answer(envelope: dict[str, Any]) -> Any:
            return await played.skill(envelope)

        def speak(request: httpx.Request) -> httpx.Response:
            return played.speak(request)

        async with httpx.AsyncClient(transport=httpx.MockTransport(speak)) as client:
            skills = {
                name: dispatcher(room.office, progress=Progress(client), pace=pace, late=late)
                for name, pace in PACES.items()
            }
            device = Device(
                read_model(interaction_model(known.vocabulary(), locale)),
                answer,
                skill_id=SKILL, account="house", locale=locale, screen=scenario.get("screen", False),
                clock=room.clock, patience=120,
            )  # fmt: skip
            played = Conversation(Elsewhere(room), device, skills, late)
            for who in scenario.get("pair", ()):
                voice, _, paired = who.partition(" as ")
                await room.pair(voice_of(voice), paired or voice)
            device.person = person("ana")
            try:
                yield played
            finally:
                played.free.set()
