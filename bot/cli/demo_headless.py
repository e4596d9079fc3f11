"""Plays the demo's main job by itself: Ana asks in chat, Ben approves there, and production must answer anew."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from bot.cli.client import Client, ClientSettings
from bot.cli.demo_folder import APPROVES, ASKS, CHANNEL, Places, version_to_ship
from bot.cli.demo_processes import Children
from bot.cli.exits import Unsuccessful
from bot.cli.show import card, card_lines, clean, console
from bot.core.commands import Verb
from bot.core.model import Release
from bot.core.wording import say

WISH = "/deploy checkout prod"
LOOK_SECONDS = 0.2
_MENTION = re.compile(r"<[@#]([A-Z0-9]+)(?:\|[^>]*)?>")
_BUTTON = "sayso."
"""How the action ids of Sayso's buttons begin."""


class DemoFailed(Unsuccessful):
    """The demo did not come to its good end."""


@dataclass(slots=True)
class Conversation:
    """The workspace as this demo sees and uses it, through the playground's control API."""

    http: httpx.Client
    names: dict[str, str] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def do(self, gesture: str, **what: Any) -> None:
        """Do something as a person; `DemoFailed` if the bot did not take it."""
        answer = self.http.post(f"_ui/{gesture}", json=what).json()
        if answer.get("outcome") != "ok":
            raise DemoFailed(say("demo.gesture_failed", gesture=gesture, notice=answer.get("notice") or answer))

    def look(self) -> Iterator[str]:
        """Read the workspace and give what is new in it, a line each."""
        state = self.http.get("_ui/state").raise_for_status().json()
        self.names = {person["id"]: person["title"] or person["name"] for person in state["people"]}
        self.names[state["bot"]["id"]] = state["bot"]["title"]
        places = {each["id"]: each["name"] or say("demo.direct") for each in state["conversations"]}
        self.messages = [message for group in state["messages"].values() for message in group]
        for message in self.messages:
            key = f"{message['channel']} {message['ts']} {message.get('visible_to')}"
            if self._told.get(key) == message["text"]:
                continue
            who = self.names.get(message.get("user", ""), state["bot"]["title"])
            said = say("demo.edited", who=who) if key in self._told else who
            self._told[key] = message["text"]
            text = _MENTION.sub(lambda found: (places | self.names).get(found[1], found[1]), message["text"])
            yield clean(f"#{places.get(message['channel'], '?')}  {said}: {html.unescape(text.replace('*', ''))}")

    def button(self, verb: Verb) -> dict[str, str] | None:
        """Find a button of this verb on a message that everybody sees."""
        for message in self.messages:
            for element in _elements(message.get("blocks", [])):
                if element.get("type") == "button" and element.get("action_id", "").startswith(_BUTTON + verb):
                    found = {"channel": message["channel"], "ts": message["ts"], "action_id": element["action_id"]}
                    return found | ({"value": element["value"]} if "value" in element else {})
        return None


def _elements(part: Any) -> Iterator[dict[str, Any]]:
    """Walk through blocks, whatever they are nested in."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from _elements(value)
    elif isinstance(part, list):
        for value in part:
            yield from _elements(value)


class Shown:
    """The release under way, drawn whenever Rich asks."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.release: Release | None = None

    def __rich__(self) -> RenderableType:
        """Draw it."""
        return card(self.release, self.client.name_of, datetime.now(UTC)) if self.release else Text("")


def play(places: Places, token: str, children: Children, seconds: float) -> None:
    """Play it; raises `DemoFailed` with what is known if production does not answer with the new version in time."""
    to = console()
    settings = ClientSettings(url=places.sayso, token=SecretStr(token))
    deadline = time.monotonic() + seconds
    with Client(settings) as client, httpx.Client(base_url=places.page, timeout=30, trust_env=False) as http:
        conversation, shown = Conversation(http), Shown(client)
        client.services  # noqa: B018  asked for before Rich draws
        try:
            if to.is_terminal:
                with Live(shown, console=to, refresh_per_second=4, transient=True) as live:
                    _story(conversation, shown, children, deadline, live.console)
            else:
                _story(conversation, shown, children, deadline, to)
        except (httpx.HTTPError, ValueError) as error:
            raise DemoFailed(say("demo.talk", error=f"{type(error).__name__}: {error}")) from error
        release = shown.release
        if to.is_terminal and release:
            to.print(card(release, client.name_of, datetime.now(UTC)))
        if release is None or release.active:
            raise DemoFailed(say("demo.too_late", seconds=int(seconds), known=_known(release, client, children)))
        if not release.status == "succeeded":
            raise DemoFailed(say("demo.failed", known=_known(release, client, children)))
    _ask_production(places, to)


def _story(conversation: Conversation, shown: Shown, children: Children, deadline: float, to: Console) -> None:
    """Ask, approve once the gate opens, and wait until the card shows the end, or the deadline has come."""
    to.print(say("demo.says", who="Ana", what=WISH), markup=False)
    conversation.do("say", persona=ASKS, channel=CHANNEL, text=WISH)
    approved = False
    while time.monotonic() < deadline:
        children.check()
        for line in conversation.look():
            to.print(line, markup=False)
        shown.release = next(iter(shown.client.releases(1, service="checkout", environment="prod")), None)
        approve = conversation.button(Verb.APPROVE)
        if approve and not approved:
            to.print(say("demo.clicks", who="Ben"), markup=False)
            conversation.do("click", persona=APPROVES, **approve)
            approved = True
        over = shown.release is not None and not shown.release.active
        if over and not approve and not conversation.button(Verb.STOP):
            return
        time.sleep(LOOK_SECONDS)


def _known(release: Release | None, client: Client, children: Children) -> str:
    if release is None:
        return say("demo.no_release", lines=children.tail("sayso"))
    lines = list(card_lines(release, client.name_of, datetime.now(UTC)))
    for stage in release.run.stages if release.run else ():
        for action in stage.actions:
            if action.log and action.status == "failed":
                lines += [f"  {clean(line)}" for line in action.log.lines]
    return "\n".join(lines)


def _ask_production(places: Places, to: Console) -> None:
    wanted, address = version_to_ship(places), f"{places.production}version"
    try:
        answered = httpx.get(address, timeout=60, trust_env=False).raise_for_status().json()["version"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise DemoFailed(say("demo.silent", address=address, error=f"{type(error).__name__}: {error}")) from error
    if answered != wanted:
        raise DemoFailed(say("demo.wrong_version", address=address, answered=answered, wanted=wanted))
    to.print(say("demo.good", address=address, version=answered), markup=False)
