"""ListDeployActionExecutionTargets: what an attempt of a deploy action did to which target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.local import pipelines
from integrations.local.aws.deployment_records import find_deployment
from integrations.local.aws.endpoint import Operation
from integrations.local.aws.paging import Pages
from integrations.local.aws.problems import Problem
from integrations.local.deploy_record import LifecycleEvent, TargetRecord
from integrations.local.engine import Engine
from integrations.local.tables import ATTEMPTS

Given = Mapping[str, Any]
OPERATION = "ListDeployActionExecutionTargets"


class ActionTargetOperations:
    """What is offered of deploy actions' targets."""

    def __init__(self, engine: Engine, pages: Pages) -> None:
        self._engine, self._pages = engine, pages

    def table(self) -> dict[str, Operation]:
        """Give the operation by its name in the model."""
        return {OPERATION: self.list}

    async def list(self, given: Given) -> Given:
        """ListDeployActionExecutionTargets; a provider that knows no targets (S3) has none."""
        attempt = given["actionExecutionId"]
        deployment = await find_deployment(self._engine, ATTEMPTS.c.id == attempt)
        if "pipelineName" in given:
            async with self._engine.database.read() as c:
                file = (await pipelines.named(c, given["pipelineName"])).file
            deployment = deployment if deployment and deployment.file == file else None
        if deployment is None:
            sentence = f"No deploy action on this machine has the execution {attempt}."
            raise Problem("ActionExecutionNotFoundException", sentence)
        wanted = {value for each in given.get("filters", ()) for value in each.get("values", ())}
        known = deployment.record.targets if deployment.record else ()
        found = [target for target in known if not wanted or target.status in wanted]
        begin, most = int(self._pages.after(OPERATION, given) or 0), given.get("maxResults", 100)
        more = str(begin + most) if len(found) > begin + most else None
        targets = [_target(target) for target in found[begin : begin + most]]
        return {"targets": targets, "nextToken": self._pages.token(OPERATION, given, more)}


def _target(target: TargetRecord) -> dict[str, Any]:
    begun = [event.started for event in target.events if event.started]
    ended = [event.ended for event in target.events if event.ended]
    over = target.status in {"Succeeded", "Failed"}
    return {
        "targetId": target.name, "targetType": "Instance", "status": target.status,
        "startTime": min(begin for begin in begun) if begun else None,
        "endTime": max(end for end in ended) if ended and over else None,
        "events": [_event(event) for event in target.events],
    }  # fmt: skip


def _event(event: LifecycleEvent) -> dict[str, Any]:
    return {
        "name": event.name, "status": event.status, "startTime": event.started, "endTime": event.ended,
        "context": {"message": event.message} if event.message else None,
    }  # fmt: skip
