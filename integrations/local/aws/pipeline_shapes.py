"""Writes the engine's records in the shapes of CodePipeline's API model; what is None is left out later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from integrations.local.answers import (
    ActionExecutionRecord,
    ActionState,
    ConditionState,
    ExecutionRecord,
    PipelineRecord,
    SourceRevision,
    StageExecution,
    StageStateRecord,
)
from integrations.local.aws import names
from integrations.local.states import Direction, Hook, Mode

ROLE = f"arn:aws:iam::{names.ACCOUNT}:role/local"
"""Stands in the answer where a pipeline file names no role: the model demands one, and clients send it back."""
LONGEST_SUMMARY, LONGEST_ERROR = 2048, 5000
_TRIGGERS = frozenset({"CreatePipeline", "StartPipelineExecution", "PollForSourceChanges", "Webhook", "CloudWatchEvent",
                       "PutActionRevision", "WebhookV2", "ManualRollback", "AutomatedRollback"})  # fmt: skip
_CONDITIONS = {Hook.BEFORE_ENTRY: "beforeEntry", Hook.ON_SUCCESS: "onSuccess", Hook.ON_FAILURE: "onFailure"}


def declaration(record: PipelineRecord) -> dict[str, Any]:
    """Write a PipelineDeclaration."""
    return {"roleArn": ROLE, **_without_nulls(record.declaration), "version": record.version}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list | tuple) else value


def summary(record: PipelineRecord) -> dict[str, Any]:
    """Write a PipelineSummary."""
    kind = record.declaration.get("pipelineType") or "V1"
    return {"name": record.name, "version": record.version, "pipelineType": kind, "executionMode": str(record.mode),
            "created": record.created, "updated": record.updated}  # fmt: skip


def _execution(record: ExecutionRecord) -> dict[str, Any]:
    """Write what PipelineExecution and PipelineExecutionSummary have in common."""
    kind = record.trigger if record.trigger in _TRIGGERS else "Webhook"
    target = record.rollback_to and {"rollbackTargetPipelineExecutionId": record.rollback_to}
    return {
        "pipelineExecutionId": record.id,
        "status": str(record.status),
        "statusSummary": record.summary or None,
        "trigger": {"triggerType": kind, "triggerDetail": record.trigger_detail[:1024]},
        "executionMode": str(record.mode),
        "executionType": "ROLLBACK" if record.rollback_to else "STANDARD",
        "rollbackMetadata": target or None,
    }


def execution(record: ExecutionRecord) -> dict[str, Any]:
    """Write a PipelineExecution."""
    return _execution(record) | {
        "pipelineName": record.pipeline,
        "pipelineVersion": record.version,
        "artifactRevisions": [
            {"name": source.artifact, "revisionId": source.id, "revisionSummary": clipped(source.summary),
             "created": source.at, "revisionUrl": source.url}
            for source in record.sources
        ],
        "variables": [{"name": name, "resolvedValue": value} for name, value in record.variables.items()],
    }  # fmt: skip


def execution_summary(record: ExecutionRecord) -> dict[str, Any]:
    """Write a PipelineExecutionSummary."""
    return _execution(record) | {
        "startTime": record.started,
        "lastUpdateTime": record.updated,
        "sourceRevisions": [
            {"actionName": source.action, "revisionId": source.id, "revisionSummary": clipped(source.summary),
             "revisionUrl": source.url}
            for source in record.sources
        ],
        "stopTrigger": {"reason": record.stop_reason[:200]} if record.stop_reason else None,
    }  # fmt: skip


def action_execution(record: ActionExecutionRecord) -> dict[str, Any]:
    """Write an ActionExecutionDetail."""
    asked, told = _attempt(record)
    asked["actionTypeId"] = record.declaration["actionTypeId"]
    asked["namespace"] = record.declaration.get("namespace")
    told["executionResult"]["logStreamARN"] = _log_stream(record)
    told |= {"outputArtifacts": _artifacts(record.outputs), "outputVariables": dict(record.variables)}
    return _common(record) | {
        "actionExecutionId": record.id, "actionName": record.name, "input": asked, "output": told,
    }  # fmt: skip


def rule_execution(record: ActionExecutionRecord) -> dict[str, Any]:
    """Write a RuleExecutionDetail."""
    asked, told = _attempt(record)
    asked["ruleTypeId"] = record.declaration["ruleTypeId"]
    return _common(record) | {
        "ruleExecutionId": record.id, "ruleName": record.name, "input": asked, "output": told,
    }  # fmt: skip


def _common(record: ActionExecutionRecord) -> dict[str, Any]:
    return {"pipelineExecutionId": record.execution_id, "pipelineVersion": record.version, "stageName": record.stage,
            "startTime": record.started, "lastUpdateTime": record.updated, "updatedBy": record.by or None,
            "status": str(record.status)}  # fmt: skip


def _attempt(record: ActionExecutionRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    declared = record.declaration
    asked = {
        "configuration": dict(declared.get("configuration") or {}), "resolvedConfiguration": dict(record.resolved),
        "region": declared.get("region"), "roleArn": declared.get("roleArn"),
        "inputArtifacts": _artifacts(record.inputs),
    }  # fmt: skip
    result = {
        "externalExecutionId": record.external_id or None, "externalExecutionUrl": record.external_url,
        "externalExecutionSummary": clipped(record.summary), "errorDetails": _error(record),
    }  # fmt: skip
    return asked, {"executionResult": result}


def _log_stream(record: ActionExecutionRecord) -> str | None:
    """Say where GetLogEvents finds what a Commands action printed (API reference, "ActionExecutionResult")."""
    kind = record.declaration.get("actionTypeId", {})
    if kind.get("category") != "Compute":
        return None
    return names.log_stream_arn(names.pipeline_log_group(record.pipeline), record.id, record.declaration.get("region"))


def _artifacts(found: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "s3location": {"bucket": "local", "key": key[:100]}} for name, key in found.items()]


def _error(record: ActionExecutionRecord) -> dict[str, Any] | None:
    if not record.error:
        return None
    return {"code": record.error, "message": clipped(record.summary, LONGEST_ERROR)}


def stage_state(record: StageStateRecord, mode: Mode) -> dict[str, Any]:
    """Write a StageState."""
    inbound = [_stage_execution(each) for each in record.inbound]
    transition = record.transitions.get(Direction.INBOUND)
    retries = {
        "autoStageRetryAttempt": record.automatic_retries or None,
        "manualStageRetryAttempt": record.manual_retries or None,
        "latestRetryTrigger": record.latest_retry or None,
    }
    return {
        "stageName": record.name,
        "inboundExecution": inbound[-1] if inbound else None,
        "inboundExecutions": inbound,
        "inboundTransitionState": transition and {
            "enabled": transition.enabled, "lastChangedBy": transition.by or None, "lastChangedAt": transition.at,
            "disabledReason": transition.reason or None,
        },
        "actionStates": [action_state(each, mode) for each in record.actions],
        "latestExecution": _stage_execution(record.latest) if record.latest else None,
        "retryStageMetadata": retries if record.latest_retry else None,
        **{f"{_CONDITIONS[hook]}ConditionState": _condition(each) for hook, each in record.conditions.items()},
    }  # fmt: skip


def _stage_execution(record: StageExecution) -> dict[str, Any]:
    kind = "ROLLBACK" if record.rollback else "STANDARD"
    return {"pipelineExecutionId": record.execution_id, "status": str(record.status), "type": kind}


def action_state(record: ActionState, mode: Mode) -> dict[str, Any]:
    """Write an ActionState.

    In PARALLEL mode an approval's token is only in ListActionExecutions (API reference, "PutApprovalResult", `token`).
    """
    latest = record.latest
    if latest and latest.token and mode is Mode.PARALLEL:
        latest = replace(latest, token=None, external_id="")
    return {
        "actionName": record.name,
        "currentRevision": _revision(record.revision),
        "latestExecution": latest
        and {"actionExecutionId": latest.id, "logStreamARN": _log_stream(latest), **_latest(latest)},
        "revisionUrl": record.revision.url if record.revision else None,
        "entityUrl": record.url,
    }


def _latest(record: ActionExecutionRecord) -> dict[str, Any]:
    return {
        "status": str(record.status), "summary": clipped(record.summary), "lastStatusChange": record.updated,
        "token": record.token, "lastUpdatedBy": record.by or None, "externalExecutionId": record.external_id or None,
        "externalExecutionUrl": record.external_url, "errorDetails": _error(record),
    }  # fmt: skip


def _revision(source: SourceRevision | None) -> dict[str, Any] | None:
    if source is None or source.at is None:
        return None
    return {"revisionId": source.id, "revisionChangeId": source.id[:100], "created": source.at}


def _condition(record: ConditionState) -> dict[str, Any]:
    told: dict[str, Any] = {"status": str(record.status), "summary": clipped(record.summary)}
    status = told if record.status else None
    rules = [
        {"ruleName": rule.name, "entityUrl": rule.url,
         "latestExecution": rule.latest and {"ruleExecutionId": rule.latest.id, **_latest(rule.latest)}}
        for rule in record.rules
    ]  # fmt: skip
    state = {"latestExecution": status and {**status, "lastStatusChange": record.changed}, "ruleStates": rules}
    return {"latestExecution": status, "conditionStates": [state]}


def clipped(text: str, most: int = LONGEST_SUMMARY) -> str | None:
    """Cut a text to what the model allows; None if there is none."""
    return text[:most] or None
