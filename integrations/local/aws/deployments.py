"""CodeDeploy's operations that read: deployments, their targets and lifecycle events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from integrations.local.aws import names
from integrations.local.aws.deployment_records import Deployment, find_deployment
from integrations.local.aws.endpoint import Operation
from integrations.local.aws.paging import Pages
from integrations.local.aws.problems import Problem
from integrations.local.deploy_record import DeploymentRecord, LifecycleEvent, TargetRecord
from integrations.local.engine import Engine
from integrations.local.states import State
from integrations.local.tables import ATTEMPTS

Given = Mapping[str, Any]
AT_ONCE = 100
STATUS: Mapping[State | None, str] = {
    None: "InProgress", State.SUCCEEDED: "Succeeded", State.FAILED: "Failed", State.ABANDONED: "Stopped",
    State.UNKNOWN: "Failed",
}  # fmt: skip


class DeploymentOperations:
    """What is offered of CodeDeploy."""

    def __init__(self, engine: Engine, pages: Pages) -> None:
        self._engine, self._pages = engine, pages

    def table(self) -> dict[str, Operation]:
        """Give the operations by their names in the model."""
        return {
            "GetDeployment": self.get, "ListDeploymentTargets": self.list, "BatchGetDeploymentTargets": self.targets,
        }  # fmt: skip

    async def get(self, given: Given) -> Given:
        """GetDeployment."""
        deployment = await self._find(given)
        targets = deployment.record.targets if deployment.record else ()
        counts = Counter(target.status for target in targets)
        overview = {status: counts[status] for status in ("Pending", "InProgress", "Succeeded", "Failed", "Skipped")}
        overview["Failed"] += counts["Unknown"]
        revision = {"bucket": "local", "key": deployment.bundle, "bundleType": "zip"}
        return {
            "deploymentInfo": {
                "applicationName": deployment.application or None, "deploymentGroupName": deployment.group or None,
                "deploymentConfigName": "CodeDeployDefault.OneAtATime", "deploymentId": deployment.id,
                "revision": {"revisionType": "S3", "s3Location": revision} if deployment.bundle else None,
                "status": STATUS[deployment.state], "errorInformation": _error(deployment),
                "createTime": deployment.begun, "startTime": deployment.begun, "completeTime": deployment.ended,
                "deploymentOverview": overview, "creator": "user", "ignoreApplicationStopFailures": False,
                "deploymentStyle": {
                    "deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL",
                },
                "computePlatform": "Server",
            }
        }  # fmt: skip

    async def list(self, given: Given) -> Given:
        """ListDeploymentTargets, of some statuses or of all; a hundred at a time."""
        deployment = await self._find(given)
        wanted = (given.get("targetFilters") or {}).get("TargetStatus")
        found = [target.name for target in _begun(deployment).targets if wanted is None or target.status in wanted]
        begin = int(self._pages.after("ListDeploymentTargets", given) or 0)
        more = str(begin + AT_ONCE) if len(found) > begin + AT_ONCE else None
        token = self._pages.token("ListDeploymentTargets", given, more)
        return {"targetIds": found[begin : begin + AT_ONCE], "nextToken": token}

    async def targets(self, given: Given) -> Given:
        """BatchGetDeploymentTargets."""
        deployment = await self._find(given)
        known = {target.name: target for target in _begun(deployment).targets}
        asked = given["targetIds"]
        if missing := [name for name in asked if name not in known]:
            sentence = f"The deployment {deployment.id} has no target {missing[0]}."
            raise Problem("DeploymentTargetDoesNotExistException", sentence)
        return {"deploymentTargets": [_target(deployment, known[name]) for name in asked]}

    async def _find(self, given: Given) -> Deployment:
        deployment = await find_deployment(self._engine, ATTEMPTS.c.external_id == given["deploymentId"])
        if deployment is None:
            sentence = f"The deployment {given['deploymentId']} is not known on this machine."
            raise Problem("DeploymentDoesNotExistException", sentence)
        return deployment


def _begun(deployment: Deployment) -> DeploymentRecord:
    """Give what is known of the targets: nothing if it failed before it had any."""
    if deployment.record is None and deployment.state is None:
        raise Problem("DeploymentNotStartedException", f"The deployment {deployment.id} has not started yet.")
    return deployment.record or DeploymentRecord()


def _error(deployment: Deployment) -> dict[str, str] | None:
    match deployment.state:
        case State.FAILED if deployment.record is not None:
            code = "HEALTH_CONSTRAINTS"
        case State.FAILED:
            code = "INVALID_REVISION"
        case State.UNKNOWN:
            code = "AGENT_ISSUE"
        case State.ABANDONED:
            code = "MANUAL_STOP"
        case _:
            return None
    return {"code": code, "message": deployment.detail}


def _target(deployment: Deployment, target: TargetRecord) -> dict[str, Any]:
    moments = [moment for event in target.events for moment in (event.started, event.ended) if moment]
    about = {
        "deploymentId": deployment.id, "targetId": target.name, "targetArn": names.instance_arn(target.name),
        "status": target.status, "lastUpdatedAt": max(moments, default=deployment.begun),
        "lifecycleEvents": [_event(event) for event in target.events],
    }  # fmt: skip
    return {"deploymentTargetType": "InstanceTarget", "instanceTarget": about}


def _event(event: LifecycleEvent) -> dict[str, Any]:
    diagnostics = None
    if event.status == "Succeeded":
        diagnostics = {"errorCode": "Success", "scriptName": "", "message": "Succeeded", "logTail": ""}
    elif event.status == "Failed":
        diagnostics = {"errorCode": event.code, "scriptName": event.script, "message": event.message,
                       "logTail": event.log}  # fmt: skip
    return {"lifecycleEventName": event.name, "status": event.status, "startTime": event.started,
            "endTime": event.ended, "diagnostics": diagnostics}  # fmt: skip
