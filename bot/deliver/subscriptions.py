"""Reads the event log from a stored cursor and decides, once per event, which messages shall tell it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.catalogue import Catalogue, NotifyEvent
from bot.core.errors import SaysoError
from bot.core.events import (
    ActionFinished,
    ApprovalGiven,
    CommandSpoken,
    EnvironmentHeld,
    EnvironmentOpened,
    Event,
    GateDecided,
    GateOpened,
    LoggedEvent,
    OverrideRequested,
    ReleaseFinished,
    ReleaseRequested,
    RetryRequested,
    RunStarted,
    StageFinished,
    StopRequested,
    VerbFailed,
)
from bot.core.model import Release, ReleaseKind, Status
from bot.store import events, messages, releases
from bot.store.database import Database
from bot.store.messages import Purpose

LISTENER = "messages"
_ALWAYS_BELOW_CARD = (
    GateOpened, GateDecided, StopRequested, RetryRequested, OverrideRequested, VerbFailed, ReleaseFinished,
    EnvironmentHeld, EnvironmentOpened, CommandSpoken,
)  # fmt: skip
"""The cursor's name."""
TOO_OLD = timedelta(days=1)
"""What happened longer ago, while nobody could be told, is not told any more; the cards still come up to date."""
_AT_ONCE = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One message that shall tell an event."""

    purpose: Purpose
    destination: str
    urgent: bool = False


def wanted(event: Event, release: Release, catalogue: Catalogue, cards: Collection[str]) -> Iterator[Wanted]:
    """Decide who hears of an event; `cards` are the channels that show the release's card.

    Under the card: what somebody asked, said, or needs to know of a failure, and that a stage is done. Further
    channels hear what the catalogue says they want, the requester of failures and of waiting.
    """
    if _belongs_under_card(event):
        for channel in cards:
            yield Wanted(Purpose.THREAD, channel)
            if isinstance(event, ActionFinished):
                yield Wanted(Purpose.FILE, channel)
    yield from _notices(event, release, catalogue, cards)
    if _concerns_requester(event):
        person = catalogue.people.get(release.requested_by)
        if person and person.slack:
            yield Wanted(Purpose.DIRECT, f"person:{release.requested_by}", urgent=True)


def _belongs_under_card(event: Event) -> bool:
    match event:
        case ActionFinished():
            return event.status in {Status.FAILED, Status.UNKNOWN}
        case StageFinished():
            return event.status is Status.SUCCEEDED
        case ReleaseRequested():
            return event.how is ReleaseKind.ADOPTED  # for any other release the card says who asked for it
        case ApprovalGiven():
            # The last yes, and a no, are told when the backend has taken them: by `GateDecided`.
            return event.decision.approved and event.given < event.needed
        case _:
            return isinstance(event, _ALWAYS_BELOW_CARD)


def _concerns_requester(event: Event) -> bool:
    if isinstance(event, ReleaseFinished):
        return event.status in {Status.FAILED, Status.UNKNOWN}
    return isinstance(event, GateOpened)


def notify_events(event: Event) -> frozenset[NotifyEvent]:
    """Name an event with the catalogue's words; a release that ended badly has both `finished` and `failed`."""
    match event:
        case ReleaseRequested():
            return frozenset({"requested"})
        case RunStarted():
            return frozenset({"started"})
        case GateOpened():
            return frozenset({"waiting"})
        case ReleaseFinished(status=Status.FAILED | Status.UNKNOWN):
            return frozenset({"finished", "failed"})
        case ReleaseFinished():
            return frozenset({"finished"})
        case _:
            return frozenset()


def _notices(event: Event, release: Release, catalogue: Catalogue, cards: Collection[str]) -> Iterator[Wanted]:
    service = catalogue.services.get(release.service)
    named = notify_events(event)
    if service is None or not named:
        return
    for notify in service.notify:
        if not named & notify.events:
            continue
        if notify.environments is not None and release.environment not in notify.environments:
            continue
        channel = catalogue.channel_id(notify.channel)
        if channel not in cards:
            yield Wanted(Purpose.NOTICE, channel)


class Subscriptions:
    """Turns events into outbox rows. Rows and cursor change in one transaction, so every row is made exactly once."""

    def __init__(
        self, database: Database, catalogue: Catalogue, *, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._new_id = new_id

    async def take_in(self) -> int:
        """Take in all events since last time; gives how many there were."""
        taken = 0
        while await self._news():
            async with self._database.write() as c:
                logged = await events.after(c, await messages.position(c, LISTENER, lock=True), limit=_AT_ONCE)
                known: dict[str, Release] = {}  # one look of a large run is hundreds of events
                for entry in logged:
                    await self._take(c, entry, known)
                if logged:
                    await messages.move(c, LISTENER, logged[-1].position)
                taken += len(logged)
        return taken

    async def _news(self) -> bool:
        async with self._database.read() as c:
            return bool(await events.after(c, await messages.position(c, LISTENER), limit=1))

    async def _take(self, c: AsyncConnection, entry: LoggedEvent, known: dict[str, Release]) -> None:
        now = self._clock()
        if now - messages.utc(entry.at) > TOO_OLD:
            return
        try:
            if entry.release_id not in known:
                known[entry.release_id] = await releases.get(c, entry.release_id)
            release = known[entry.release_id]
            cards = [card.destination for card in await messages.cards(c, [entry.release_id])]
            asked = list(wanted(entry.event, release, self._catalogue, cards))
        except SaysoError as error:
            # One event that can't be told (a channel was taken out of the catalogue) must not stop those behind it.
            _log.warning("Event %s (%s) is not told: %s", entry.position, entry.event.kind, error)
            return
        for each in asked:
            await messages.add(
                c,
                message_id=self._new_id(),
                release_id=release.id,
                purpose=each.purpose,
                destination=each.destination,
                event_position=entry.position,
                urgent=each.urgent,
                now=now,
            )
