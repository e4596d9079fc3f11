"""Tags of pipelines, the types of actions, and tokens in PARALLEL mode, by boto3 and by the real AWS CLI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws_world import AwsWorld, open_aws_world
from tests.support.waiting import until

ARN = "arn:aws:codepipeline:local:000000000000:shop"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AwsWorld]:
    async with open_aws_world(tmp_path) as opened:
        yield opened


def tags(**values: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(values.items())]


async def test_a_pipelines_tags_are_kept_replaced_and_removed(world: AwsWorld) -> None:
    made = await world.call("create_pipeline", pipeline=world.declaration("shop"), tags=tags(team="payments"))
    assert made["tags"] == tags(team="payments")
    await world.cli("tag-resource", "--resource-arn", ARN, "--tags", "key=cost,value=", "key=team,value=checkout")
    assert (await world.cli("list-tags-for-resource", "--resource-arn", ARN))["tags"] == tags(cost="", team="checkout")
    declared = world.declaration("shop")
    declared["executionMode"] = "QUEUED"
    declared["pipelineType"] = "V2"
    await world.call("update_pipeline", pipeline=declared)
    first = await world.call("list_tags_for_resource", resourceArn=ARN, maxResults=1)
    rest = await world.call("list_tags_for_resource", resourceArn=ARN, maxResults=1, nextToken=first["nextToken"])
    assert [*first["tags"], *rest["tags"]] == tags(cost="", team="checkout")
    assert "nextToken" not in rest
    await world.cli("untag-resource", "--resource-arn", ARN, "--tag-keys", "cost", "nothing")
    assert (await world.call("list_tags_for_resource", resourceArn=ARN))["tags"] == tags(team="checkout")


async def test_what_can_not_be_tagged_is_refused_in_the_words_of_aws(world: AwsWorld) -> None:
    await world.create("shop")
    many = tags(**{f"key{n}": "x" for n in range(51)})
    refused: list[tuple[str, dict[str, Any]]] = [
        ("ResourceNotFoundException", {"resourceArn": f"{ARN}s", "tags": tags(a="b")}),
        ("ResourceNotFoundException", {"resourceArn": ARN.replace("0000:", "0001:"), "tags": tags(a="b")}),
        ("InvalidArnException", {"resourceArn": f"{ARN}/Source", "tags": tags(a="b")}),
        ("InvalidTagsException", {"resourceArn": ARN, "tags": tags(**{"AWS:x": "b"})}),
        ("InvalidTagsException", {"resourceArn": ARN, "tags": [*tags(a="b"), *tags(a="c")]}),
        ("TooManyTagsException", {"resourceArn": ARN, "tags": many}),
    ]
    for code, given in refused:
        assert await world.refused("tag_resource", **given) == code
    assert await world.refused("untag_resource", resourceArn=f"{ARN}s", tagKeys=["a"]) == "ResourceNotFoundException"
    assert await world.refused("list_tags_for_resource", resourceArn=f"{ARN}s") == "ResourceNotFoundException"
    stray = {"resourceArn": ARN, "nextToken": "eA=="}
    assert await world.refused("list_tags_for_resource", **stray) == "InvalidNextTokenException"
    exit_code, _, error = await world.cli_raw("tag-resource", "--resource-arn", f"{ARN}s", "--tags", "key=a,value=b")
    assert exit_code in {254, 255} and "(ResourceNotFoundException)" in error
    assert (await world.call("list_tags_for_resource", resourceArn=ARN))["tags"] == []


async def test_the_types_of_actions_are_those_that_run_here(world: AwsWorld) -> None:
    told = await world.cli("list-action-types", "--action-owner-filter", "AWS")
    types = {(each["id"]["category"], each["id"]["provider"]): each for each in told["actionTypes"]}
    assert {("Build", "CodeBuild"), ("Approval", "Manual"), ("Deploy", "CodeDeploy"), ("Source", "S3")} <= set(types)
    assert types["Build", "CodeBuild"]["inputArtifactDetails"] == {"minimumCount": 1, "maximumCount": 5}
    assert not [category for category, _ in types if category == "Rule"]
    every = (await world.call("list_action_types"))["actionTypes"]
    owners = {each["id"]["provider"]: each["id"]["owner"] for each in every}
    assert (owners["Git"], owners["GitHub"], owners["ECR"]) == ("Custom", "ThirdParty", "AWS")
    assert len(every) > len(types)


async def test_in_parallel_mode_an_approvals_token_is_only_in_the_list_of_actions(world: AwsWorld) -> None:
    declared = {**world.declaration("shop"), "pipelineType": "V2", "executionMode": "PARALLEL"}
    await world.call("create_pipeline", pipeline=declared)
    run = await world.start("shop")

    async def gate() -> dict[str, Any] | None:
        answer = await world.call("list_action_executions", pipelineName="shop", filter={"pipelineExecutionId": run})
        return next((each for each in answer["actionExecutionDetails"] if each["actionName"] == "Approve"), None)

    asked = await until(gate, bool)
    assert asked is not None
    shown = (await world.stage("shop", "Release"))["actionStates"][0]["latestExecution"]
    assert shown["status"] == "InProgress"
    assert not {"token", "externalExecutionId"} & set(shown)
    await world.call(
        "put_approval_result", pipelineName="shop", stageName="Release", actionName="Approve",
        token=asked["output"]["executionResult"]["externalExecutionId"],
        result={"summary": "seen", "status": "Approved"},
    )  # fmt: skip
    await world.status("shop", run, "Succeeded")
