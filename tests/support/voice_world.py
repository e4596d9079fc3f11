"""The voice desk over a real desk, watcher and database: who speaks, what is planned, what was written down."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.catalogue import Catalogue
from bot.catalogue.model import VoiceSettings
from bot.core.commands import Answer, Command, Verb
from bot.core.events import CommandSpoken
from bot.core.memos import MEMO, Memo
from bot.core.model import Actor, Release, Surface
from bot.core.voice import Plan, Tap, Voice, VoiceRule
from bot.desk import pairing
from bot.desk.parts import Parts as DeskParts
from bot.store import messages
from bot.store.database import Database
from bot.store.messages import Message, Purpose
from bot.voice import VoiceOffice
from bot.voice.parts import Parts
from tests.support.desk_world import World, catalogue, now, open_world

SKILL = "amzn1.ask.skill.release-desk"


def voice_of(person: str | None, *, level: int | None = 300, account: str = "house") -> Voice:
    """Speak as somebody whom Alexa knows, or (None) as somebody whom it doesn't."""
    who = f"amzn1.ask.person.{person}" if person else None
    return Voice(
        skill=SKILL, account=f"amzn1.ask.account.{account}", person=who, level=level if who else None, locale="en-GB"
    )


ANA, BEN, CHI, DEE, NOBODY = (*(voice_of(name) for name in ("ana", "ben", "chi", "dee")), voice_of(None))


def declared(prod: VoiceRule | None = None, staging: VoiceRule | None = None, **voice: Any) -> Catalogue:
    """Give the catalogue of `desk_world`, with these rules for voice."""
    known = catalogue()
    shop = known.services["shop"]
    places = {
        "staging": shop.environments["staging"].model_copy(update={"voice": staging}),
        "prod": shop.environments["prod"].model_copy(update={"voice": prod, "self_approval": True}),
    }
    services = {"shop": shop.model_copy(update={"environments": places})}
    return known.model_copy(update={"services": services, "voice": VoiceSettings(**voice)})


@dataclass
class Room:
    """Where people speak to an Echo."""

    world: World
    chat: bool = True
    notifications: bool = False
    later: timedelta = timedelta()
    """How far the voice desk's clock is ahead."""
    requests: itertools.count[int] = field(default_factory=itertools.count)
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def clock(self) -> datetime:
        return now() + self.later

    @property
    def parts(self) -> Parts:
        world = self.world
        return Parts(
            database=world.database,
            catalogue=world.catalogue,
            desk=world.desk,
            clock=self.clock,
            new_id=world.new_id,
            random=self.random,
            changed=world.changed,
            chat=self.chat,
            notifications=self.notifications,
        )

    @property
    def office(self) -> VoiceOffice:
        """Give a voice desk as a server has it that started just now."""
        return VoiceOffice(self.parts)

    async def type(self, who: str, verb: Verb, code: str | None = None) -> Answer:
        """Let a person type `/release pair`, `unpair` or `voices`."""
        parts = DeskParts(
            self.world.database,
            self.world.catalogue,
            {"memory": self.world.backend},
            self.clock,
            self.world.new_id,
            self.world.asked,
            self.world.changed,
        )
        actor = Actor(person=who, name=who.title(), surface=Surface.SLACK)
        command = Command(verb=verb, code=code)
        return await pairing.VERBS[verb](parts, actor, command, f"typed-{next(self.requests)}")

    async def pair(self, voice: Voice, who: str) -> None:
        code = (await self.office.pairing_code(voice)).code
        await self.type(who, Verb.PAIR, code)

    async def plan(self, voice: Voice, verb: Verb, *, key: str | None = None, **said: Any) -> Plan:
        command = Command.model_validate({"verb": verb, **said})
        heard = f"{verb} it"
        return await self.office.plan(voice, command, heard, key or f"request-{next(self.requests)}")

    async def confirm(self, voice: Voice, plan: Plan, **more: Any) -> Any:
        return await self.office.confirm(voice, plan.id, f"request-{next(self.requests)}", **more)

    async def tap(self, who: str, plan: Plan, number: int) -> Any:
        actor = Actor(person=who, name=who.title(), surface=Surface.SLACK)
        return await self.office.tap(actor, plan.id, number)

    async def asked_for_tap(self, voice: Voice, verb: Verb = Verb.DEPLOY, **said: Any) -> tuple[Plan, Tap]:
        """Take a plan to where Slack waits for a number."""
        plan = await self.plan(voice, verb, **({"service": "shop", "environment": "prod"} | said))
        tap = await self.confirm(voice, plan)
        assert isinstance(tap, Tap), tap
        return plan, tap

    async def memos(self) -> list[tuple[Message, Memo]]:
        """List what is asked or told beside the releases, oldest first."""
        async with self.world.database.read() as c:
            due = await messages.due(c)
        return [(each, MEMO.validate_python(each.body)) for each in due if each.purpose is Purpose.MEMO]

    async def spoken(self, release: Release) -> list[CommandSpoken]:
        """List what was said by voice about a release."""
        return [entry.event for entry in await self.world.told(release) if isinstance(entry.event, CommandSpoken)]


@asynccontextmanager
async def open_room(database: Database, known: Catalogue | None = None) -> AsyncIterator[Room]:
    """Run a room in which Ana and Ben are paired."""
    async with open_world(database, known or declared()) as world:
        room = Room(world)
        await room.pair(ANA, "ana")
        await room.pair(BEN, "ben")
        yield room
