"""Reads what CloudFormation does for an action: a change set's changes, or a stack's events; pure.

Shapes: API model of CloudFormation, "DescribeChangeSetOutput" and "StackEvent"; the action's configuration as in the
Action reference of CodePipeline, "AWS CloudFormation deploy action".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.wording import names, say
from integrations.aws.answers import Answer
from integrations.aws.details.lines import one_line
from integrations.aws.observing import Detail

_CHANGES = frozenset({"CHANGE_SET_REPLACE", "CHANGE_SET_CREATE"})
_ECHO = ("cancelled", "the following resource(s) failed")
"""What CloudFormation says of resources and stacks that only failed because another one did."""
_NAMED = 3
_BEFORE = timedelta(seconds=5)
"""The stack's clock and the pipeline's may differ by so much."""


def configuration(row: Answer) -> Mapping[str, str]:
    """Give an action's configuration, its variables filled in."""
    asked = row.get("input", {})
    found: Mapping[str, str] = asked.get("resolvedConfiguration") or asked.get("configuration") or {}
    return found


def change_set(row: Answer) -> tuple[str, str] | None:
    """Give the stack and the change set that the action makes; None if it makes none."""
    asked = configuration(row)
    if asked.get("ActionMode") in _CHANGES and asked.get("StackName") and asked.get("ChangeSetName"):
        return asked["StackName"], asked["ChangeSetName"]
    return None


def stack(row: Answer) -> str | None:
    """Give the stack that the action changes; None if it only makes a change set."""
    asked = configuration(row)
    return asked.get("StackName") if asked.get("ActionMode") not in _CHANGES else None


def read_change_set(found: Answer) -> Detail:
    """Say what a change set would do, or why it could not be made."""
    if found.get("Status") == "FAILED":
        return Detail(detail=one_line(found.get("StatusReason")) or None)
    changes = [each["ResourceChange"] for each in found.get("Changes", ()) if each.get("ResourceChange")]
    if not changes:
        return Detail()
    counts = Counter(each.get("Action", "") for each in changes)
    parts = [say(f"aws.change.{action.lower()}", n=counts[action]) for action in ("Add", "Modify", "Remove", "Import")
             if counts[action]]  # fmt: skip
    if other := sum(counts.values()) - sum(counts[each] for each in ("Add", "Modify", "Remove", "Import")):
        parts.append(say("aws.change.other", n=other))
    replaced = [each.get("LogicalResourceId", "") for each in changes if each.get("Replacement") == "True"]
    told = names(parts, joined="names.and")
    if replaced:
        shown = ", ".join(replaced[:_NAMED]) + (", …" if len(replaced) > _NAMED else "")
        told = say("aws.changes.replaced", changes=told, names=shown)
    return Detail(detail=told, plan=told)


def read_events(events: Sequence[Answer], since: datetime, until: datetime | None) -> Detail:
    """Tell how far a stack is, or what failed first; `events` newest first, as DescribeStackEvents gives them.

    Only those between `since` and `until` count, the action's own time: a stack keeps those of former deployments.
    """
    last = until + _BEFORE if until else None
    mine = [each for each in events if each["Timestamp"] >= since - _BEFORE and (not last or each["Timestamp"] <= last)]
    broken = [each for each in mine if str(each.get("ResourceStatus", "")).endswith("_FAILED")]
    causes = [each for each in broken if not str(each.get("ResourceStatusReason", "")).lower().endswith(_ECHO[0])
              and _ECHO[1] not in str(each.get("ResourceStatusReason", "")).lower()]  # fmt: skip
    if broken:
        first = (causes or broken)[-1]
        why = one_line(first.get("ResourceStatusReason")) or first["ResourceStatus"]
        return Detail(detail=f"{_resource(first)}: {why}")
    newest = mine[0] if mine else None
    if newest is None:
        return Detail()
    return Detail(detail=f"{_resource(newest)}: {newest.get('ResourceStatus', '')}")


def _resource(event: Answer) -> str:
    return f"{event.get('LogicalResourceId', '')} ({event.get('ResourceType', '')})"
