"""What the skill answers to a turn, before it is written as Alexa's response."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.core.model import Release
from skills.release_desk.intents import Slot
from skills.release_desk.tongue import Ssml
from skills.release_desk.turn import Memory


@dataclass(frozen=True, slots=True)
class Elicit:
    """Let Alexa take the next words for this slot of this intent."""

    intent: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Verify:
    """Let Alexa ask for the speaker's voice PIN, and come back with this plan."""

    plan: str
    level: int


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Without a question the session ends, unless the skill was opened to stay."""

    said: Ssml = field(default_factory=Ssml)
    memory: Memory = field(default_factory=Memory)
    ask: Ssml | None = None
    """The question that it ends with; said again if nobody answers."""
    elicit: Elicit | None = None
    verify: Verify | None = None
    release: Release | None = None
    """Shown on the card and the screen."""
    card: str = ""
    names: bool = False
    """Send the catalogue's names of today along."""
    consent: bool = False
    """Ask in the app for the permission to notify."""
