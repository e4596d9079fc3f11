"""boto3 sees AWS: paginators, exceptions, idempotent starts, moments as epoch seconds, builds and their reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.aws_world import AwsWorld, open_aws_world
from tests.support.waiting import until
from tests.unit.local_aws.signing import Call, code

NOBODY = "00000000-0000-0000-0000-000000000000"
TESTS = """<testsuite name="cart" time="0.5">
<testcase classname="cart" name="adds" time="0.2"/><testcase classname="cart" name="is empty"><skipped/></testcase>
<testcase classname="cart" name="pays" time="0.3"><failure message="expected 3, got 4"/></testcase></testsuite>"""
BUILDSPEC = f"""version: 0.2
env:
  exported-variables: [COLOUR]
phases:
  install:
    commands: ["export COLOUR=blue"]
  build:
    commands:
      - printf '%s' '{TESTS.replace(chr(10), "")}' > tests.xml
      - sh -c 'exit $(cat wanted)'
reports:
  unit:
    files: [tests.xml]
"""


@pytest.fixture
async def world(tmp_path: Path, database_url: str) -> AsyncIterator[AwsWorld]:
    async with open_aws_world(tmp_path, database_url) as opened:
        yield opened


async def test_lists_come_in_pages_and_moments_as_seconds(world: AwsWorld) -> None:
    for name in ("bank", "cafe", "shop"):
        await world.create(name)
    pages = world.codepipeline.get_paginator("list_pipelines").paginate(PaginationConfig={"PageSize": 2})
    seen = await asyncio.to_thread(lambda: [[each["name"] for each in page["pipelines"]] for page in pages])
    assert seen == [["bank", "cafe"], ["shop"]]
    token = (await world.call("list_pipelines", maxResults=2))["nextToken"]
    assert await world.refused("list_pipelines", nextToken=f"{token[:-4]}AAA=") == "InvalidNextTokenException"
    assert await world.refused("list_pipeline_executions", pipelineName="shop", nextToken=token) == (
        "InvalidNextTokenException"
    )

    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        answer = await http.send(Call("ListPipelines", url=f"{world.url}/").signed())
        told = answer.json()["pipelines"][0]
        assert isinstance(told["created"], float) and told["created"] > 1_700_000_000
        assert "null" not in answer.text
        assert answer.status_code == 200
        unknown = await http.send(Call("GetPipelineState", {"name": "nobody"}, url=world.url).signed())
        assert (unknown.status_code, code(unknown)) == (400, "PipelineNotFoundException")


async def test_the_same_token_starts_one_execution_and_variables_and_revisions_count(world: AwsWorld) -> None:
    await world.create("shop", variables=[{"name": "GREETING", "defaultValue": "hello"}])
    older = world.local.first
    world.local.commit("a newer one")
    revision = {"actionName": "Checkout", "revisionType": "COMMIT_ID", "revisionValue": older}
    asked: dict[str, Any] = {
        "clientRequestToken": "click-1", "sourceRevisions": [revision],
        "variables": [{"name": "GREETING", "value": "good morning"}],
    }  # fmt: skip
    first = await world.start("shop", **asked)
    assert await world.start("shop", **asked) == first
    await world.gate("shop", first)
    told = await world.call("get_pipeline_execution", pipelineName="shop", pipelineExecutionId=first)
    execution = told["pipelineExecution"]
    assert execution["variables"] == [{"name": "GREETING", "resolvedValue": "good morning"}]
    assert [each["revisionId"] for each in execution["artifactRevisions"]] == [older]
    assert execution["trigger"]["triggerType"] == "StartPipelineExecution"
    assert execution["trigger"]["triggerDetail"].endswith(":user/AKIDLOCALTEST")
    runs = await world.call("list_pipeline_executions", pipelineName="shop")
    assert len(runs["pipelineExecutionSummaries"]) == 1
    await world.answer("shop", first)
    await world.status("shop", first, "Succeeded")
    fitting = {"succeededInStage": {"stageName": "Release"}}
    assert (await world.call("list_pipeline_executions", pipelineName="shop", filter=fitting))[
        "pipelineExecutionSummaries"
    ][0]["pipelineExecutionId"] == first
    details = (await world.call("list_action_executions", pipelineName="shop"))["actionExecutionDetails"]
    by_name = {each["actionName"]: each for each in details}
    assert by_name["Approve"]["updatedBy"].endswith(":user/AKIDLOCALTEST")
    assert by_name["Approve"]["input"]["resolvedConfiguration"]["CustomData"] == "Ship the first one?"
    assert by_name["Checkout"]["output"]["outputVariables"]["CommitId"] == older


async def test_each_modelled_refusal_has_its_exception(world: AwsWorld) -> None:
    await world.create("shop")
    shop, release = {"pipelineName": "shop"}, {"pipelineName": "shop", "stageName": "Release"}
    run = await world.start("shop")
    token = await world.gate("shop", run)
    this, approved = {"pipelineExecutionId": run}, {"summary": "x", "status": "Approved"}
    answer = {**release, "actionName": "Approve", "token": token, "result": approved}
    mode, before = {"retryMode": "ALL_ACTIONS"}, {"conditionType": "BEFORE_ENTRY"}

    assert await world.refused("create_pipeline", pipeline=world.declaration("shop")) == "PipelineNameInUseException"
    assert await world.refused("update_pipeline", pipeline=world.declaration("bank")) in {
        "InvalidStructureException", "ValidationException",
    }  # fmt: skip
    broken = world.declaration("broken")
    broken["stages"][1]["actions"][0]["inputArtifacts"] = [{"name": "Nothing"}]
    assert await world.refused("create_pipeline", pipeline=broken) == "InvalidActionDeclarationException"
    broken = world.declaration("broken")
    broken["stages"][1]["name"] = "Source"
    assert await world.refused("create_pipeline", pipeline=broken) == "InvalidStageDeclarationException"
    tags = [{"key": "a", "value": "b"}, {"key": "a", "value": "c"}]
    assert await world.refused("create_pipeline", pipeline=broken, tags=tags) == "InvalidTagsException"

    assert await world.refused("start_pipeline_execution", name="bank") == "PipelineNotFoundException"
    assert await world.refused("retry_stage_execution", **release, **this, **mode) == "StageNotRetryableException"
    assert await world.refused("put_approval_result", **{**answer, "token": NOBODY}) == "InvalidApprovalTokenException"
    assert await world.refused("put_approval_result", **{**answer, "stageName": "No"}) == "StageNotFoundException"
    assert await world.refused("put_approval_result", **{**answer, "actionName": "No"}) == "ActionNotFoundException"
    assert await world.refused("override_stage_condition", **release, **this, **before) == (
        "ConditionNotOverridableException"
    )
    assert await world.refused("enable_stage_transition", **shop, stageName="No", transitionType="Inbound") == (
        "StageNotFoundException"
    )
    assert await world.refused("rollback_stage", **release, targetPipelineExecutionId=run) == (
        "UnableToRollbackStageException"
    )
    assert await world.refused("rollback_stage", **release, targetPipelineExecutionId=NOBODY) == (
        "PipelineExecutionNotFoundException"
    )
    await world.call("put_approval_result", **answer)
    assert await world.refused("put_approval_result", **answer) == "ApprovalAlreadyCompletedException"
    await world.status("shop", run, "Succeeded")
    assert await world.refused("stop_pipeline_execution", **shop, **this) == "PipelineExecutionNotStoppableException"
    assert await world.refused("get_job_details", jobId=NOBODY) == "UnknownOperationException"


async def test_rules_and_conditions_are_shown(world: AwsWorld) -> None:
    rule = {
        "name": "Never", "commands": ["echo not today; exit 1"],
        "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "Commands", "version": "1"},
    }  # fmt: skip
    declared = world.declaration("shop")
    declared["stages"][1]["beforeEntry"] = {"conditions": [{"result": "FAIL", "rules": [rule]}]}
    await world.call("create_pipeline", pipeline=declared)
    run = await world.start("shop")
    await world.status("shop", run, "Failed")
    stage = await world.stage("shop", "Release")
    [condition] = stage["beforeEntryConditionState"]["conditionStates"]
    assert condition["latestExecution"]["status"] == "Failed"
    assert [(each["ruleName"], each["latestExecution"]["status"]) for each in condition["ruleStates"]] == [
        ("Never", "Failed")
    ]
    rules = await world.call("list_rule_executions", pipelineName="shop", filter={"pipelineExecutionId": run})
    [told] = rules["ruleExecutionDetails"]
    assert (told["ruleName"], told["status"], told["stageName"]) == ("Never", "Failed", "Release")
    assert told["input"]["ruleTypeId"]["provider"] == "Commands"


async def test_a_build_is_shown_with_its_phases_reports_and_test_cases(world: AwsWorld) -> None:
    world.local.write("buildspec.yml", BUILDSPEC)
    world.local.write("wanted", "3")
    world.local.commit("a service with tests")
    declared = world.declaration("shop")
    declared["stages"][1]["actions"] = [
        {
            "name": "Unit", "inputArtifacts": [{"name": "Tree"}], "configuration": {"ProjectName": "shop-unit"},
            "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
        }
    ]  # fmt: skip
    await world.call("create_pipeline", pipeline=declared)
    run = await world.start("shop")
    await world.status("shop", run, "Failed")
    [id_] = (await world.build("list_builds"))["ids"]
    assert id_.startswith("shop-unit:")
    assert (await world.build("list_builds_for_project", projectName="shop-unit"))["ids"] == [id_]
    with pytest.raises(world.codebuild.exceptions.ResourceNotFoundException):
        await world.build("list_builds_for_project", projectName="bank")
    answer = await world.build("batch_get_builds", ids=[id_, "shop-unit:nothing"])
    assert answer["buildsNotFound"] == ["shop-unit:nothing"]
    [build] = answer["builds"]
    assert (build["buildStatus"], build["buildComplete"], build["initiator"]) == ("FAILED", True, "codepipeline/shop")
    assert build["resolvedSourceVersion"] == world.local.git("rev-parse", "HEAD")
    phases = {each["phaseType"]: each for each in build["phases"]}
    assert phases["INSTALL"]["phaseStatus"] == "SUCCEEDED"
    assert phases["BUILD"]["contexts"][0]["statusCode"] == "COMMAND_EXECUTION_ERROR"
    assert "exit status 3" in phases["BUILD"]["contexts"][0]["message"]

    [arn] = build["reportArns"]
    reports = await world.build("batch_get_reports", reportArns=[arn, f"{arn}0"])
    assert reports["reportsNotFound"] == [f"{arn}0"]
    [report] = reports["reports"]
    assert (report["type"], report["status"], report["executionId"]) == ("TEST", "FAILED", build["arn"])
    assert report["testSummary"]["total"] == 3
    assert report["testSummary"]["statusCounts"] == {
        "SUCCEEDED": 1, "FAILED": 1, "SKIPPED": 1, "ERROR": 0, "UNKNOWN": 0
    }  # fmt: skip
    group = report["reportGroupArn"]
    assert (await world.build("list_reports_for_report_group", reportGroupArn=group))["reports"] == [arn]
    cases = (await world.build("describe_test_cases", reportArn=arn, filter={"status": "FAILED"}))["testCases"]
    assert [(each["name"], each["status"], each["message"]) for each in cases] == [
        ("cart.pays", "FAILED", "expected 3, got 4")
    ]
    first = await world.build("describe_test_cases", reportArn=arn, maxResults=2)
    rest = await world.build("describe_test_cases", reportArn=arn, maxResults=2, nextToken=first["nextToken"])
    assert len(first["testCases"]) == 2 and len(rest["testCases"]) == 1 and "nextToken" not in rest
    with pytest.raises(world.codebuild.exceptions.InvalidInputException):
        await world.build("describe_test_cases", reportArn=arn, nextToken="eA==")

    action = (await world.call("list_action_executions", pipelineName="shop"))["actionExecutionDetails"][0]
    assert action["output"]["executionResult"]["externalExecutionId"] == id_

    async def second() -> list[str]:
        return list((await world.build("list_builds", sortOrder="ASCENDING"))["ids"])

    again = {"pipelineName": "shop", "stageName": "Release", "pipelineExecutionId": run}
    await world.call("retry_stage_execution", **again, retryMode="FAILED_ACTIONS")
    ids = await until(second, lambda seen: len(seen) == 2)
    assert ids[0] == id_
    older = (await world.build("batch_get_builds", ids=[id_]))["builds"][0]
    assert older["buildStatus"] == "FAILED" and older["reportArns"] == [arn]


async def test_a_build_that_never_began_says_why(world: AwsWorld) -> None:
    declared = world.declaration("shop")
    declared["stages"][1]["actions"] = [
        {
            "name": "Unit", "inputArtifacts": [{"name": "Tree"}], "configuration": {"ProjectName": "shop-unit"},
            "actionTypeId": {"category": "Test", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
        }
    ]  # fmt: skip
    await world.call("create_pipeline", pipeline=declared)
    await world.status("shop", await world.start("shop"), "Failed")
    [build] = (await world.build("batch_get_builds", ids=(await world.build("list_builds"))["ids"]))["builds"]
    [phase] = build["phases"]
    assert (phase["phaseType"], phase["phaseStatus"]) == ("DOWNLOAD_SOURCE", "FAILED")
    assert "buildspec.yml" in phase["contexts"][0]["message"]
