"""What AWS's answers say of an action; every answer here fits the service's own model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.session import get_session

from integrations.aws.details import cloudformation, codebuild, codedeploy, ecs, reports
from integrations.local.aws.wire import mistakes

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def answer(service: str, operation: str, **said: Any) -> dict[str, Any]:
    shape = get_session().get_service_model(service).operation_model(operation).output_shape
    assert mistakes(shape, said) == []
    return said


def build(status: str, *phases: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {
        "id": "shop:1", "buildStatus": status, "currentPhase": "COMPLETED", "phases": list(phases),
        "logs": {"groupName": "/aws/codebuild/shop", "streamName": "abc", "deepLink": "https://console.aws/logs"},
    }  # fmt: skip
    found: dict[str, Any] = answer("codebuild", "BatchGetBuilds", builds=[made | more])["builds"][0]
    return found


def test_a_failed_build_names_the_phase_and_what_went_wrong_there() -> None:
    context = {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "Error while executing command: pytest.\nexit 1"}
    failed = {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [context]}
    detail = codebuild.read_build(build("FAILED", {"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED"}, failed), "r")
    assert detail.detail == "BUILD: Error while executing command: pytest. exit 1"
    assert detail.log is not None
    assert detail.log.key == "logs:r:/aws/codebuild/shop:abc"
    assert detail.url == "https://console.aws/logs"


def test_a_running_build_tells_its_phase() -> None:
    running = build("IN_PROGRESS", currentPhase="PRE_BUILD")
    assert codebuild.read_build(running, "r").detail == "PRE_BUILD"


def test_a_build_without_a_context_still_says_why() -> None:
    late = {"phaseType": "BUILD", "phaseStatus": "TIMED_OUT"}
    assert codebuild.read_build(build("TIMED_OUT", late), "r").detail == "BUILD: it took longer than it may."


def test_reports_are_added_up_with_their_failing_tests_and_coverage() -> None:
    counts = {"SUCCEEDED": 3, "FAILED": 1, "ERROR": 1, "SKIPPED": 1}
    summary = {"total": 6, "statusCounts": counts, "durationInNanoSeconds": 2_500_000_000}
    covered = {"linesCovered": 8, "linesMissed": 2, "branchesCovered": 1, "branchesMissed": 1}
    found = answer("codebuild", "BatchGetReports", reports=[
        {"arn": "a", "type": "TEST", "name": "unit", "status": "FAILED", "testSummary": summary, "truncated": True},
        {"arn": "b", "type": "CODE_COVERAGE", "status": "SUCCEEDED", "codeCoverageSummary": covered},
    ])["reports"]  # fmt: skip
    assert reports.wanted_cases(found) == [("a", None)]
    cases = answer("codebuild", "DescribeTestCases", testCases=[
        {"name": "test_b", "prefix": "shop", "status": "ERROR", "message": "boom"},
        {"name": "test_a", "prefix": "shop", "status": "FAILED", "message": "1 != 2", "durationInNanoSeconds": 10**9},
    ])["testCases"]  # fmt: skip
    read = reports.read_tests(found, {"a": cases}, ["gone"])
    assert read is not None
    assert (read.passed, read.failed, read.errors, read.skipped, read.seconds) == (3, 1, 1, 1, 2.5)
    assert [(each.name, each.message) for each in read.failures] == [("shop.test_a", "1 != 2"), ("shop.test_b", "boom")]
    assert read.coverage is not None
    assert (read.coverage.covered, read.coverage.total, read.coverage.branches_total) == (8, 10, 2)
    assert len(read.notes) == 2


def test_of_a_big_report_only_the_bad_cases_are_asked_for() -> None:
    big = {"arn": "a", "testSummary": {"statusCounts": {"SUCCEEDED": 500, "FAILED": 2, "ERROR": 0}}}
    assert reports.wanted_cases([big]) == [("a", "FAILED")]


def test_a_failed_deployment_names_script_target_and_the_end_of_its_log() -> None:
    diagnostics = {"errorCode": "ScriptFailed", "scriptName": "check.sh", "message": "exit code 1", "logTail": "x\ny\n"}
    event = {"lifecycleEventName": "ValidateService", "status": "Failed", "diagnostics": diagnostics}
    targets = answer("codedeploy", "BatchGetDeploymentTargets", deploymentTargets=[
        {"deploymentTargetType": "InstanceTarget",
         "instanceTarget": {"targetId": "i-1", "status": "Failed", "lifecycleEvents": [event]}},
    ])["deploymentTargets"]  # fmt: skip
    info = answer("codedeploy", "GetDeployment", deploymentInfo={
        "deploymentId": "d-1", "status": "Failed", "computePlatform": "Server",
        "deploymentOverview": {"Succeeded": 2, "Failed": 1, "Pending": 1},
        "rollbackInfo": {"rollbackDeploymentId": "d-2"},
    })["deploymentInfo"]  # fmt: skip
    detail = codedeploy.read_deployment(info, targets, "r")
    told = "ValidateService check.sh on i-1: exit code 1 CodeDeploy rolls it back: d-2."
    assert detail.detail == told
    assert detail.rollout is not None
    assert (detail.rollout.done, detail.rollout.total) == (2, 4)
    assert detail.log is not None
    assert detail.log.lines == ("x", "y")


def test_shifted_traffic_is_told_in_percent() -> None:
    event = {"lifecycleEventName": "AllowTraffic", "status": "InProgress"}
    tasks = [{"taskSetLabel": "Blue", "trafficWeight": 90.0}, {"taskSetLabel": "Green", "trafficWeight": 10.0}]
    target = {"targetId": "web", "lifecycleEvents": [event], "taskSetsInfo": tasks}
    info = {"status": "InProgress", "computePlatform": "ECS", "deploymentOverview": {"InProgress": 1}}
    detail = codedeploy.read_deployment(info, [{"deploymentTargetType": "ECSTarget", "ecsTarget": target}], "r")
    assert detail.rollout is not None
    assert (detail.rollout.percent, detail.rollout.step) == (10.0, "AllowTraffic")


def test_a_change_set_says_what_it_would_replace() -> None:
    changes = [
        {"Type": "Resource", "ResourceChange": {"Action": "Modify", "LogicalResourceId": "Db", "Replacement": "True"}},
        {"Type": "Resource", "ResourceChange": {"Action": "Add", "LogicalResourceId": "Queue"}},
    ]
    found = answer("cloudformation", "DescribeChangeSet", Status="CREATE_COMPLETE", Changes=changes)
    told = cloudformation.read_change_set(found).detail
    assert told == "one new resource and one changed resource; replaced: Db"


def test_a_stack_tells_the_first_failure_and_not_its_echoes_or_an_earlier_deployments() -> None:
    def event(name: str, seconds: int, status: str, why: str = "") -> dict[str, Any]:
        return {"StackId": "s", "EventId": name, "StackName": "shop", "LogicalResourceId": name, "ResourceType": "T",
                "Timestamp": AT + timedelta(seconds=seconds), "ResourceStatus": status,
                "ResourceStatusReason": why}  # fmt: skip

    events = answer("cloudformation", "DescribeStackEvents", StackEvents=[
        event("Other", 30, "CREATE_FAILED", "Resource creation cancelled"),
        event("Db", 20, "CREATE_FAILED", "no room"),
        event("Old", -500, "CREATE_FAILED", "long ago"),
    ])["StackEvents"]  # fmt: skip
    assert cloudformation.read_events(events, AT, AT + timedelta(minutes=1)).detail == "Db (T): no room"


def test_a_service_counts_its_tasks_of_this_deployment_only() -> None:
    deployment = {"createdAt": AT, "desiredCount": 4, "runningCount": 3, "rolloutState": "IN_PROGRESS"}
    service = answer("ecs", "DescribeServices", services=[{"serviceName": "web", "deployments": [deployment]}])
    found = service["services"][0]
    told = ecs.read_service(found, AT, None)
    assert told.rollout is not None
    assert (told.rollout.done, told.rollout.total) == (3, 4)
    assert ecs.read_service(found, AT + timedelta(hours=1), None).rollout is None
