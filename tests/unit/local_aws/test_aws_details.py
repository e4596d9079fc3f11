"""What stands behind an action is found by its ids: a deployment's targets and scripts, a build's log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.local.deploy import DeploymentGroup, DeploymentTarget
from integrations.local.target import LocalTarget
from tests.support.aws_world import AwsWorld, open_aws_world
from tests.support.waiting import until
from tests.unit.local_aws.signing import Call, code

APPSPEC = """version: 0.0
os: linux
files: [{source: page.html, destination: /srv}]
hooks:
  AfterInstall: [{location: prepare.sh}]
  ValidateService: [{location: check.sh}]
"""
TARGETS = ("one", "two", "three")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AwsWorld]:
    group = DeploymentGroup(targets=tuple(DeploymentTarget(folder=tmp_path / "srv" / name) for name in TARGETS))
    target = LocalTarget(pipeline=tmp_path / "none.json", applications={"shop": {"staging": group}})
    async with open_aws_world(tmp_path, targets=[target]) as opened:
        yield opened


def pipeline(world: AwsWorld, provider: str, category: str, configuration: dict[str, str]) -> dict[str, Any]:
    declared = world.declaration("shop")
    declared["stages"][1]["actions"] = [
        {
            "name": "Do", "inputArtifacts": [{"name": "Tree"}], "configuration": configuration,
            "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        }
    ]  # fmt: skip
    return declared


async def deploy(world: AwsWorld, check: str) -> tuple[str, str]:
    """Start a deployment; gives the execution and the deployment, once CodePipeline names it."""
    files = {"appspec.yml": APPSPEC, "page.html": "hello", "prepare.sh": "echo getting ready\n", "check.sh": check}
    for name, text in files.items():
        world.local.write(name, text)
    world.local.commit("a service with a check")
    application = {"ApplicationName": "shop", "DeploymentGroupName": "staging"}
    await world.call("create_pipeline", pipeline=pipeline(world, "CodeDeploy", "Deploy", application))
    run = await world.start("shop")
    return run, await external_id(world, run)


async def external_id(world: AwsWorld, run: str) -> str:
    async def look() -> dict[str, Any]:
        answer = await world.call("list_action_executions", pipelineName="shop", filter={"pipelineExecutionId": run})
        found: dict[str, Any] = answer["actionExecutionDetails"][0] if answer["actionExecutionDetails"] else {}
        return found

    found = await until(look, lambda seen: seen.get("actionName") == "Do")
    return str(found["output"]["executionResult"]["externalExecutionId"])


async def test_a_failed_deployment_shows_its_targets_and_what_the_failing_script_said(world: AwsWorld) -> None:
    fails = 'echo "looking at $SAYSO_TARGET"\ncase $SAYSO_TARGET in *two) echo "no answer" >&2; exit 7;; esac\n'
    run, id_ = await deploy(world, fails)
    await world.status("shop", run, "Failed")
    info = (await world.deployment("get_deployment", deploymentId=id_))["deploymentInfo"]
    assert (info["status"], info["applicationName"], info["deploymentGroupName"]) == ("Failed", "shop", "staging")
    assert info["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"
    assert "`check.sh` ended with exit code 7" in info["errorInformation"]["message"]
    counts = {status: count for status, count in info["deploymentOverview"].items() if count}
    assert counts == {"Succeeded": 1, "Failed": 1, "Skipped": 1}
    assert info["createTime"] <= info["completeTime"]

    ids = (await world.deployment("list_deployment_targets", deploymentId=id_))["targetIds"]
    assert ids == list(TARGETS)
    failed = {"TargetStatus": ["Failed"]}
    only = await world.deployment("list_deployment_targets", deploymentId=id_, targetFilters=failed)
    assert only["targetIds"] == ["two"]
    answer = await world.deployment("batch_get_deployment_targets", deploymentId=id_, targetIds=ids)
    one, two, three = (each["instanceTarget"] for each in answer["deploymentTargets"])
    assert [each["status"] for each in (one, two, three)] == ["Succeeded", "Failed", "Skipped"]
    assert {each["status"] for each in one["lifecycleEvents"]} == {"Succeeded"}
    assert {each["status"] for each in three["lifecycleEvents"]} == {"Skipped"}
    events = {each["lifecycleEventName"]: each for each in two["lifecycleEvents"]}
    assert list(events) == [
        "ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart",
        "ValidateService",
    ]  # fmt: skip
    assert events["AfterInstall"]["status"] == "Succeeded"
    assert events["AfterInstall"]["startTime"] <= events["AfterInstall"]["endTime"]
    told = events["ValidateService"]["diagnostics"]
    assert (told["errorCode"], told["scriptName"]) == ("ScriptFailed", "check.sh")
    assert "ended with exit code 7" in told["message"]
    assert told["logTail"].splitlines()[:2] == ["LifecycleEvent - ValidateService", "Script - check.sh"]
    assert told["logTail"].endswith("[stdout]no answer")
    assert "getting ready" not in told["logTail"]

    with pytest.raises(world.codedeploy.exceptions.DeploymentDoesNotExistException):
        await world.deployment("get_deployment", deploymentId="d-NOTHING99")
    with pytest.raises(world.codedeploy.exceptions.DeploymentTargetDoesNotExistException):
        await world.deployment("batch_get_deployment_targets", deploymentId=id_, targetIds=["four"])
    by_cli = await world.cli("get-deployment", "--deployment-id", id_, service="deploy")
    assert by_cli["deploymentInfo"]["status"] == "Failed"
    await targets_of_its_action(world, run)


async def targets_of_its_action(world: AwsWorld, run: str) -> None:
    """See the same by the execution of the action."""
    answer = await world.call("list_action_executions", pipelineName="shop", filter={"pipelineExecutionId": run})
    attempts = {each["actionName"]: each["actionExecutionId"] for each in answer["actionExecutionDetails"]}
    told = await world.cli("list-deploy-action-execution-targets", "--action-execution-id", attempts["Do"])
    one, two, three = told["targets"]
    assert [(each["targetId"], each["status"]) for each in (one, two, three)] == [
        ("one", "Succeeded"), ("two", "Failed"), ("three", "Skipped"),
    ]  # fmt: skip
    assert one["startTime"] <= one["endTime"] and "startTime" not in three
    assert "ended with exit code 7" in two["events"][-1]["context"]["message"]
    asked: dict[str, Any] = {"pipelineName": "shop", "actionExecutionId": attempts["Do"]}
    failed = {"filters": [{"name": "TARGET_STATUS", "values": ["Failed", "Skipped"]}]}
    operation = "list_deploy_action_execution_targets"
    page = await world.call(operation, **asked, **failed, maxResults=1)
    rest = await world.call(operation, **asked, **failed, maxResults=1, nextToken=page["nextToken"])
    assert [each["targetId"] for each in (*page["targets"], *rest["targets"])] == ["two", "three"]
    assert "nextToken" not in rest
    nowhere = "ActionExecutionNotFoundException"
    assert await world.refused(operation, actionExecutionId=attempts["Checkout"]) == nowhere
    assert await world.refused(operation, actionExecutionId="nothing") == nowhere
    assert await world.refused(operation, **{**asked, "pipelineName": "bank"}) == "PipelineNotFoundException"
    assert await world.refused(operation, **asked, nextToken="eA==") == "InvalidNextTokenException"


async def test_a_deployment_is_seen_while_it_goes_on_and_after_it_was_abandoned(world: AwsWorld) -> None:
    run, id_ = await deploy(world, "sleep 60\n")

    async def look() -> list[dict[str, Any]]:
        try:
            answer = await world.deployment("batch_get_deployment_targets", deploymentId=id_, targetIds=["one", "two"])
        except world.codedeploy.exceptions.DeploymentNotStartedException:
            return []
        return [each["instanceTarget"] for each in answer["deploymentTargets"]]

    one, two = await until(look, lambda seen: seen and seen[0]["lifecycleEvents"][-1]["status"] == "InProgress")
    assert (one["status"], two["status"]) == ("InProgress", "Pending")
    assert {each["status"] for each in two["lifecycleEvents"]} == {"Pending"}
    info = (await world.deployment("get_deployment", deploymentId=id_))["deploymentInfo"]
    assert info["status"] == "InProgress" and "completeTime" not in info
    await world.call("stop_pipeline_execution", pipelineName="shop", pipelineExecutionId=run, abandon=True)
    await world.status("shop", run, "Stopped")
    info = (await world.deployment("get_deployment", deploymentId=id_))["deploymentInfo"]
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    one, two = await look()
    assert (one["status"], two["status"]) == ("Unknown", "Skipped")


async def test_the_log_of_a_build_is_read_where_the_build_says_page_by_page(world: AwsWorld) -> None:
    spec = "version: 0.2\nphases: {build: {commands: ['seq -f \"line %g\" 2500', 'printf \"half a line\"']}}\n"
    world.local.write("buildspec.yml", spec)
    world.local.commit("a talkative build")
    await world.call("create_pipeline", pipeline=pipeline(world, "CodeBuild", "Build", {"ProjectName": "shop"}))
    run = await world.start("shop")
    await world.status("shop", run, "Succeeded")
    [build] = (await world.build("batch_get_builds", ids=[await external_id(world, run)]))["builds"]
    place = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
    assert place["logGroupName"] == "/aws/codebuild/shop"
    assert build["logs"]["cloudWatchLogsArn"].endswith(f":{place['logGroupName']}:log-stream:{place['logStreamName']}")

    whole = await world.log(**place)
    text = "".join(each["message"] for each in whole["events"])
    assert text.count("\nline ") == 2500 and "\nhalf a line" in text
    last = await world.log(**place, limit=3)
    assert [each["message"] for each in last["events"]] == [each["message"] for each in whole["events"][-3:]]
    before = await world.log(**place, limit=4, nextToken=last["nextBackwardToken"])
    assert [each["message"] for each in before["events"]] == [each["message"] for each in whole["events"][-7:-3]]
    forward, seen, token = [], None, None
    while token is None or token != seen:
        page = await world.log(**place, limit=1000, startFromHead=True, **({"nextToken": token} if token else {}))
        forward += [each["message"] for each in page["events"]]
        seen, token = token, page["nextForwardToken"]
    assert "".join(forward) == text

    at = whole["events"][0]["timestamp"]
    assert isinstance(at, int) and at == round(build["startTime"].timestamp() * 1000)
    assert (await world.log(**place, startTime=at + 1))["events"] == []
    by_arn = {"logGroupIdentifier": build["logs"]["cloudWatchLogsArn"].partition(":log-stream:")[0]}
    assert len((await world.log(**by_arn, logStreamName=place["logStreamName"]))["events"]) == len(whole["events"])
    for wrong in ({"logGroupName": "/aws/codebuild/bank"}, {"logStreamName": "nothing"}):
        with pytest.raises(world.logs.exceptions.ResourceNotFoundException):
            await world.log(**{**place, **wrong})
    mistakes: list[dict[str, Any]] = [{"nextToken": "f/x"}, {"unmask": True}, {"logGroupIdentifier": "shop"}]
    for mistake in mistakes:
        with pytest.raises(world.logs.exceptions.InvalidParameterException):
            await world.log(**place, **mistake)
    words = ("get-log-events", "--log-group-name", place["logGroupName"], "--log-stream-name", place["logStreamName"])
    by_cli = await world.cli(*words, "--limit", "1", service="logs")
    assert by_cli["events"][0]["message"] == whole["events"][-1]["message"]


async def test_each_service_wants_a_signature_for_itself(world: AwsWorld) -> None:
    asked = {"logGroupName": "/aws/codebuild/shop", "logStreamName": "x"}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        for service, expected in (("logs", "ResourceNotFoundException"), ("codebuild", "InvalidSignatureException")):
            call = Call("GetLogEvents", asked, url=world.url, service=service, target="Logs_20140328")
            answer = await http.send(call.signed())
            assert code(answer) == expected, json.dumps(answer.json())
