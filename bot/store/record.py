"""Writes a change of a release: the release, what happened, and which messages are to show it, all in one place."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.events import Event
from bot.core.model import Release
from bot.store import events, messages, releases


async def new(
    c: AsyncConnection, release: Release, happened: Iterable[Event], *, card: tuple[str, str] | None, now: datetime
) -> None:
    """Write a new release, and ask for its card: `card` is a message id and the channel, None without one."""
    await releases.add(c, release)
    if card:
        await messages.add_card(c, release, card[1], card[0], now)
    await events.append(c, release, happened, now)


async def change(c: AsyncConnection, before: Release, after: Release, happened: Iterable[Event], now: datetime) -> None:
    """Write a changed release; its version must be higher than before."""
    await releases.save(c, after, was=before.version)
    await messages.touch(c, after, urgent=messages.urgent(after), now=now)
    await events.append(c, after, happened, now)
