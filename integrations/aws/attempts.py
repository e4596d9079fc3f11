"""Tells a stage's attempts apart by its history: pure.

CodePipeline counts retries only for the newest execution in a stage, and only as long as it is that. Its history of
actions and rules stays, so the number of an attempt is read off it: what begins after something has failed, or what
begins again, belongs to the next attempt. That number must never go down, because only a higher one revives a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from integrations.aws.answers import Answer

BROKEN = frozenset({"Failed", "Abandoned"})


class History(NamedTuple):
    """A stage as its history tells it."""

    attempt: int
    """From 1."""
    actions: Mapping[str, Answer]
    """By name, the execution that counts in the latest attempt; an action that has not begun in it is not there."""


def history(actions: Sequence[Answer], rules: Sequence[Answer] = ()) -> History:
    """Read one stage's action executions, and the executions of its entry and success rules, in any order."""
    rows = sorted((*actions, *rules), key=lambda row: row["startTime"])
    attempts: list[dict[str, Answer]] = []
    for row in rows:
        name = _name(row)
        now = attempts[-1] if attempts else {}
        over = any(each["status"] in BROKEN and each["lastUpdateTime"] < row["startTime"] for each in now.values())
        if not attempts or over or name in now:
            attempts.append({})
        attempts[-1][name] = row
    counts: dict[str, Answer] = {}
    for attempt in attempts:
        began = {name: row for name, row in attempt.items() if "actionName" in row}
        again = any(name in counts and counts[name]["status"] == "Succeeded" for name in began)
        kept = {} if again else {name: row for name, row in counts.items() if row["status"] not in BROKEN}
        counts = {**kept, **began}
    return History(max(len(attempts), 1), {row["actionName"]: row for row in counts.values()})


def _name(row: Answer) -> str:
    return f"action {row['actionName']}" if "actionName" in row else f"rule {row['ruleName']}"
