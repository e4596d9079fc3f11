"""Reads how far CodePipeline's own deployment to EC2 is, target by target: pure.

Shapes: API model of CodePipeline, "DeployActionExecutionTarget"; Action reference, "Amazon EC2 deploy action".
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.model import Rollout
from integrations.aws.answers import Answer
from integrations.aws.details.lines import one_line
from integrations.aws.observing import Detail


def read_targets(targets: Sequence[Answer]) -> Detail:
    """Count the targets; name the event under way, or the first that failed."""
    if not targets:
        return Detail()
    going = _first(targets, "InProgress")
    failed = _first(targets, "Failed")
    rollout = Rollout(
        done=sum(each.get("status") == "Succeeded" for each in targets), total=len(targets),
        step=going[1].get("name", "") if going else "", target=going[0] if going else "",
    )  # fmt: skip
    if failed is None:
        return Detail(rollout=rollout)
    target, event = failed
    why = one_line(event.get("context", {}).get("message"))
    return Detail(detail=f"{event.get('name', '')} on {target}" + (f": {why}" if why else ""), rollout=rollout)


def _first(targets: Sequence[Answer], status: str) -> tuple[str, Answer] | None:
    for target in targets:
        for event in target.get("events", ()):
            if event.get("status") == status:
                return str(target.get("targetId", "")), event
    return None
