"""The commands about one's own voices: pair, unpair, voices."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.releases import open_client
from bot.cli.show import console
from bot.core.commands import Paired, Verb, Voices
from bot.core.wording import say

Code = Annotated[list[str], typer.Argument(metavar="CODE", help=say("cli.arg.code"))]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for each in (pair, unpair, voices):
        app.command(help=say(f"help.{each.__name__}"), rich_help_panel=say("cli.panel.voice"))(each)


def pair(code: Code) -> None:
    """Let a voice speak for you."""
    with open_client() as client:
        _tell(client.pair("".join(code)))


def unpair() -> None:
    """Let no voice speak for you any more."""
    with open_client() as client:
        _tell(client.unpair())


def voices() -> None:
    """List your voices."""
    with open_client() as client:
        _tell(client.voices())


def _tell(answer: Voices) -> None:
    if not answer.voices:
        console().print(say("voices.none"), markup=False)
    elif answer.verb is Verb.UNPAIR:
        console().print(say("voices.unpaired", n=len(answer.voices)), markup=False)
    elif answer.verb is Verb.PAIR:
        console().print(say("voices.paired", what=_named(answer.voices[0])), markup=False)
    else:
        for each in answer.voices:
            key = "voices.notified" if each.notify else "voices.since"
            console().print(say(key, what=_named(each), since=f"{each.since:%Y-%m-%d %H:%M} UTC"), markup=False)


def _named(voice: Paired) -> str:
    return say("voices.account" if voice.whole_account else "voices.one", locale=voice.locale)
