"""What every report format is turned into: test cases, coverage, or the sentence that says why it can't be read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.core.model import Coverage

# Colours as terminals write them and pytest escapes them in XML; control characters, and marks that turn text around.
COLOURS = re.compile(r"(?:\x1b|#x1B)\[[0-9;]*[A-Za-z]")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LONGEST_TIME = 1_000_000_000.0
"""Seconds that are believed; more is a broken number and counts as none."""
MOST_LINES = 1_000_000_000
"""Lines of coverage that are believed."""


class CaseState(StrEnum):
    """How one test case ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One test case of a report, whatever its format."""

    name: str
    state: CaseState
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What one report file says."""

    cases: Iterable[Case] = field(default_factory=tuple)
    coverage: Coverage | None = None


class UnreadableReport(ValueError):
    """A report can't be read; the message completes `FILE: …`."""


def clean(text: str) -> str:
    """Take colours, control characters and marks that turn text around out of untrusted text; keep its lines."""
    return CONTROLS.sub("", COLOURS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def seconds_in(text: str | None, unit: float = 1.0) -> float:
    """Read a duration in `unit` seconds: `1234.5`, `1,234.5`, or `0,5` as tools write it where that is the custom.

    One that can't be read counts as 0.
    """
    written = (text or "0")[:50]
    written = written.replace(",", "") if "." in written or written.count(",") > 1 else written.replace(",", ".")
    try:
        seconds = float(written) * unit
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and 0 < seconds < LONGEST_TIME else 0.0


def count_in(text: str | None) -> int | None:
    """Read a count; `None` if there is none that makes sense."""
    try:
        count = int((text or "")[:20])
    except ValueError:
        return None
    return count if 0 <= count <= MOST_LINES else None


def coverage(covered: int | None, total: int | None, branches: tuple[int | None, int | None]) -> Coverage:
    """Put counts together; a format without branches gives (`None`, `None`). Raises `UnreadableReport`."""
    if covered is None or total is None or covered > total:
        raise UnreadableReport("it does not say how many lines were covered.")
    some, every = branches
    if some is None or every is None or some > every or every == 0:
        return Coverage(covered=covered, total=total)
    return Coverage(covered=covered, total=total, branches_covered=some, branches_total=every)
