"""`sayso say`: the playground's Echo in a terminal; what is said goes signed to the skill, as from the page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import typer

from bot.cli.client import Unreachable
from bot.cli.exits import Unsuccessful
from bot.cli.show import clean, console
from bot.core.errors import BadInput
from bot.core.wording import say

PLAYGROUND = "http://127.0.0.1:8090/"
SECONDS = 20.0
"""The Echo waits 8 s for the skill, perhaps twice."""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="say", help=say("cli.say.help"), rich_help_panel=say("cli.panel.try"))(speak)


def speak(
    words: Annotated[list[str] | None, typer.Argument(metavar="WORDS", help=say("cli.say.words"))] = None,
    *,
    person: Annotated[str, typer.Option("--as", help=say("cli.say.as"))] = "",
    unrecognised: Annotated[bool, typer.Option("--unrecognised", help=say("cli.say.unrecognised"))] = False,
    session: Annotated[str, typer.Option("--session", help=say("cli.say.session"))] = "terminal",
    locale: Annotated[str, typer.Option("--locale", help=say("cli.say.locale"))] = "en-US",
    playground: Annotated[
        str, typer.Option("--playground", envvar="SAYSO_PLAYGROUND_URL", help=say("cli.say.playground"))
    ] = PLAYGROUND,
) -> None:
    """Say something to the Echo, or begin a conversation."""
    with httpx.Client(base_url=playground, timeout=SECONDS, trust_env=False) as http:
        echo = Echo(http, person, session, locale, recognised=not unrecognised)
        if words:
            echo.hear(" ".join(words))
            return
        for line in _lines():
            try:
                echo.hear(line)
            except Unsuccessful as problem:  # Alexa said so; the conversation may go on
                console().print(str(problem), markup=False, style="red")


@dataclass(frozen=True, slots=True)
class Echo:
    """One of the playground's Echoes, by its control API; it keeps its session between commands."""

    http: httpx.Client
    person: str
    session: str
    locale: str
    recognised: bool

    def hear(self, words: str) -> None:
        """Say it, and print what came of it; `Unsuccessful` if Alexa would not take the skill's answer."""
        turn = self._ask(words)
        to = console()
        understood = [turn["intent"] or "", *(f"{name}: {value}" for name, value in turn["slots"].items())]
        to.print(clean(say("cli.say.heard", who=turn["name"], words=turn["heard"])), markup=False)
        if any(understood):
            to.print(clean(f"  {', '.join(filter(None, understood))}"), markup=False, style="dim")
        for speech in filter(None, (*turn["progress"], turn["speech"])):
            to.print(clean(say("cli.say.answer", speech=speech)), markup=False)
        if turn["asks"] == "pin":
            to.print(say("cli.say.pin", pin=turn["pin"]), markup=False, style="dim")
        if turn["problem"]:
            raise Unsuccessful(say("cli.say.problem", problem=clean(turn["problem"])))
        to.print(say("cli.say.open" if turn["open"] else "cli.say.closed"), markup=False, style="dim")

    def _ask(self, words: str) -> Any:
        body = {
            "persona": self.person, "text": words, "echo": self.session, "locale": self.locale,
            "recognised": self.recognised, "screen": False,
        }  # fmt: skip
        try:
            answer = self.http.post("_ui/echo", json=body)
            told = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Unreachable(
                say("cli.say.unreachable", url=self.http.base_url), fix=say("cli.say.unreachable.fix")
            ) from error
        if answer.is_success:
            return told
        if notice := told.get("notice"):
            raise BadInput(notice)
        raise BadInput(say("cli.say.wrong", problem=clean(str(told.get("detail", told)))))


def _lines() -> Iterator[str]:
    """Read what a person types, or a program pipes in, a line each."""
    watched = sys.stdin.isatty()
    if watched:
        console().print(say("cli.say.begin"), markup=False, style="dim")
    while True:
        if watched:
            sys.stdout.write("> ")
            sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()
