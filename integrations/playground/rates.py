"""Slack's rate limits: a sliding minute per method tier, and about one post per second and channel.

Source: docs.slack.dev, "Rate limits" (tiers 1 to 4: 1, 20, 50, 100 calls a minute; `chat.postMessage`: one message a
second and channel, short bursts allowed, and a cap for the workspace as a whole).
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

POST_BURST: Final = 4
POSTS_A_MINUTE: Final = 300
_SPECIAL: Final = 600

TIERS: Final = {
    "auth.test": _SPECIAL,
    "blocks.validate": 100,
    "bots.info": 50,
    "chat.delete": 50,
    "chat.getPermalink": _SPECIAL,
    "chat.postEphemeral": 100,
    "chat.postMessage": POSTS_A_MINUTE,
    "chat.update": 50,
    "conversations.history": 50,
    "conversations.info": 50,
    "conversations.join": 50,
    "conversations.list": 20,
    "conversations.members": 100,
    "conversations.open": 50,
    "conversations.replies": 50,
    "files.completeUploadExternal": 100,
    "files.getUploadURLExternal": 100,
    "reactions.add": 50,
    "team.info": 50,
    "users.info": 100,
    "users.list": 20,
    "users.lookupByEmail": 50,
    "views.open": 100,
    "views.publish": 100,
    "views.push": 100,
    "views.update": 100,
    "apps.connections.open": 20,
}
"""Calls per minute of every method that exists here; the keys are the list of known methods."""


class Rates:
    """Decides whether a call comes too early; a refused call does not count against the limit."""

    def __init__(self, speed: float) -> None:
        self._window = 60.0 / speed
        self._post_interval = 1.0 / speed
        self._calls: dict[str, deque[float]] = {}
        self._posts: dict[str, float] = {}

    def retry_after(self, method: str, channel: str | None, now: float) -> int:
        """Count the call, or give the whole seconds to wait (at least 1); 0 means go ahead."""
        calls = self._calls.setdefault(method, deque())
        while calls and calls[0] <= now - self._window:
            calls.popleft()
        if len(calls) >= TIERS[method]:
            return max(1, math.ceil(calls[0] + self._window - now))
        if method == "chat.postMessage" and channel:
            wait = self._post_wait(channel, now)
            if wait > 0:
                return max(1, math.ceil(wait))
        calls.append(now)
        return 0

    def _post_wait(self, channel: str, now: float) -> float:
        # The generic cell rate algorithm: one stored instant per channel is a token bucket with a burst.
        due = max(self._posts.get(channel, 0.0), now)
        wait = due - now - (POST_BURST - 1) * self._post_interval
        if wait > 1e-9:
            return wait
        self._posts[channel] = due + self._post_interval
        return 0.0
