"""A button carries a whole command: which release, and what the person saw when it was drawn."""

from __future__ import annotations

from pydantic import ValidationError

from bot.core.commands import Command, Verb
from bot.core.errors import BadInput
from bot.core.model import Frozen
from bot.core.wording import say

PREFIX = "sayso."
TAP = "sayso.voice."
"""What the actions of the numbers begin with that confirm something spoken."""
LIMIT = 2000
"""Slack's limit for a button's value, in characters (Block Kit reference, "Button element")."""


def action_id(verb: Verb, variant: str = "") -> str:
    """Name the button's action, as `sayso.approve`; unique in a message when `variant` tells equal verbs apart."""
    return PREFIX + verb.value + (f".{variant}" if variant else "")


class Tapped(Frozen):
    """What a number's button carries."""

    plan: str
    number: int


def tap_id(number: int) -> str:
    """Name the action of one of a question's numbers."""
    return f"{TAP}{number}"


def tap_value(plan: str, number: int) -> str:
    """Give the value of one of a question's numbers."""
    return Tapped(plan=plan, number=number).model_dump_json()


def tapped(value: str) -> Tapped:
    """Read a number's value back; `BadInput` for one that we did not write."""
    try:
        return Tapped.model_validate_json(value)
    except ValidationError as error:
        raise BadInput(say("slack.old_button")) from error


def encode(command: Command) -> str:
    """Give the button's value."""
    value = command.model_dump_json(exclude_defaults=True)
    if len(value) > LIMIT:
        raise ValueError(f"a button's value may have {LIMIT} characters, this has {len(value)}")
    return value


def decode(value: str) -> Command:
    """Read a button's value back; `BadInput` for one that we did not write."""
    try:
        return Command.model_validate_json(value)
    except ValidationError as error:
        raise BadInput(say("slack.old_button")) from error
