"""What functions, instances, commands, batches and waiting deployments say; every answer fits the service's model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.aws.answers import expiry, gate_of
from integrations.aws.details import codebuild, codedeploy, functions, instances
from tests.unit.aws_details.test_aws_reading import answer

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUEST = "11111111-2222-4333-8444-555555555555"


def row(**more: Any) -> dict[str, Any]:
    made = {"actionExecutionId": "x", "status": "Failed", "startTime": AT, "lastUpdateTime": AT + timedelta(seconds=9)}
    found: dict[str, Any] = answer("codepipeline", "ListActionExecutions", actionExecutionDetails=[made | more])[
        "actionExecutionDetails"
    ][0]
    return found


def logged(*lines: tuple[str, str]) -> list[dict[str, Any]]:
    events = [{"logStreamName": stream, "message": f"{text}\n", "timestamp": 1} for stream, text in lines]
    found: list[dict[str, Any]] = answer("logs", "FilterLogEvents", events=events)["events"]
    return found


def test_a_function_that_failed_shows_its_own_invocation_and_no_other() -> None:
    asked = {"resolvedConfiguration": {"FunctionName": "arn:aws:lambda:eu-west-1:1:function:migrate"}}
    failed = row(input=asked, output={"executionResult": {"externalExecutionId": REQUEST}})
    group = functions.log_group(failed)
    assert group == "/aws/lambda/migrate"
    lines = (("a", "somebody else's"), ("b", f"START RequestId: {REQUEST}"), ("b", "no such table"), ("a", "more"))
    found = functions.read_log(logged(*lines), failed, "eu-west-1", group)
    assert found.log is not None
    assert found.log.lines == (f"START RequestId: {REQUEST}", "no such table")
    assert found.log.key == "logs:eu-west-1:/aws/lambda/migrate:b"
    silent = functions.read_log(logged(("a", "x"), ("b", "y")), row(input=asked), "eu-west-1", group)
    assert silent.log is not None and silent.log.lines == ("x", "y")  # it did not tell its request
    assert functions.read_log([], failed, "eu-west-1", group).log is None


def test_commands_say_where_their_log_is() -> None:
    arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/codepipeline/shop:log-stream:abc"
    told = functions.log_stream(row(output={"executionResult": {"logStreamARN": arn}}))
    assert told is not None
    assert told.key == "logs:eu-west-1:/aws/codepipeline/shop:abc"
    assert functions.log_stream(row()) is None


def targets(*several: tuple[str, str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    made = [{"targetId": name, "targetType": "INSTANCE", "status": status, "events": events}
            for name, status, events in several]  # fmt: skip
    found: list[dict[str, Any]] = answer("codepipeline", "ListDeployActionExecutionTargets", targets=made)["targets"]
    return found


def test_a_deployment_of_the_pipelines_own_to_instances_counts_them_and_names_the_event() -> None:
    going = {"name": "AfterInstall", "status": "InProgress"}
    told = instances.read_targets(targets(("i-1", "Succeeded", []), ("i-2", "InProgress", [going])))
    assert told.rollout is not None
    assert (told.rollout.done, told.rollout.total, told.rollout.step, told.rollout.target) == (
        1,
        2,
        "AfterInstall",
        "i-2",
    )
    why = {"name": "BeforeInstall", "status": "Failed", "context": {"message": "exit code 3", "ssmCommandId": "c"}}
    assert instances.read_targets(targets(("i-3", "Failed", [why]))).detail == "BeforeInstall on i-3: exit code 3"
    assert instances.read_targets([]).rollout is None


def test_a_batch_counts_its_builds_and_names_those_that_failed() -> None:
    def batch(*statuses: str, complete: bool) -> dict[str, Any]:
        groups = [{"identifier": f"b{n}", "currentBuildSummary": {"buildStatus": status}}
                  for n, status in enumerate(statuses)]  # fmt: skip
        made = {"id": "shop:1", "buildGroups": groups, "complete": complete, "currentPhase": "IN_PROGRESS"}
        found: dict[str, Any] = answer("codebuild", "BatchGetBuildBatches", buildBatches=[made])["buildBatches"][0]
        return found

    assert codebuild.read_batch(batch("SUCCEEDED", "IN_PROGRESS", complete=False)).detail == "1 of 2 builds done"
    failed = codebuild.read_batch(batch("SUCCEEDED", "FAILED", "FAULT", complete=True))
    assert failed.detail == "These builds of the batch failed: b1, b2"


@pytest.mark.parametrize(("weight", "percent"), [(0.1, 10.0), (10.0, 10.0), (100.0, 100.0)])
def test_a_functions_traffic_is_told_in_percent(weight: float, percent: float) -> None:
    inside = {"targetId": "shop:live", "lifecycleEvents": [{"lifecycleEventName": "AllowTraffic",
              "status": "InProgress"}], "lambdaFunctionInfo": {"targetVersionWeight": weight}}  # fmt: skip
    made = answer("codedeploy", "BatchGetDeploymentTargets", deploymentTargets=[
        {"deploymentTargetType": "LambdaTarget", "lambdaTarget": inside},
    ])["deploymentTargets"]  # fmt: skip
    info = {"status": "InProgress", "computePlatform": "Lambda", "deploymentOverview": {"InProgress": 1}}
    told = codedeploy.read_deployment(info, made, "r").rollout
    assert told is not None
    assert (told.percent, told.step) == (percent, "AllowTraffic")


def test_an_approval_has_its_link_and_says_until_when_it_waits() -> None:
    asked = {"resolvedConfiguration": {"CustomData": "Ship it?", "ExternalEntityLink": "https://shop.example"}}
    waiting = row(input=asked, status="InProgress")
    assert expiry(waiting, {}) == AT + timedelta(days=7)
    gate = gate_of(waiting, {"timeoutInMinutes": 60})
    assert (gate.message, gate.link, gate.expires) == ("Ship it?", "https://shop.example", AT + timedelta(hours=1))
    assert gate.decision is None
