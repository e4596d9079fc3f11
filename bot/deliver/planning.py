"""Works out which call each message that is not up to date needs next, and what it has to wait for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.ports import Posted
from bot.deliver.pacer import Operation, Wish
from bot.store.messages import Message, Purpose

SETTLE = timedelta(seconds=3)
"""How long a post may still be on its way after we lost sight of it; searching earlier might miss it."""
PATIENCE = 3
"""A notice waits for the card that it links to; once the card failed so often it goes out without a link."""
_BELOW_CARD = frozenset({Purpose.THREAD, Purpose.FILE})
_FOUND_AGAIN = "the card that it belongs under was never posted"


@dataclass(frozen=True, slots=True)
class Job:
    """One call for one message."""

    message: Message
    wish: Wish
    thread: str | None = None
    """The `ts` of the card that it stands below."""
    card: Posted | None = None
    """A card of the release, for a link to it."""


@dataclass(slots=True)
class Plan:
    """What there is to do."""

    jobs: list[Job] = field(default_factory=list)
    moot: list[tuple[Message, str]] = field(default_factory=list)
    """Messages that can never be sent, and why."""
    wake: datetime | None = None
    """When the next of those that have to wait is ready."""


def plan(due: Iterable[Message], cards: Mapping[str, list[Message]], busy: Collection[str], now: datetime) -> Plan:
    """Plan the next calls; `cards` are the releases' cards, `busy` the ids of messages with a call under way."""
    made = Plan()
    # What is told of one release in one place stands there in the order in which it happened: one at a time.
    due = sorted(due, key=lambda message: message.event_position)
    taken = {(message.release_id, message.destination) for message in due if message.id in busy and _tells(message)}
    for message in due:
        if message.id in busy:
            continue
        ready = _ready(message)
        if ready and ready > now:
            made.wake = min(made.wake or ready, ready)
            continue
        place = (message.release_id, message.destination)
        if _tells(message) and place in taken:
            continue
        own = cards.get(message.release_id, [])
        card = next((card for card in own if card.destination == message.destination), None)
        if _below(message):
            if card is None or card.dead:
                made.moot.append((message, _FOUND_AGAIN))
                continue
            if card.ts is None:
                continue
        elif _tells(message) and _still_coming(own):
            continue
        if _tells(message):
            taken.add(place)
        made.jobs.append(_job(message, card if _below(message) else None, own))
    return made


def _tells(message: Message) -> bool:
    """Tell whether it is about one event; a card is about the release as it is."""
    return message.purpose is not Purpose.CARD


def _below(message: Message) -> bool:
    return message.purpose in _BELOW_CARD


def _ready(message: Message) -> datetime | None:
    """Give when a message may be worked on, if that is limited."""
    settled = message.posting_since + SETTLE if message.posting_since and message.ts is None else None
    times = [time for time in (message.not_before, settled) if time]
    return max(times) if times else None


def _still_coming(cards: Iterable[Message]) -> bool:
    living = [card for card in cards if not card.dead]
    return bool(living) and not any(card.ts or card.tries >= PATIENCE for card in living)


def _job(message: Message, above: Message | None, cards: Iterable[Message]) -> Job:
    standing = next((card for card in cards if card.ts), None)
    # A new card goes before notes about older ones, however many of them wait for the same channel.
    urgent = message.urgent or (message.purpose is Purpose.CARD and message.ts is None)
    return Job(
        message=message,
        wish=Wish(message.id, _operation(message), message.channel or message.destination, urgent),
        thread=above.ts if above else None,
        card=Posted(channel=standing.channel, ts=standing.ts)
        if standing and standing.channel and standing.ts
        else None,
    )


def _operation(message: Message) -> Operation:
    if message.ts is not None:
        return Operation.EDIT
    if message.destination.startswith("person:") and message.channel is None:
        return Operation.OPEN
    if message.posting_since is not None:
        return Operation.FIND
    return Operation.UPLOAD if message.purpose is Purpose.FILE else Operation.POST
