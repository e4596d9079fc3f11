"""The outbox: which messages there shall be, what each must show, what it shows, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import Release
from bot.store.tables import CURSORS, MESSAGES

_JUST_NOW = timedelta(seconds=10)


class Purpose(StrEnum):
    """What a message is for."""

    CARD = "card"
    """The release as it is now, edited in place."""
    THREAD = "thread"
    """A note under the card; tells one event."""
    NOTICE = "notice"
    """One line in another channel; tells one event."""
    DIRECT = "direct"
    """To one person; tells one event. Its destination is `person:KEY`."""
    FILE = "file"
    """A failed action's whole log, below the card."""
    MEMO = "memo"
    """Says what stands in its `body`, to a person (`person:KEY`) or in a channel; edited in place."""


@dataclass(frozen=True, slots=True)
class Message:
    """One row of the outbox. It is due while `desired > delivered` and it is not `dead`."""

    id: str
    release_id: str
    purpose: Purpose
    destination: str
    event_position: int
    desired: int
    delivered: int
    urgent: bool
    channel: str | None
    ts: str | None
    posting_since: datetime | None
    not_before: datetime | None
    tries: int
    dead: str | None
    created: datetime
    body: Mapping[str, Any] | None = None


def urgent(release: Release) -> bool:
    """Tell whether people wait for this state: it is final, or a gate is open or was answered just now."""
    if release.status.finished:
        return True
    run = release.run
    if run and run.open_gate:
        return True
    decisions = list(release.approvals)
    if run:
        decisions += [
            action.gate.decision
            for stage in run.stages
            for action in stage.actions
            if action.gate and action.gate.decision
        ]
    return any(said.at is not None and release.updated - said.at <= _JUST_NOW for said in decisions)


async def add_card(c: AsyncConnection, release: Release, destination: str, message_id: str, now: datetime) -> None:
    """Ask for a card of this release in a channel (its id); a second card in the same channel is not made."""
    await add(
        c,
        message_id=message_id,
        release_id=release.id,
        purpose=Purpose.CARD,
        destination=destination,
        event_position=0,
        desired=release.version,
        urgent=urgent(release),
        now=now,
    )


async def touch(c: AsyncConnection, release: Release, *, urgent: bool, now: datetime) -> None:  # noqa: ARG001
    """Let the release's cards show this version or a later one; call it where the release is saved.

    An urgent state that has not been shown yet keeps its rank when a less urgent one follows.
    """
    still_urgent = and_(MESSAGES.c.urgent, MESSAGES.c.desired > MESSAGES.c.delivered)
    await c.execute(
        update(MESSAGES)
        .where(
            MESSAGES.c.release_id == release.id,
            MESSAGES.c.purpose == Purpose.CARD,
            MESSAGES.c.desired < release.version,
        )
        .values(desired=release.version, urgent=True if urgent else case((still_urgent, True), else_=False))
    )


async def add(
    c: AsyncConnection,
    *,
    message_id: str,
    release_id: str,
    purpose: Purpose,
    destination: str,
    event_position: int,
    desired: int = 1,
    urgent: bool = False,
    body: Mapping[str, Any] | None = None,
    now: datetime,
) -> bool:
    """Put a message into the outbox; False if there is one already that tells the same event in the same place."""
    make = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    row = {
        "id": message_id,
        "release_id": release_id,
        "purpose": purpose.value,
        "destination": destination,
        "event_position": event_position,
        "desired": desired,
        "urgent": urgent,
        "body": body,
        "created": now,
    }
    result = await c.execute(make(MESSAGES).values(row).on_conflict_do_nothing())
    return bool(result.rowcount)


async def rewrite(c: AsyncConnection, message_id: str, body: Mapping[str, Any]) -> None:
    """Let a memo say something else."""
    await c.execute(
        update(MESSAGES)
        .where(MESSAGES.c.id == message_id)
        .values(body=body, desired=MESSAGES.c.desired + 1, urgent=True)
    )


async def memos_wait(c: AsyncConnection) -> bool:
    """Tell whether a memo is not up to date: nothing else says so to another server."""
    waiting = and_(
        MESSAGES.c.desired > MESSAGES.c.delivered, MESSAGES.c.dead.is_(None), MESSAGES.c.purpose == Purpose.MEMO
    )
    return await c.scalar(select(MESSAGES.c.id).where(waiting).limit(1)) is not None


