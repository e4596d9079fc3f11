"""What Sayso tells or asks a person or a channel about something that is no release."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bot.core.commands import Verb
from bot.core.model import Frozen, Hold


class Outcome(StrEnum):
    """What became of a question."""

    USED = "used"
    WRONG = "wrong"
    EXPIRED = "expired"
    DROPPED = "dropped"
    FAILED = "failed"


class Question(Frozen):
    """Was it really you who spoke? Three numbers to choose from; only the right one lets the plan go on."""

    kind: Literal["question"] = "question"
    plan: str
    choices: tuple[int, ...]
    verb: Verb
    label: str
    """A release (`checkout #12`), or the service of one that is to be made."""
    environment: str
    revision: str = ""
    """As `9f1c2d3a Fix rounding`; untrusted text."""
    heard: str
    """Untrusted text."""
    expires: datetime
    outcome: Outcome | None = None
    """None: it waits for an answer."""
    why: str = ""
    """For `FAILED`: the reason, a sentence."""
    became: str = ""
    """For `USED`: the release that it came to."""


class LockNotice(Frozen):
    """Somebody was wrong too often."""

    kind: Literal["lock"] = "lock"
    person: str
    name: str
    what: Literal["code", "factor"]
    tries: int
    until: datetime


class HoldNotice(Frozen):
    """Somebody wants an environment held, or open again."""

    kind: Literal["hold"] = "hold"
    service: str
    name: str
    """The person's."""
    hold: Hold
    refused: str | None = None
    """Why the backend would not."""


Memo = Annotated[Question | LockNotice | HoldNotice, Field(discriminator="kind")]

MEMO: TypeAdapter[Memo] = TypeAdapter(Memo)
"""Reads and writes memos as JSON."""
