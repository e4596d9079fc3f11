"""CloudWatch Logs' GetLogEvents over the attempts' log files: a line is an event; secrets are masked already."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from integrations.local.aws import names
from integrations.local.aws.endpoint import Operation
from integrations.local.aws.problems import Problem
from integrations.local.engine import Engine
from integrations.local.intents import home_of
from integrations.local.tables import ACTIONS, ATTEMPTS, EXECUTIONS
from integrations.specs.pipeline import ActionDeclaration

Given = Mapping[str, Any]
MOST_EVENTS = 10_000
MOST_BYTES = 1 << 20
"""Of one answer (API reference, "GetLogEvents")."""
LONGEST_EVENT = 262_118
"""Bytes of one event (User Guide, "CloudWatch Logs quotas": 256 KB less 26 bytes); a longer line becomes several."""
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_TOKEN = re.compile(r"([fb])/(\d{1,18})")


class Part(NamedTuple):
    """Lines of a log, and where in the file they begin and end."""

    lines: list[bytes]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Stream:
    """The log of one attempt."""

    file: Path
    begun: datetime
    over: bool


class LogOperations:
    """What is offered of CloudWatch Logs. The log keeps no moment of a line: all have that of the attempt's begin."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def table(self) -> dict[str, Operation]:
        """Give the operations by their names in the model."""
        return {"GetLogEvents": self.get}

    async def get(self, given: Given) -> Given:
        """GetLogEvents: the last ones, unless `startFromHead` or a token says otherwise."""
        if given.get("unmask"):
            raise Problem("InvalidParameterException", "Secrets in these logs were masked when they were written.")
        stream = await self._find(_group(given), given["logStreamName"])
        begun = round(stream.begun.timestamp() * 1000)
        forward, offset = _place(given)
        wanted = given.get("startTime", 0) <= begun < given.get("endTime", begun + 1)
        limit = given.get("limit", MOST_EVENTS) if wanted else 0
        part = await asyncio.to_thread(_read, stream, forward, offset, limit)
        return {
            "events": [
                {"timestamp": begun, "ingestionTime": begun, "message": line.decode("utf-8", "replace")}
                for line in part.lines
            ],
            "nextForwardToken": f"f/{part.end}", "nextBackwardToken": f"b/{part.begin}",
        }  # fmt: skip

    async def _find(self, group: str, name: str) -> Stream:
        t, a = ATTEMPTS.c, ACTIONS.c
        query = (
            sa.select(t.attempt, t.begun, t.ended, t.execution, a.place, a.name, a.category, a.declaration,
                      EXECUTIONS.c.pipeline)
            .join(ACTIONS, t.action == a.id)
            .join(EXECUTIONS, t.execution == EXECUTIONS.c.id)
            .where(t.id == name)
        )  # fmt: skip
        async with self._engine.database.read() as c:
            row = (await c.execute(query)).one_or_none()
        if row is None:
            raise Problem("ResourceNotFoundException", "The specified log stream does not exist.")
        own = names.pipeline_log_group(row.pipeline)
        if row.category in {"Build", "Test"}:
            declared = ActionDeclaration.model_validate(row.declaration)
            own = names.build_log_group(declared.configuration.get("ProjectName") or row.name)
        if group != own:
            raise Problem("ResourceNotFoundException", "The specified log group does not exist.")
        file = home_of(self._engine.data, row.execution, row.place, row.name, row.attempt) / "log.txt"
        return Stream(file, row.begun, row.ended is not None)


def _group(given: Given) -> str:
    name, identifier = given.get("logGroupName"), given.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise Problem("InvalidParameterException", "Give either logGroupName or logGroupIdentifier.")
    return str(name or str(identifier).rpartition("log-group:")[2].removesuffix(":*"))


def _place(given: Given) -> tuple[bool, int | None]:
    """Tell in which direction to read, and from where; None: from the log's own begin or end."""
    token = given.get("nextToken")
    if token is None:
        return bool(given.get("startFromHead")), None
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise Problem("InvalidParameterException", "The specified nextToken is invalid.")
    return found[1] == "f", int(found[2])


def _read(stream: Stream, forward: bool, offset: int | None, limit: int) -> Part:
    """Read whole lines from a place on, or up to it; of a log that is still written the last begun line waits."""
    try:
        with stream.file.open("rb") as log:
            size = log.seek(0, 2)
            place = min(size, (0 if forward else size) if offset is None else offset)
            begin = place if forward else max(0, place - MOST_BYTES)
            log.seek(begin)
            data = log.read(MOST_BYTES if forward else place - begin)
    except FileNotFoundError:
        return Part([], 0, 0)
    lines = _LINE.findall(data)
    if not forward and begin > 0 and len(lines) > 1:  # its beginning may be missing
        begin += len(lines.pop(0))
    if lines and not lines[-1].endswith(b"\n"):
        cut = begin + sum(map(len, lines)) < size
        if (forward and cut and len(lines) > 1) or (not cut and not stream.over):
            lines.pop()
    pieces = [line[at : at + LONGEST_EVENT] for line in lines for at in range(0, len(line), LONGEST_EVENT)]
    if forward:
        pieces = pieces[:limit]
    else:
        begin += sum(map(len, pieces[: max(0, len(pieces) - limit)]))
        pieces = pieces[max(0, len(pieces) - limit) :]
    return Part(pieces, begin, begin + sum(map(len, pieces)))
