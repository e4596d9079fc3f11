"""What one message is to say, and the port through which a surface puts it into its own form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, TypeVar

from bot.core.events import LoggedEvent
from bot.core.memos import Memo
from bot.core.model import Release
from bot.store.messages import Purpose

Content_co = TypeVar("Content_co", covariant=True)


class Style(IntEnum):
    """How rich a message may be. A chat that refuses one gets the next."""

    RICH = 0
    SIMPLE = 1
    """Only parts that every workspace knows."""
    TEXT = 2
    """Words only: always taken."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One message to be drawn."""

    purpose: Purpose
    destination: str
    release: Release
    """As it is now."""
    event: LoggedEvent | None
    """What a note, a notice or a direct message tells; a card tells the release itself."""
    style: Style
    link: str | None = None
    """Where the release's card stands."""


class Renderer(Protocol[Content_co]):
    """Draws messages for one chat. Pure: the same telling gives equal content."""

    def render(self, telling: Telling) -> Content_co | None:
        """Draw it; None if it is not worth saying any more (a gate that was answered meanwhile)."""
        ...

    def memo(self, memo: Memo, style: Style) -> Content_co:
        """Draw what is about no release."""
        ...

    def address(self, person: str) -> str | None:
        """Give the chat's id of a person (by key in the catalogue); None if there is none."""
        ...
