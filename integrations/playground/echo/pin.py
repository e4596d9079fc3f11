"""The voice PIN that Alexa itself asks for (AMAZON.VerifyPerson, version 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from integrations.playground.echo.envelope import Person
from integrations.playground.echo.words import number, words

TRIES = 3
"""Wrong PINs until a question is given up."""
LOCKS_AFTER = 6
"""Wrong PINs in a row until the PIN can't be used any more."""


class Pins:
    """Counts wrong PINs by person; lives as long as the person's voice profile, longer than a device's session."""

    def __init__(self) -> None:
        self._wrong: Counter[str] = Counter()

    def certain(self, person: Person | None) -> dict[str, str] | None:
        """Give the result if there is nothing to ask for, else None."""
        if person is None:
            return {"status": "NOT_ACHIEVED", "reason": "NOT_MATCH"}
        if person.pin is None:
            return {"status": "NOT_ENABLED", "reason": "VERIFICATION_METHOD_NOT_SETUP"}
        if self._wrong[person.id] >= LOCKS_AFTER:
            return {"status": "NOT_ACHIEVED", "reason": "METHOD_LOCKOUT"}
        return None

    def check(self, person: Person | None, utterance: str, tries: int, locale: str) -> dict[str, str] | None:
        """Give the result of the `tries`-th answer, or None if the person may try again."""
        if certain := self.certain(person):
            return certain
        assert person
        assert person.pin
        if _figures(utterance, locale) == person.pin:
            self._wrong[person.id] = 0
            return {"status": "ACHIEVED"}
        self._wrong[person.id] += 1
        if tries >= TRIES or self._wrong[person.id] >= LOCKS_AFTER:
            return self.certain(person) or {"status": "NOT_ACHIEVED", "reason": "NOT_MATCH"}
        return None


def resumed(connection: Mapping[str, Any], result: Mapping[str, str]) -> dict[str, Any]:
    """Give the request that tells the skill how the connection that it started ended."""
    return {
        "type": "SessionResumedRequest",
        "cause": {
            "type": "ConnectionCompleted",
            "token": connection.get("token", ""),
            "status": {"code": "200", "message": "OK"},
            "result": {"version": "2", **result},
        },
    }


def _figures(utterance: str, locale: str) -> str:
    """Read figures said one by one or together: `4 7 1 1`, `four seven eleven`, `4711`."""
    figures, tens = "", False
    for word in words(utterance):
        value = None if word.isdecimal() else number([word], locale)
        if value is not None and 0 < value < 10 and tens:
            figures = figures[:-1]  # "seventy one"
        figures += word if word.isdecimal() else "" if value is None else str(value)
        tens = value is not None and value >= 20
    return figures
