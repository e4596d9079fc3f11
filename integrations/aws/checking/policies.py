"""Reads the policy of a queue or topic, and makes the events that a rule must let through; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from integrations.aws.permissions import partition

SENDER = "events.amazonaws.com"
_RUN = "11111111-2222-4333-8444-555555555555"
_CONDITIONS = {"ArnEquals", "ArnLike", "StringEquals", "StringLike", "StringEqualsIgnoreCase"}


def lets_in(policy: str | None, action: str, rule: str) -> bool:
    """Tell whether a resource's policy (JSON) lets EventBridge do the action for a rule (ARN).

    EventBridge User Guide, "Resource-based policies": the rule's ARN is `aws:SourceArn`; there is no `aws:SourceOwner`,
    which a topic's first policy asks for. Conditions of other kinds
    count as met, so that nothing is called wrong that may be right.
    """
    try:
        statements = json.loads(policy or "{}").get("Statement", [])
    except (ValueError, AttributeError):
        return False
    fits = [each for each in _several(statements) if isinstance(each, Mapping) and _is_about(each, action)]
    if any(each.get("Effect") == "Deny" and not each.get("Condition") for each in fits):
        return False
    return any(each.get("Effect") == "Allow" and _met(each.get("Condition", {}), rule) for each in fits)


def _is_about(statement: Mapping[str, Any], action: str) -> bool:
    principal = statement.get("Principal", {})
    who = _several(principal.get("Service", ())) if isinstance(principal, Mapping) else _several(principal)
    everybody = isinstance(principal, Mapping) and "*" in _several(principal.get("AWS", ()))
    actions = [str(each).lower() for each in _several(statement.get("Action", ()))]
    return (everybody or SENDER in who or "*" in who) and any(fnmatchcase(action.lower(), each) for each in actions)


def _met(conditions: Mapping[str, Any], rule: str) -> bool:
    values = {"aws:sourcearn": rule, "aws:sourceaccount": rule.split(":")[4], "aws:sourceowner": ""}
    for kind, keys in conditions.items():
        if kind.removesuffix("IfExists").rpartition(":")[2] not in _CONDITIONS:
            continue
        for key, wanted in keys.items():
            value = values.get(key.lower())
            if value is not None and not any(fnmatchcase(value, str(each)) for each in _several(wanted)):
                return False
    return True


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def samples(pipeline: str, region: str, account: str) -> Iterator[tuple[str, str]]:
    """Yield the events that a rule must let through: the key of what each is about, and the event (JSON).

    Shapes: CodePipeline User Guide, "Monitoring CodePipeline events".
    """
    arn = f"arn:{partition(region)}:codepipeline:{region}:{account}:{pipeline}"
    about = {"pipeline": pipeline, "execution-id": _RUN, "version": 1}

    def event(what: str, **detail: Any) -> str:
        return json.dumps({
            "version": "0", "id": _RUN, "detail-type": f"CodePipeline {what} Execution State Change",
            "source": "aws.codepipeline", "account": account, "time": "2026-01-01T12:00:00Z", "region": region,
            "resources": [arn], "detail": {**about, **detail},
        })  # fmt: skip

    for state in ("STARTED", "SUCCEEDED", "FAILED"):
        yield f"aws.check.event.{state.lower()}", event("Pipeline", state=state)
    kind = {"owner": "AWS", "provider": "Manual", "category": "Approval", "version": "1"}
    of = {"stage": "Production", "action": "Approve", "region": region, "type": kind}
    yield "aws.check.event.approval", event("Action", state="STARTED", **of)
