"""Follows one release in the terminal until it ends: a live card for a person, one line per event for a program."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console, RenderableType
from rich.live import Live

from bot.cli.client import Client
from bot.cli.show import card, console, event_line, headline
from bot.core.model import Release, Status


class LiveCard:
    """Draws the release as it is now whenever Rich asks, so that running times count on between changes."""

    def __init__(self, client: Client, release: Release) -> None:
        self.client, self.release = client, release

    def __rich__(self) -> RenderableType:
        """Draw it."""
        return card(self.release, self.client.name_of, datetime.now(UTC))


def follow(client: Client, release: Release) -> Release:
    """Show what happens until the release has ended; gives it as it is then."""
    to = console()
    client.services  # noqa: B018  asked for before Rich draws, so that it never waits for the server
    return _live(client, release, to) if to.is_terminal else _lines(client, release, to)


def _live(client: Client, release: Release, to: Console) -> Release:
    shown = LiveCard(client, release)
    with Live(shown, console=to, refresh_per_second=4):
        for happening in client.follow(release.id):
            shown.release = happening.release or shown.release
    return shown.release


def _lines(client: Client, release: Release, to: Console) -> Release:
    for happening in client.follow(release.id):
        if happening.event:
            to.print(f"{happening.event.at:%H:%M:%S} {event_line(happening.event.event, client.name_of)}", markup=False)
        release = happening.release or release
    to.print(headline(release, client.name_of), markup=False)
    return release


def well(release: Release) -> bool:
    """Tell whether it ended as it was wished."""
    return release.status is Status.SUCCEEDED
