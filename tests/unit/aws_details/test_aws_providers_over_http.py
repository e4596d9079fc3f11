"""What neither the local endpoint nor moto has, fetched over HTTP of a server that answers as AWS's models say."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from integrations.aws.clients import ANY_SERVICE, Clients
from integrations.aws.details.looking import Details
from integrations.aws.observing import Detail
from integrations.aws.pace import Pace
from integrations.aws.target import AwsTarget
from tests.support.aws_world import aws_session
from tests.support.canned_aws import canned_aws
from tests.unit.aws_details.test_aws_fetching import row
from tests.unit.aws_details.test_aws_reading import answer

TARGET = AwsTarget(pipeline="shop", region="us-east-1")
ARN = "arn:aws:codebuild:us-east-1:123456789012"
BATCH = {
    "id": "shop:b", "complete": True, "buildBatchStatus": "FAILED", "reportArns": [f"{ARN}:report/shop-unit:1"],
    "buildGroups": [
        {"identifier": "linux", "currentBuildSummary": {"arn": f"{ARN}:build/shop:1", "buildStatus": "SUCCEEDED"}},
        {"identifier": "mac", "currentBuildSummary": {"arn": f"{ARN}:build/shop:2", "buildStatus": "FAILED"}},
    ],
}  # fmt: skip
BUILD = {"id": "shop:2", "buildStatus": "FAILED", "logs": {"groupName": "/aws/codebuild/shop", "streamName": "two"}}
SUMMARY = {"total": 3, "statusCounts": {"SUCCEEDED": 2, "FAILED": 1}, "durationInNanoSeconds": 10**9}
ANSWERS = {
    "BatchGetBuildBatches": answer("codebuild", "BatchGetBuildBatches", buildBatches=[BATCH]),
    "BatchGetBuilds": answer("codebuild", "BatchGetBuilds", builds=[BUILD]),
    "BatchGetReports": answer("codebuild", "BatchGetReports", reports=[
        {"arn": f"{ARN}:report/shop-unit:1", "type": "TEST", "status": "FAILED", "testSummary": SUMMARY}]),
    "DescribeTestCases": answer("codebuild", "DescribeTestCases", testCases=[
        {"name": "test_mac", "status": "FAILED", "message": "no clang"}]),
    "GetLogEvents": answer("logs", "GetLogEvents", events=[{"message": "clang: not found\n", "timestamp": 1}]),
    "ListDeployActionExecutionTargets": answer("codepipeline", "ListDeployActionExecutionTargets", targets=[
        {"targetId": "i-1", "status": "Succeeded"},
        {"targetId": "i-2", "status": "Failed", "events": [
            {"name": "BeforeInstall", "status": "Failed", "context": {"message": "exit code 3"}}]}]),
}  # fmt: skip


async def told(provider: str, configuration: Mapping[str, str], asked: list[str], **result: str) -> Detail:
    def now() -> datetime:
        return datetime.now(UTC)

    failed = row(provider, "Failed", **result)
    failed["input"]["resolvedConfiguration"] = configuration
    with canned_aws(ANSWERS, asked) as url:
        clients = Clients(session=aws_session, pace=Pace(time.monotonic), clock=now, endpoints={ANY_SERVICE: url})
        [found] = (await Details(clients, now).of(TARGET, [failed])).values()
        await clients.close()
    return found


async def test_a_batch_that_failed_shows_its_tests_and_the_log_of_the_build_that_failed() -> None:
    asked: list[str] = []
    found = await told("CodeBuild", {"BatchEnabled": "true"}, asked, externalExecutionId="shop:b")
    assert found.detail == "This build of the batch failed: mac"
    assert found.tests is not None and found.log is not None
    assert (found.tests.passed, found.tests.failed, found.tests.failures[0].message) == (2, 1, "no clang")
    assert (found.log.lines, found.log.key) == (("clang: not found",), "logs:us-east-1:/aws/codebuild/shop:two")
    assert asked[0] == "BatchGetBuildBatches"


async def test_a_deployment_of_the_pipelines_own_names_the_instance_that_failed() -> None:
    asked: list[str] = []
    found = await told("EC2", {}, asked)
    assert found.detail == "BeforeInstall on i-2: exit code 3"
    assert found.rollout is not None
    assert (found.rollout.done, found.rollout.total) == (1, 2)
    assert asked == ["ListDeployActionExecutionTargets"]
