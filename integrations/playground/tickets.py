"""What Slack hands out for a short while: trigger ids for modals and response URLs for answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RESPONSE_SECONDS: Final = 30 * 60.0
RESPONSE_USES: Final = 5


@dataclass
class Trigger:
    """The right to open one modal for `user`, for a short while."""

    user: str
    issued: float
    view_id: str | None = None
    """The modal that it was given out from; only such a trigger may push another."""
    used: bool = False


class Triggers:
    """Gives out trigger ids and checks them (docs.slack.dev, "Handling user interaction")."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is how long each lives."""
        self._seconds = seconds
        self._issued: dict[str, Trigger] = {}

    def issue(self, user: str, now: float, view_id: str | None = None) -> str:
        """Give out a new trigger id."""
        key = f"{len(self._issued) + 1}.{int(now)}.{user.lower()}"
        self._issued[key] = Trigger(user, now, view_id)
        return key

    def check(self, key: str, now: float) -> Trigger | str:
        """Give the trigger, or Slack's word for what is wrong with it."""
        trigger = self._issued.get(key)
        if trigger is None:
            return "invalid_trigger_id"
        if trigger.used:
            return "exchanged_trigger_id"
        if now - trigger.issued > self._seconds:
            return "expired_trigger_id"
        return trigger


@dataclass
class ResponseUrl:
    """The right to answer where something was said or clicked."""

    user: str
    channel: str
    issued: float
    original: str | None = None
    """The message that `replace_original` and `delete_original` mean; for a command its own first answer."""
    thread_ts: str | None = None
    uses: int = 0


class ResponseUrls:
    """Gives out response URLs and checks them: five uses within thirty minutes."""

    def __init__(self) -> None:
        self._issued: dict[str, ResponseUrl] = {}

    def issue(self, url: ResponseUrl) -> str:
        """Give out a new key, the last part of the URL."""
        key = f"r{len(self._issued) + 1:06d}"
        self._issued[key] = url
        return key

    def use(self, key: str, now: float) -> ResponseUrl | str:
        """Count one use, or give Slack's word for what is wrong."""
        url = self._issued.get(key)
        if url is None:
            return "no_such_url"
        if now - url.issued > RESPONSE_SECONDS:
            return "expired_url"
        if url.uses >= RESPONSE_USES:
            return "used_url"
        url.uses += 1
        return url
