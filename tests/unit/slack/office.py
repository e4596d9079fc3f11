"""The real Bolt app behind the real route, signed requests from a real playground, and a desk that writes down."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr
from slack_sdk.web import WebClient

from bot.catalogue import Catalogue, Environment, Person, Service
from bot.core.commands import Accepted, Answer, Command, Deployments, Offered, Releases, Verb
from bot.core.model import Actor, Release, Revision, Status, Surface
from bot.slack.app import SlackApp, create_slack_app
from bot.slack.endpoint import slack_router
from bot.slack.said import button
from bot.slack.socket import socket_mode
from integrations.playground.config import Persona, SlashCommand
from integrations.playground.server import create_playground
from tests.playground.serving import SECRET, TOKEN, Clock, Town, config_for, listening, served

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
APP_TOKEN = "xapp-playground"


class Target(BaseModel):
    """A place on no backend at all."""

    path: str = "."


def environment(key: str, *, production: bool = False) -> Environment:
    return Environment(key=key, title=key, backend="memory", target=Target(), production=production)


def service(key: str, *environments: Environment, channel: str | None = "releases") -> Service:
    return Service(key=key, title=key, channel=channel, environments={each.key: each for each in environments})


def catalogue(*services: Service) -> Catalogue:
    usual = (
        service("checkout", environment("staging"), environment("prod", production=True)),
        service("search", environment("prod", production=True), channel=None),
    )
    return Catalogue(
        channels={"releases": "C01RELEASES"},
        people={"ana": Person(name="Ana Ruiz", slack="U01ANA"), "bo": Person(name="Bo Lind", slack="U02BO")},
        services={each.key: each for each in services or usual},
    )


def release(**changes: Any) -> Release:
    usual: dict[str, Any] = {
        "id": "r1",
        "number": 12,
        "service": "checkout",
        "environment": "prod",
        "revision": Revision(id="9f1c2d3a4b5c", summary="Fix rounding", author="Ana"),
        "requested_by": "ana",
        "surface": Surface.SLACK,
        "backend": "memory",
        "status": Status.RUNNING,
        "created": NOW,
        "updated": NOW,
    }
    return Release(**(usual | changes))


@dataclass
class WrittenDown:
    """A desk that accepts everything, unless it was told what to answer or raise next."""

    asked: list[tuple[Actor, Command, str]] = field(default_factory=list)
    next: list[Answer | Exception] = field(default_factory=list)
    under_way: Releases = field(default_factory=lambda: Releases(verb=Verb.STATUS, releases=()))
    runs: Deployments = field(default_factory=lambda: Deployments(deployments=()))
    after_commit: Exception | None = None
    committed: dict[str, Command] = field(default_factory=dict)
    """What has its effect, by idempotency key."""

    async def do(self, actor: Actor, command: Command, key: str) -> Answer:
        self.asked.append((actor, command, key))
        if command.verb is Verb.WHERE:
            return self.runs
        if self.next:
            answer = self.next.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if command.verb in {Verb.STATUS, Verb.HISTORY}:
            return self.under_way
        repeated = key in self.committed
        self.committed.setdefault(key, command)
        if self.after_commit:
            raise self.after_commit
        wanted = release(service=command.service or "checkout", environment=command.environment or "prod")
        return Accepted(verb=command.verb, release=wanted, repeated=repeated, given=1, needed=1)

    async def inbox(self, actor: Actor) -> Releases:
        return self.under_way

    @property
    def commands(self) -> list[Command]:
        return [command for _, command, _ in self.asked if command.verb is not Verb.WHERE]


@dataclass
class Office:
    """A running playground, the bot in it, and the desk behind the bot."""

    town: Town
    desk: WrittenDown
    cards: dict[tuple[str, str], str] = field(default_factory=dict)
    """Releases by the place of their card."""

    def say(self, text: str, who: str = "U01ANA", channel: str = "C01RELEASES", **more: Any) -> dict[str, Any]:
        return self.town.post("say", persona=who, channel=channel, text=text, **more)

    def click(self, where: dict[str, Any], action_id: str, who: str = "U01ANA", **more: Any) -> dict[str, Any]:
        if "callback_id" in where or where.get("type") == "home":
            return self.town.post("click", persona=who, view_id=where["id"], action_id=action_id, **more)
        return self.town.post(
            "click", persona=who, channel=where["channel"], ts=where["ts"], action_id=action_id, **more
        )

    def select(self, view: dict[str, Any], action_id: str, value: str, who: str = "U01ANA") -> dict[str, Any]:
        return self.town.post("select", persona=who, view_id=view["id"], action_id=action_id, value=value)

    def submit(self, view: dict[str, Any], values: dict[str, Any], who: str = "U01ANA") -> dict[str, Any]:
        return self.town.post("submit", persona=who, view_id=view["id"], values=values)

    def modal(self, who: str = "U01ANA") -> dict[str, Any] | None:
        stack = self.town.get("state")["modals"].get(who, [])
        return stack[-1] if stack else None

    def home(self, who: str = "U01ANA") -> dict[str, Any] | None:
        shown: dict[str, Any] | None = self.town.get("state")["homes"].get(who)
        return shown

    def whispers(self, who: str = "U01ANA", channel: str = "C01RELEASES") -> list[dict[str, Any]]:
        return [one for one in self.town.messages(channel) if one["visible_to"] == who]

    def whispered(self, words: str, who: str = "U01ANA", channel: str = "C01RELEASES") -> dict[str, Any]:
        """Wait until this person was told something with these words."""

        def look() -> dict[str, Any] | None:
            return next((one for one in self.whispers(who, channel) if words in str(one)), None)

        found: dict[str, Any] = self.town.wait_for(look, f"{who} is told {words!r}")
        return found

    def calls(self, method: str) -> list[dict[str, Any]]:
        return [one for one in self.town.get("ledger")["calls"] if one["method"] == method]


def bot(town: Town, desk: WrittenDown, cards: dict[tuple[str, str], str], known: Catalogue, *, socket: bool) -> FastAPI:
    incidents = itertools.count(1)

    async def release_by_message(channel: str, ts: str) -> str | None:
        return cards.get((channel, ts))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiohttp.ClientSession() as session:
            slack: SlackApp = create_slack_app(
                desk=desk,
                catalogue=known,
                release_by_message=release_by_message,
                bot_token=SecretStr(TOKEN),
                signing_secret=SecretStr(SECRET),
                api_url=f"{town.url}/api/",
                session=session,
                new_incident=lambda: f"incident-{next(incidents)}",
            )
            app.include_router(slack_router(slack.bolt, SecretStr(SECRET), town.clock))
            try:
                if socket:
                    async with asyncio.timeout(60), socket_mode(slack, SecretStr(APP_TOKEN)):
                        yield
                else:
                    yield
            finally:
                await slack.close()

    return FastAPI(lifespan=lifespan)


def open_office(stack: ExitStack, known: Catalogue | None = None, *, socket: bool = False, **changes: Any) -> Office:
    clock = Clock()
    own_listener, own_url = listening()
    bot_listener, bot_url = listening()
    office = Office(Town(own_url, bot_url, clock), WrittenDown())
    usual: dict[str, Any] = {
        "commands": [SlashCommand(name="/deploy"), SlashCommand(name="/release"), SlashCommand(name="/other")],
        "people": [
            Persona(id="U01ANA", name="ana", title="Ana Ruiz"),
            Persona(id="U02BO", name="bo", title="Bo Lind"),
            Persona(id="U03NEW", name="new.person", title="New Person"),
        ],
        "event_retry_delays": (0.0, 0.1, 0.1),
    }
    if socket:
        usual["app_token"] = APP_TOKEN
    config = config_for(f"{bot_url}/slack/events", clock, **(usual | changes))
    stack.enter_context(served(create_playground(config), own_listener))
    app = bot(office.town, office.desk, office.cards, known or catalogue(), socket=socket)
    stack.enter_context(served(app, bot_listener))
    return office


def offer(**changes: Any) -> Offered:
    usual: dict[str, Any] = {
        "service": "checkout",
        "environment": "prod",
        "run_id": "run-7",
        "gate": "g7",
        "revision": Revision(id="9f1c2d3a4b", summary="Fix rounding"),
        "started_by": "bo",
        "waiting_since": NOW,
        "contains": ("9f1c2d3a Fix rounding (Ana)", "1234abcd <!here> More"),
        "current": Revision(id="00aa11bb22"),
        "may_approve": True,
    }
    return Offered(**(usual | changes))


def card(office: Office, *commands: Command, channel: str = "C01RELEASES", **more: Any) -> dict[str, Any]:
    """Post a card as the deliverer would, with these buttons."""
    buttons = [button(str(command.verb), command) for command in commands]
    client = WebClient(TOKEN, base_url=f"{office.town.url}/api/")
    answer = client.chat_postMessage(
        channel=channel, text="checkout #12", blocks=[{"type": "actions", "elements": buttons}], **more
    )
    return {"channel": channel, "ts": answer["ts"]}


APPROVE = Command(verb=Verb.APPROVE, release="r1", gate="g1")
REJECT = Command(verb=Verb.REJECT, release="r1", gate="g1")
