"""What stands in a playground's channels, read from the state that its control API gives."""

from __future__ import annotations

from typing import Any

from bot.core.model import Release
from tests.support.small_service import CHANNEL

State = dict[str, Any]


def messages(state: State) -> list[dict[str, Any]]:
    """Give all messages that the bot posted, in every conversation, the ephemeral ones left out."""
    return [one for group in state["messages"].values() for one in group if one["bot"] and not one["visible_to"]]


def whispers(state: State, person: str) -> list[str]:
    """Give what only this person (by Slack id) was told in the channel."""
    return [one["text"] for one in state["messages"][CHANNEL] if one["visible_to"] == person]


def cards(state: State, release: Release) -> list[dict[str, Any]]:
    """Give the messages at the top of the channel that are about this release."""
    return [
        one
        for one in messages(state)
        if one["channel"] == CHANNEL
        and one.get("thread_ts") in {None, one["ts"]}
        and f"{release.label} " in f"{one['text']} ".replace(",", " ").replace("*", "")
    ]


def buttons(part: Any) -> set[str]:
    """Find the action ids of all buttons, however they are nested."""
    if isinstance(part, dict):
        own = {str(part["action_id"])} if part.get("type") == "button" and "action_id" in part else set()
        return own.union(*map(buttons, part.values()))
    return set().union(*map(buttons, part)) if isinstance(part, list) else set()
