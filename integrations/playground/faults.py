"""Faults that tests ask for: a queue per method, each used up by one call."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import Final

from bot.core.errors import BadInput

_FAULT: Final = re.compile(r"^(?:(429|delay|error):([A-Za-z0-9_.]+)|(500|503|reset|lost))$")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong; `value` is seconds (429, delay) or the error's name."""

    kind: str
    value: str = ""

    @property
    def seconds(self) -> float:
        """Read the value as seconds."""
        return float(self.value)

    def __str__(self) -> str:
        """Write it as it was asked for."""
        return f"{self.kind}:{self.value}" if self.value else self.kind


def parse_fault(text: str) -> Fault:
    """Read `429:3`, `500`, `503`, `reset`, `delay:1.5`, `lost` or `error:channel_not_found`."""
    match = _FAULT.match(text)
    if match is None:
        raise BadInput(
            f"“{text}” is no fault.", fix="Use 429:SECONDS, 500, 503, reset, delay:SECONDS, lost or error:NAME."
        )
    fault = Fault(match[1] or match[3], match[2] or "")
    if fault.kind in {"429", "delay"}:
        try:
            fault.seconds  # noqa: B018 -- reading it is the check
        except ValueError as error:
            raise BadInput(f"“{fault.value}” in “{text}” is no number of seconds.") from error
    return fault


class Faults:
    """Waiting faults per method; those for `*` meet any method that has none of its own."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Fault]] = {}

    def add(self, method: str, fault: Fault, times: int) -> None:
        """Let the next `times` calls of the method meet the fault."""
        self._waiting.setdefault(method, deque()).extend([fault] * times)

    def take(self, method: str) -> Fault | None:
        """Use up the next fault of this method, if one waits."""
        for key in (method, "*"):
            if waiting := self._waiting.get(key):
                return waiting.popleft()
        return None
