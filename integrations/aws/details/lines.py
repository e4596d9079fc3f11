"""Log lines and words of AWS as a card may show them: pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bot.core.model import LogTail
from integrations.aws.answers import Answer
from integrations.specs.reports.cases import clean

MOST_LINES = 40
LONGEST_LINE = 500
LONGEST_WORD = 300
"""Characters of what a provider says in one line."""
_LOGS, _SCRIPTS = "logs", "codedeploy"


class LogStream(NamedTuple):
    """Where CloudWatch Logs keeps a log; neither name can have a colon in it (API model, "LogStreamName")."""

    region: str
    group: str
    stream: str

    @property
    def key(self) -> str:
        """Give it as `LogTail.key`."""
        return ":".join((_LOGS, *self))


class Scripts(NamedTuple):
    """A deployment of CodeDeploy, whose failed scripts' last lines are the log."""

    region: str
    deployment: str

    @property
    def key(self) -> str:
        """Give it as `LogTail.key`."""
        return ":".join((_SCRIPTS, *self))


def read_key(key: str) -> LogStream | Scripts | None:
    """Read a `LogTail.key`; None if it is none of ours."""
    match key.split(":"):
        case ["logs", region, group, stream]:
            return LogStream(region, group, stream)
        case ["codedeploy", region, deployment]:
            return Scripts(region, deployment)
    return None


def tail(text: str, key: str | None) -> LogTail:
    """Keep the last lines of a log."""
    lines = [line.rstrip()[:LONGEST_LINE] for line in clean(text).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return LogTail(lines=tuple(lines[-MOST_LINES:]), key=key)


def text_of(events: Iterable[Answer]) -> str:
    """Join log events, whose messages may or may not end with a line's end."""
    return "".join(f"{each.get('message', '')}".rstrip("\n") + "\n" for each in events)


def one_line(text: object) -> str:
    """Give a text on one line, not too long."""
    line = " ".join(clean(str(text or "")).split())
    return line if len(line) <= LONGEST_WORD else f"{line[: LONGEST_WORD - 1]}…"
