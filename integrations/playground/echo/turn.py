"""What one utterance leads to, and how the skill is reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Skill = Callable[[dict[str, Any]], Awaitable[Any]]
"""Gives the answer's JSON; raises `NoAnswer`."""


class NoAnswer(Exception):
    """The skill can't be reached or refused the request; the text says which."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one utterance led to."""

    heard: str
    speech: str = ""
    """All that is heard as the answer, without markup; progress is apart."""
    progress: tuple[str, ...] = ()
    """What was said while the skill was working (progressive responses)."""
    asks: str = ""
    """`pin`, `slot` or `confirmation` if the device waits for one; `anything` if the microphone is open; else empty."""
    open: bool = False
    """Whether the session goes on."""
    card: dict[str, Any] | None = None
    screen: dict[str, Any] | None = None
    """The APL directive with `document` and `datasources`."""
    intent: str | None = None
    slots: Mapping[str, str] = field(default_factory=dict)
    """By name: the id that resolution found, else what was heard."""
    requests: tuple[dict[str, Any], ...] = ()
    """What was sent to the skill; none if the device answered by itself."""
    answers: tuple[Any, ...] = ()
    problem: str = ""
    """Why Alexa would not take the skill's answer, or had none."""
    ssml: str = ""
    reprompt: str = ""


def known(intent: dict[str, Any] | None) -> dict[str, str]:
    """Give an intent's slots by name: the id that resolution found, else what was heard."""
    found = {}
    for name, slot in ((intent or {}).get("slots") or {}).items():
        if "value" not in slot:
            continue
        found[name] = slot["value"]
        for authority in reversed(slot.get("resolutions", {}).get("resolutionsPerAuthority", [])):
            if authority["status"]["code"] == "ER_SUCCESS_MATCH":
                found[name] = authority["values"][0]["value"]["id"] or found[name]
    return found
