"""Decides which calls may go out now: never more than the chat allows, urgent ones first, everybody's turn comes.

Pure: the time is an argument, in seconds of any clock that only goes forward.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

WINDOW = 62.0
"""Seconds that a call counts: a minute, and a margin for calls that reach the chat later than they left us."""

_REMEMBERED = 5000


class Operation(StrEnum):
    """What is asked of the chat; each has limits of its own."""

    POST = "post"
    EDIT = "edit"
    FIND = "find"
    UPLOAD = "upload"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Limit:
    """How often one operation may be done in a minute."""

    a_minute: int
    reserved: int = 0
    """How many of them only urgent calls may use."""
    burst: int = 10
    """How many calls that are not urgent may follow each other without a pause."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one workspace."""

    operations: Mapping[Operation, Limit]
    post_interval: float = 1.1
    """Seconds between posts in one channel, on average; a little more than a second, for they don't travel evenly."""
    post_burst: int = 3
    """How many posts in one channel may follow each other without a pause."""
    edit_interval: float = 1.5
    """Seconds between two edits of one message that are not urgent."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One call that somebody would like to make."""

    message: str
    operation: Operation
    channel: str
    urgent: bool = False


class Pacer:
    """Keeps count of one workspace's calls; see `take`.

    A sliding count per operation is the hard limit. Within it, calls that are not urgent are spread over what is left
    of the minute after a first burst, so that a hundred live cards never wait for long; among equals the message that
    was served longest ago comes first.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calls: dict[Operation, deque[float]] = {operation: deque() for operation in Operation}
        self._posts: dict[str, float] = {}
        self._edited: dict[str, float] = {}
        self._closed: dict[tuple[Operation, str], float] = {}

    def take(self, wishes: Iterable[Wish], now: float, most: int = 1000) -> tuple[list[Wish], float | None]:
        """Choose at most `most` calls to make now, and count them; and say in how many seconds to ask again.

        None: there is no need to, because every wish was granted, or `most` of them.
        """
        self._forget(now)
        granted: list[Wish] = []
        waits: list[float] = []
        for wish in sorted(wishes, key=lambda wish: (not wish.urgent, self._edited.get(wish.message, -1.0))):
            if len(granted) >= most:
                return granted, None
            wait = self._wait(wish, now)
            if wait > 0:
                waits.append(wait)
                continue
            self._count(wish, now)
            granted.append(wish)
        return granted, min(waits, default=None)

    def close(self, operation: Operation, channel: str, until: float) -> None:
        """Obey a `Retry-After`: this operation rests until then; posts only in this channel, as their limit is its."""
        key = (operation, channel if operation is Operation.POST else "")
        self._closed[key] = max(until, self._closed.get(key, until))

    def give_back(self, wish: Wish) -> None:
        """Take back the last grant for a wish that turned out to need no call."""
        if self._calls[wish.operation]:
            self._calls[wish.operation].pop()

    def _wait(self, wish: Wish, now: float) -> float:
        wait = max(
            self._closed.get((wish.operation, ""), now) - now,
            self._closed.get((wish.operation, wish.channel), now) - now,
            self._wait_for_operation(wish, now),
        )
        if wish.operation is Operation.POST:
            burst = (self._limits.post_burst - 1) * self._limits.post_interval
            wait = max(wait, self._posts.get(wish.channel, now) - burst - now)
        if wish.operation is Operation.EDIT and not wish.urgent and wish.message in self._edited:
            wait = max(wait, self._edited[wish.message] + self._limits.edit_interval - now)
        return wait

    def _wait_for_operation(self, wish: Wish, now: float) -> float:
        limit = self._limits.operations[wish.operation]
        calls = self._calls[wish.operation]
        most = limit.a_minute if wish.urgent else limit.a_minute - limit.reserved
        if len(calls) >= most:
            return calls[len(calls) - most] + WINDOW - now
        if wish.urgent or len(calls) < limit.burst:
            return 0.0
        # What is left is spread over the time until the oldest call stops counting: the next may go at the first
        # moment `t` with t - last >= (oldest + WINDOW - t) / left.
        left = most - len(calls)
        return (calls[-1] * left + calls[0] + WINDOW) / (left + 1) - now

    def _count(self, wish: Wish, now: float) -> None:
        self._calls[wish.operation].append(now)
        if wish.operation is Operation.POST:
            interval = self._limits.post_interval
            self._posts[wish.channel] = max(self._posts.get(wish.channel, now), now) + interval
        if wish.operation is Operation.EDIT:
            self._edited.pop(wish.message, None)  # so that the dictionary's order is that of the last edits
            self._edited[wish.message] = now

    def _forget(self, now: float) -> None:
        for calls in self._calls.values():
            while calls and calls[0] + WINDOW <= now:
                calls.popleft()
        for channel in [channel for channel, time in self._posts.items() if time < now]:
            del self._posts[channel]
        while len(self._edited) > _REMEMBERED:
            del self._edited[next(iter(self._edited))]
        for place in [place for place, time in self._closed.items() if time <= now]:
            del self._closed[place]
