"""How a stage's conditions come to their verdict: pure, from rows to rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from integrations.local.states import (
    BROKEN,
    ActionRow,
    ConditionRow,
    ExecutionRow,
    Hook,
    State,
    become,
    with_actions,
    with_condition,
)


def judged(execution: ExecutionRow, hook: Hook, now: datetime) -> tuple[ExecutionRow, ConditionRow | None]:
    """Take one of its stage's conditions as far as it gets: begin its rules, or give the verdict when all are over.

    A condition fails if one of its rules fails (one without rules, an `onFailure` result, always does). If nobody can
    say how a rule ended, the condition is in error: that keeps a stage from going on, but changes nothing by itself.
    """
    condition = execution.condition(hook)
    if condition is None or condition.state not in (State.PENDING, State.IN_PROGRESS):
        return execution, condition
    rules = execution.rules(hook)
    if condition.state is State.PENDING:
        condition = replace(become(condition, State.IN_PROGRESS), changed=now, detail="")
        begun = [
            replace(
                become(rule, State.IN_PROGRESS), started=now, expires=now + rule.patience if rule.patience else None
            )
            for rule in rules
        ]
        execution, rules = with_actions(execution, *begun), tuple(begun)
    if not any(rule.state is State.IN_PROGRESS for rule in rules):
        condition = _verdict(condition, rules, now)
    return with_condition(execution, condition), condition


def _verdict(condition: ConditionRow, rules: Sequence[ActionRow], now: datetime) -> ConditionRow:
    broken = [rule for rule in rules if rule.state in BROKEN]
    if rules and not broken:
        return replace(become(condition, State.SUCCEEDED), changed=now)
    detail = "; ".join(f"{rule.name}: {rule.detail.rstrip('.')}" for rule in broken) + "." * bool(broken)
    lost = any(rule.state is State.UNKNOWN for rule in broken)
    return replace(become(condition, State.ERRORED if lost else State.FAILED), changed=now, detail=detail)


def unjudged(execution: ExecutionRow, hook: Hook) -> ExecutionRow:
    """Have a condition looked at again later; its rules are the caller's."""
    condition = execution.condition(hook)
    if condition is None or condition.state is State.PENDING:
        return execution
    return with_condition(execution, replace(become(condition, State.PENDING), detail="", changed=None))


def close_conditions(execution: ExecutionRow, now: datetime) -> ExecutionRow:
    """End the conditions of a stage that is stopped while they are looked at."""
    end = State.ABANDONED if execution.abandon else State.CANCELLED
    for hook in Hook:
        condition = execution.condition(hook)
        if condition is not None and condition.state is State.IN_PROGRESS:
            execution = with_condition(execution, replace(become(condition, end), changed=now))
    return execution
