"""The commands that only look: status, history, where, watch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from bot.cli.following import follow, well
from bot.cli.releases import Words, open_client
from bot.cli.show import card, card_lines, clean, console, deployment_row, headline, table
from bot.cli.words import find, read
from bot.core.commands import Verb
from bot.core.model import Release
from bot.core.wording import say


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for each in (status, history, where):
        app.command(help=say(f"help.{each.__name__}"), rich_help_panel=say("cli.panel.looks"))(each)
    app.command(help=say("cli.help.watch"), rich_help_panel=say("cli.panel.looks"))(watch)


def status(words: Words = None) -> None:
    """Show what is under way, and what waits for this person."""
    with open_client() as client:
        command = read(client, Verb.STATUS, words or [])
        inbox = client.inbox()
        if command.service or command.number is not None:
            found: tuple[Release, ...] = (find(client, command, finished_too=True),)
        else:
            found = inbox.releases
        to, now = console(), datetime.now(UTC)
        if not found:
            to.print(say("cli.nothing_at_all"), markup=False)
        for release in found:
            if to.is_terminal:
                to.print(card(release, client.name_of, now))
            else:
                for line in card_lines(release, client.name_of, now):
                    to.print(line, markup=False)
            if release.id in inbox.waiting_for_me:
                to.print(
                    say("cli.waits_for_you", label=release.label, label_typed=release.label.replace(" ", "")),
                    markup=False,
                )


def history(
    words: Words = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help=say("cli.opt.limit"))] = 10,
) -> None:
    """List past releases."""
    with open_client() as client:
        command = read(client, Verb.HISTORY, words or [])
        found = client.releases(limit, service=command.service, environment=command.environment)
        rows = (
            (
                f"{release.created:%Y-%m-%d %H:%M}",
                headline(release, client.name_of),
                clean(release.detail or release.reason),
            )
            for release in found
        )
        table((say("cli.col.when"), say("cli.col.what"), say("cli.col.detail")), rows, console())


def where(words: Words = None) -> None:
    """Show what runs where."""
    with open_client() as client:
        command = read(client, Verb.WHERE, words or [])
        found = client.deployments(command.service, command.environment).deployments
        columns = (
            say("cli.col.service"),
            say("cli.col.environment"),
            say("cli.col.what"),
            say("cli.col.since"),
            say("cli.col.doubt"),
        )
        table(columns, (deployment_row(each, client.name_of) for each in found), console())


def watch(words: Words = None) -> None:
    """Follow a release until it ends; the exit code says how it ended."""
    with open_client() as client:
        release = find(client, read(client, Verb.STATUS, words or []), finished_too=True)
        if not well(follow(client, release)):
            raise typer.Exit(1)
