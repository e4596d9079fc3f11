"""Carries out the rules of stages' conditions: commands, a deployment window, a check of a variable."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.core.errors import BadInput
from integrations.local.actions import AfterCrash, Attempt, ErrorCode, Outcome, Result
from integrations.local.commands import CommandsRunner
from integrations.specs.windows import is_open, read_window, when_next


class CommandsRule:
    """Holds if its commands end well (User Guide, "Commands rule"); without an input artifact, in an empty folder."""

    after_crash = CommandsRunner.after_crash

    def __init__(self, commands: CommandsRunner) -> None:
        """Take what runs commands for actions."""
        self._commands = commands

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        """Run the commands to their end."""
        if not attempt.inputs:
            empty = attempt.folder / "empty"
            empty.mkdir(exist_ok=True)
            attempt = replace(attempt, inputs={"empty": empty})
        return await self._commands.perform(attempt, interrupted=interrupted)


class DeploymentWindowRule:
    """Holds at certain times only (User Guide, "DeploymentWindow rule"); see `integrations.specs.windows`."""

    after_crash = AfterCrash.RERUN

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Take the time."""
        self._clock = clock

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:  # noqa: ARG002
        """Look at the clock."""
        now = self._clock()
        try:
            window = read_window(attempt.configuration)
        except BadInput as error:
            return _misconfigured(str(error))
        if is_open(window, now):
            return Result(outcome=Outcome.SUCCEEDED, detail=f"It is within {window}.")
        opens = when_next(window, now)
        again = f" It opens at {opens:%Y-%m-%d %H:%M %Z}." if opens else " It doesn't open within a year."
        return Result(outcome=Outcome.FAILED, detail=f"It is outside of {window}.{again}")


class VariableCheckRule:
    """Holds if a variable has, or hasn't, a value (User Guide, "VariableCheck rule")."""

    after_crash = AfterCrash.RERUN

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:  # noqa: ARG002
        """Compare."""
        given = attempt.configuration
        missing = [key for key in ("Variable", "Operator", "Value") if key not in given]
        if missing:
            return _misconfigured(f"Its configuration lacks {', '.join(missing)}.")
        found, operator, value = given["Variable"], given["Operator"], given["Value"]
        try:
            holds = await asyncio.to_thread(compare, found, operator, value)
        except re.error as error:
            return _misconfigured(f"{value} is not a regular expression: {error}.")
        except BadInput as error:
            return _misconfigured(str(error))
        sentence = f"“{found}” {WORDS[operator][0 if holds else 1]} “{value}”."
        return Result(outcome=Outcome.SUCCEEDED if holds else Outcome.FAILED, detail=sentence)


def _misconfigured(sentence: str) -> Result:
    return Result(outcome=Outcome.FAILED, detail=sentence, error=ErrorCode.CONFIGURATION)


WORDS = {
    "EQ": ("equals", "does not equal"),
    "NE": ("does not equal", "equals"),
    "CONTAINS": ("contains", "does not contain"),
    "MATCHES": ("matches", "does not match"),
}


def compare(found: str, operator: str, value: str) -> bool:
    """Tell whether a variable's value passes; MATCHES looks for the expression anywhere in it.

    Raises `BadInput` for an operator that does not exist, `re.error` for a bad expression.
    """
    match operator:
        case "EQ":
            return found == value
        case "NE":
            return found != value
        case "CONTAINS":
            return value in found
        case "MATCHES":
            return re.search(value, found) is not None
    raise BadInput(f"There is no operator {operator}; use {', '.join(WORDS)}.")
