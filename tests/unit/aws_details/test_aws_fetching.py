"""Details are fetched over HTTP, kept once an action has ended, and never fail a look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from boto3.session import Session
from moto.server import ThreadedMotoServer

from integrations.aws.clients import Clients
from integrations.aws.details.looking import Details
from integrations.aws.pace import Pace
from integrations.aws.target import AwsTarget

TARGET = AwsTarget(pipeline="shop", region="eu-west-1")


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def row(provider: str, status: str, **told: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    configuration = {"StackName": "none", "ActionMode": "CREATE_UPDATE"}
    return {
        "pipelineExecutionId": "run-1", "actionExecutionId": f"x-{provider}", "stageName": "S", "actionName": provider,
        "status": status, "startTime": now - timedelta(minutes=1), "lastUpdateTime": now,
        "input": {"actionTypeId": {"provider": provider}, "resolvedConfiguration": configuration},
        "output": {"executionResult": told},
    }  # fmt: skip


async def test_details_are_asked_for_once_and_what_is_not_there_costs_nothing_else(moto: str) -> None:
    builds = boto3.client("codebuild", region_name="eu-west-1", endpoint_url=moto)
    builds.create_project(
        name="shop", source={"type": "S3", "location": "bucket/path"}, artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole="arn:aws:iam::123456789012:role/service-role/shop",
    )  # fmt: skip
    build = builds.start_build(projectName="shop")["build"]["id"]
    builds.close()
    clients = Clients(
        session=Session, pace=Pace(time.monotonic), clock=lambda: datetime.now(UTC), endpoints={"": moto}, backoff=0.01
    )
    details = Details(clients, lambda: datetime.now(UTC))
    rows = [
        row("CodeBuild", "Succeeded", externalExecutionId=build),
        row("CodeDeploy", "Failed", externalExecutionId="d-NOTHERE"),
        row("CloudFormation", "Failed"),
        row("Manual", "InProgress"),
    ]
    found = await details.of(TARGET, rows)
    assert details.run_of(build) == "run-1"
    assert set(found) == {"x-CodeBuild", "x-CodeDeploy", "x-CloudFormation"}
    assert found["x-CodeDeploy"].detail is not None
    assert "can't be shown" in found["x-CodeDeploy"].detail
    calls = clients.calls
    assert await details.of(TARGET, rows) == found
    assert clients.calls == calls
    await clients.close()
