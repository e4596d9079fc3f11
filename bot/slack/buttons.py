"""A button carries a whole command: which release, and what the person saw when it was drawn."""

from __future__ import annotations

from pydantic import ValidationError

from bot.core.commands import Command, Verb
from bot.core.errors import BadInput

PREFIX = "sayso."
LIMIT = 2000
"""Slack's limit for a button's value, in characters (Block Kit reference, "Button element")."""


def action_id(verb: Verb, variant: str = "") -> str:
    """Name the button's action, as `sayso.approve`; unique in a message when `variant` tells equal verbs apart."""
    return PREFIX + verb.value + (f".{variant}" if variant else "")


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
        raise BadInput("This button is not one of mine; the message may be from an older version.") from error
