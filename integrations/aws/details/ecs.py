"""Reads how far a service of ECS has rolled out: pure.

Shapes: API model of ECS, "Service" and "Deployment"; the action's configuration as in the Action reference of
CodePipeline, "Amazon Elastic Container Service deploy action".
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.core.model import Rollout
from bot.core.wording import say
from integrations.aws.answers import Answer
from integrations.aws.details.cloudformation import configuration
from integrations.aws.details.lines import one_line
from integrations.aws.observing import Detail

_BEFORE = timedelta(seconds=5)


def service_of(row: Answer) -> tuple[str, str] | None:
    """Give the cluster and the service that the action changes."""
    asked = configuration(row)
    service = asked.get("ServiceName")
    return (asked.get("ClusterName") or "default", service) if service else None


def read_service(service: Answer, since: datetime, until: datetime | None) -> Detail:
    """Tell of the deployment that began between `since` and `until`, the action's own time; any other is not its."""
    deployment = next(
        (
            each
            for each in service.get("deployments", ())
            if each["createdAt"] >= since - _BEFORE and (until is None or each["createdAt"] <= until)
        ),
        None,
    )
    if deployment is None:
        return Detail(detail=_last_word(service, since, until))
    state, failing = deployment.get("rolloutState", ""), deployment.get("failedTasks", 0)
    total = deployment.get("desiredCount", 0)
    rollout = Rollout(done=min(deployment.get("runningCount", 0), total), total=total, target=service["serviceName"])
    if state == "FAILED":
        told = one_line(deployment.get("rolloutStateReason")) or _last_word(service, since, until)
    elif failing:
        told = say("aws.ecs.failing", n=failing)
    else:
        told = None if state == "COMPLETED" else _last_word(service, since, until)
    return Detail(detail=told, rollout=rollout if total else None)


def _last_word(service: Answer, since: datetime, until: datetime | None) -> str | None:
    """Give the service's newest event of that time; they come newest first."""
    for event in service.get("events", ()):
        if event["createdAt"] >= since - _BEFORE and (until is None or event["createdAt"] <= until + _BEFORE):
            return one_line(event.get("message")) or None
    return None