async def due(c: AsyncConnection) -> list[Message]:
    """List everything that is not up to date, oldest first, also what has to wait for its `not_before`."""
    rows = await c.execute(
        select(MESSAGES)
        # Written out so that the partial index is used: it holds only these rows.
        .where(MESSAGES.c.desired > MESSAGES.c.delivered, MESSAGES.c.dead.is_(None))
        .order_by(MESSAGES.c.created, MESSAGES.c.event_position)
    )
    return [_message(row) for row in rows.mappings()]


async def cards(c: AsyncConnection, release_ids: Iterable[str]) -> list[Message]:
    """List the cards of releases, oldest first."""
    rows = await c.execute(
        select(MESSAGES)
        .where(MESSAGES.c.release_id.in_(list(release_ids)), MESSAGES.c.purpose == Purpose.CARD)
        .order_by(MESSAGES.c.created, MESSAGES.c.id)
    )
    return [_message(row) for row in rows.mappings()]


async def of_release(c: AsyncConnection, release_id: str) -> list[Message]:
    """List a release's messages, oldest first."""
    rows = await c.execute(
        select(MESSAGES)
        .where(MESSAGES.c.release_id == release_id)
        .order_by(MESSAGES.c.created, MESSAGES.c.event_position, MESSAGES.c.id)
    )
    return [_message(row) for row in rows.mappings()]


async def release_at(c: AsyncConnection, channel: str, ts: str) -> str | None:
    """Find the release that a message in this place is about: a card, a note, a notice or a direct message."""
    at = and_(MESSAGES.c.channel == channel, MESSAGES.c.ts == ts, MESSAGES.c.purpose != Purpose.MEMO)
    found = await c.execute(select(MESSAGES.c.release_id).where(at).limit(1))
    return found.scalar_one_or_none()


async def begin_post(c: AsyncConnection, message_id: str, now: datetime) -> bool:
    """Note that a first post is on its way; until `posted` or `not_posted` nobody knows whether it arrived.

    False if it stands already: another server has posted it meanwhile.
    """
    fresh = update(MESSAGES).where(MESSAGES.c.id == message_id, MESSAGES.c.ts.is_(None))
    return bool((await c.execute(fresh.values(posting_since=now))).rowcount)


async def opened(c: AsyncConnection, message_id: str, channel: str) -> None:
    """Note the channel in which a direct message will stand."""
    await _set(c, message_id, channel=channel)


async def posted(c: AsyncConnection, message_id: str, channel: str, ts: str, version: int) -> None:
    """Note where the message stands, and which version it shows there."""
    await _set(c, message_id, channel=channel, ts=ts, delivered=version, posting_since=None, not_before=None, tries=0)


async def not_posted(c: AsyncConnection, message_id: str) -> None:
    """Note that the post surely did not arrive."""
    await _set(c, message_id, posting_since=None)


async def delivered(c: AsyncConnection, message_id: str, version: int) -> None:
    """Note which version the message shows now (or that this version is given up)."""
    await _set(c, message_id, delivered=version, not_before=None, tries=0)


async def postpone(c: AsyncConnection, message_id: str, not_before: datetime, tries: int) -> None:
    """Let it wait after a failure."""
    await _set(c, message_id, not_before=not_before, tries=tries)


async def bury(c: AsyncConnection, message_id: str, reason: str) -> None:
    """Never try again; `reason` is a sentence for whoever looks after Sayso."""
    await _set(c, message_id, dead=reason, posting_since=None)


async def position(c: AsyncConnection, listener: str, *, lock: bool = False) -> int:
    """Give the last event that a listener has taken in; 0 at first. With `lock` nobody else moves it meanwhile."""
    query = select(CURSORS.c.position).where(CURSORS.c.listener == listener)
    return await c.scalar(query.with_for_update() if lock else query) or 0


async def move(c: AsyncConnection, listener: str, to: int) -> None:
    """Set a listener's cursor."""
    moved = await c.execute(update(CURSORS).where(CURSORS.c.listener == listener).values(position=to))
    if not moved.rowcount:
        await c.execute(insert(CURSORS).values(listener=listener, position=to))


async def _set(c: AsyncConnection, message_id: str, **values: object) -> None:
    await c.execute(update(MESSAGES).where(MESSAGES.c.id == message_id).values(**values))


def _message(row: Mapping[Any, Any]) -> Message:
    values = dict(row)
    values["purpose"] = Purpose(values["purpose"])
    for name in ("posting_since", "not_before", "created"):
        values[name] = utc(values[name]) if values[name] else None
    return Message(**values)


def utc(moment: datetime) -> datetime:
    """Give the moment its time zone: everything is stored in UTC, and SQLite forgets to say so."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
