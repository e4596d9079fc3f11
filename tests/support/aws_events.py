"""An event of every kind and state that AWS's documentation names, as EventBridge sends it.

Shapes and states: User Guides "Monitoring CodePipeline events", "Build notifications input format reference"
(CodeBuild), and "Monitoring deployments with Amazon CloudWatch Events" (CodeDeploy); names and ids are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

RUN, BUILD, DEPLOYMENT = (
    "01234567-0123-0123-0123-012345678901",
    "shop:8745a7a9-c340-456a-9166-edf953571bEX",
    "d-123456789",
)
ACCOUNT, REGION = "123456789012", "eu-west-1"
PIPELINE_STATES = ("STARTED", "SUCCEEDED", "FAILED", "RESUMED", "STOPPING", "STOPPED", "SUPERSEDED", "CANCELED")
STAGE_STATES = ("STARTED", "SUCCEEDED", "FAILED", "RESUMED", "STOPPING", "STOPPED", "CANCELED")
ACTION_STATES = ("STARTED", "SUCCEEDED", "FAILED", "ABANDONED", "CANCELED")
BUILD_STATES = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "STOPPED")
PHASES = ("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD",
          "UPLOAD_ARTIFACTS", "FINALIZING")  # fmt: skip
DEPLOYMENT_STATES = ("START", "SUCCESS", "FAILURE", "STOP", "READY")
INSTANCE_STATES = ("START", "SUCCESS", "FAILURE")


def _event(kind: str, resource: str, detail: dict[str, Any]) -> dict[str, Any]:
    service = kind.split(maxsplit=1)[0].lower()
    state = "-".join(
        str(detail.get(key, "")) for key in ("stage", "action", "state", "build-status", "completed-phase")
    )
    return {
        "version": "0", "id": f"{kind}-{state}".replace(" ", "-"), "detail-type": kind, "source": f"aws.{service}",
        "account": ACCOUNT, "time": "2026-03-01T12:00:00Z", "region": REGION,
        "resources": [f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"], "detail": detail,
    }  # fmt: skip


def pipelines() -> Iterator[dict[str, Any]]:
    """Give CodePipeline's events of the execution, a stage and an action."""
    common: dict[str, Any] = {
        "pipeline": "shop",
        "execution-id": RUN,
        "version": "2.0",
        "pipeline-execution-attempt": 1.0,
    }
    trigger = {"trigger-type": "StartPipelineExecution", "trigger-detail": f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"}
    more: dict[str, dict[str, Any]] = {
        "STARTED": {"execution-trigger": trigger},
        "STOPPING": {"stop-execution-comments": "the wrong one"},
    }
    for state in PIPELINE_STATES:
        yield _event(
            "CodePipeline Pipeline Execution State Change", "shop", common | {"state": state} | more.get(state, {})
        )
    for state in STAGE_STATES:
        detail = common | {"stage": "Build", "state": state}
        yield _event("CodePipeline Stage Execution State Change", "shop", detail)
    for state in ACTION_STATES:
        result = {"external-execution-url": "https://console.aws.amazon.com/", "external-execution-summary": "Build 1",
                  "external-execution-id": BUILD, "error-code": "JobFailed"}  # fmt: skip
        detail = common | {
            "stage": "Build", "action": "Unit", "action-execution-id": "8ee4cf9a-2c4b-4e5b-9b5e-000000000000",
            "state": state, "region": REGION, "input-artifacts": [], "output-artifacts": [],
            "type": {"owner": "AWS", "provider": "CodeBuild", "category": "Build", "version": "1"},
        }  # fmt: skip
        if state != "STARTED":
            detail["execution-result"] = result
        yield _event("CodePipeline Action Execution State Change", "shop", detail)


def builds() -> Iterator[dict[str, Any]]:
    """Give CodeBuild's events of a build's state and its phases."""
    arn = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:build/{BUILD}"
    about = {
        "build-complete": True, "initiator": "codepipeline/shop", "build-start-time": "Sep 1, 2017 4:12:29 PM",
        "artifact": {"location": "arn:aws:s3:::artifacts/shop"}, "source": {"type": "CODEPIPELINE"},
        "logs": {"group-name": "/aws/codebuild/shop", "stream-name": "8745a7a9", "deep-link": "https://console.aws.amazon.com/"},
        "phases": [{"phase-context": [], "phase-type": "BUILD", "phase-status": "SUCCEEDED", "duration-in-seconds": 3,
                    "start-time": "Sep 1, 2017 4:12:29 PM", "end-time": "Sep 1, 2017 4:12:32 PM"}],
    }  # fmt: skip
    common = {"project-name": "shop", "build-id": arn, "version": "1", "additional-information": about}
    for state in BUILD_STATES:
        now = {"build-status": state, "current-phase": "SUBMITTED", "current-phase-context": "[]"}
        yield _event("CodeBuild Build State Change", f"build/{BUILD}", common | now)
    for phase in PHASES:
        done = {
            "completed-phase": phase, "completed-phase-status": "SUCCEEDED", "completed-phase-duration-seconds": 4,
            "completed-phase-start": "Sep 1, 2017 4:12:29 PM", "completed-phase-end": "Sep 1, 2017 4:12:33 PM",
            "completed-phase-context": "[]",
        }  # fmt: skip
        yield _event("CodeBuild Build Phase Change", f"build/{BUILD}", common | done)


def deployments() -> Iterator[dict[str, Any]]:
    """Give CodeDeploy's events of a deployment and of its instances."""
    common = {"region": REGION, "application": "shop", "deploymentGroup": "production", "deploymentId": DEPLOYMENT,
              "instanceGroupId": "9fd2fbef-2157-40d8-91e7-6845af69e2d2"}  # fmt: skip
    group = "deploymentgroup:shop/production"
    for state in DEPLOYMENT_STATES:
        yield _event("CodeDeploy Deployment State-change Notification", group, common | {"state": state})
    for state in INSTANCE_STATES:
        detail = common | {"state": state, "instanceId": "i-0000000aaaaaaaaaa"}
        yield _event("CodeDeploy Instance State-change Notification", group, detail)


def every_event() -> list[dict[str, Any]]:
    """Give all of them, each with an id of its own."""
    return [*pipelines(), *builds(), *deployments()]
