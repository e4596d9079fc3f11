"""The real AWS CLI drives the engine: one release from its pipeline's creation to its deletion, and what is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.support.aws_world import AwsWorld, open_aws_world

GUARD = {
    "conditions": [
        {
            "result": "FAIL",
            "rules": [
                {
                    "name": "Never",
                    "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "Commands", "version": "1"},
                    "commands": ["exit 1"],
                }
            ],
        }
    ]
}


async def test_the_cli_creates_follows_changes_and_deletes_a_pipeline(tmp_path: Path) -> None:
    async with open_aws_world(tmp_path) as world:
        declared = world.declaration("shop")
        made = await world.cli("create-pipeline", "--cli-input-json", json.dumps({"pipeline": declared}))
        assert made["pipeline"]["version"] == 1
        listed = await world.cli("list-pipelines")
        assert [each["name"] for each in listed["pipelines"]] == ["shop"]
        exported = await world.cli("get-pipeline", "--name", "shop")
        assert exported["metadata"]["pipelineArn"] == "arn:aws:codepipeline:local:000000000000:shop"
        kept = {key: value for key, value in exported["pipeline"].items() if key != "version"}
        assert kept["stages"][1]["actions"][0]["configuration"] == {"CustomData": "Ship #{Source.CommitMessage}?"}

        first = (await world.cli("start-pipeline-execution", "--name", "shop"))["pipelineExecutionId"]
        token = await world.gate("shop", first)
        state = await world.cli("get-pipeline-state", "--name", "shop")
        assert [each["stageName"] for each in state["stageStates"]] == ["Source", "Release"]
        assert state["stageStates"][0]["latestExecution"]["status"] == "Succeeded"
        assert state["stageStates"][1]["actionStates"][0]["latestExecution"]["token"] == token
        where = ("--pipeline-name", "shop", "--stage-name", "Release")
        answer = ("--action-name", "Approve", "--token", token)
        said = await world.cli("put-approval-result", *where, *answer, "--result", "summary=no,status=Rejected")
        assert said["approvedAt"]
        await world.status("shop", first, "Failed")
        code, _, error = await world.cli_raw(
            "put-approval-result", *where, *answer, "--result", "summary=yes,status=Approved"
        )
        assert code in {254, 255} and "ApprovalAlreadyCompletedException" in error, error

        mode = ("--retry-mode", "FAILED_ACTIONS")
        again = await world.cli("retry-stage-execution", *where, "--pipeline-execution-id", first, *mode)
        assert again == {"pipelineExecutionId": first}
        await world.answer("shop", first)
        await world.status("shop", first, "Succeeded")

        back = await world.cli("rollback-stage", *where, "--target-pipeline-execution-id", first)
        await world.gate("shop", back["pipelineExecutionId"])
        stopping = await world.cli(
            "stop-pipeline-execution", "--pipeline-name", "shop",
            "--pipeline-execution-id", back["pipelineExecutionId"], "--abandon", "--reason", "enough",
        )  # fmt: skip
        assert stopping == back
        await world.status("shop", back["pipelineExecutionId"], "Stopped")

        inbound = ("--transition-type", "Inbound")
        await world.cli("disable-stage-transition", *where, *inbound, "--reason", "a quiet week")
        held = await world.start("shop")
        waiting = await _inbound(world, held)
        assert waiting["inboundTransitionState"]["disabledReason"] == "a quiet week"
        await world.cli("enable-stage-transition", *where, *inbound)
        await world.gate("shop", held)

        runs = await world.cli("list-pipeline-executions", "--pipeline-name", "shop", "--max-items", "2")
        assert [each["pipelineExecutionId"] for each in runs["pipelineExecutionSummaries"]] == [
            held, back["pipelineExecutionId"],
        ]  # fmt: skip
        more = ("--starting-token", runs["NextToken"])
        rest = await world.cli("list-pipeline-executions", "--pipeline-name", "shop", *more)
        assert [each["pipelineExecutionId"] for each in rest["pipelineExecutionSummaries"]] == [first]
        assert rest["pipelineExecutionSummaries"][0]["sourceRevisions"][0]["revisionId"] == world.local.first
        actions = await world.cli(
            "list-action-executions", "--pipeline-name", "shop", "--filter", f"pipelineExecutionId={first}"
        )
        seen = [(each["actionName"], each["status"]) for each in actions["actionExecutionDetails"]]
        assert seen == [("Approve", "Succeeded"), ("Approve", "Failed"), ("Checkout", "Succeeded")]

        guarded = world.declaration("shop")
        guarded["stages"][1]["beforeEntry"] = GUARD
        updated = await world.cli("update-pipeline", "--cli-input-json", json.dumps({"pipeline": guarded}))
        assert updated["pipeline"]["version"] == 2
        await world.call("stop_pipeline_execution", pipelineName="shop", pipelineExecutionId=held, abandon=True)
        await world.status("shop", held, "Stopped")
        barred = await world.start("shop")
        await world.status("shop", barred, "Failed")
        await world.cli(
            "override-stage-condition", *where, "--pipeline-execution-id", barred, "--condition-type", "BEFORE_ENTRY"
        )
        await world.answer("shop", barred)
        await world.status("shop", barred, "Succeeded")

        await world.cli("delete-pipeline", "--name", "shop")
        assert (await world.cli("list-pipelines"))["pipelines"] == []


async def _inbound(world: AwsWorld, execution: str) -> dict[str, Any]:
    from tests.support.waiting import until  # noqa: PLC0415

    def waits(stage: dict[str, Any]) -> bool:
        return bool(stage.get("inboundExecution", {}).get("pipelineExecutionId") == execution)

    return await until(lambda: world.stage("shop", "Release"), waits)


async def test_the_cli_shows_each_refusal_in_the_words_of_aws(tmp_path: Path) -> None:
    async with open_aws_world(tmp_path) as world:
        await world.create("shop")
        nobody = "00000000-0000-0000-0000-000000000000"
        of_shop, release = ("--pipeline-name", "shop"), ("--stage-name", "Release")
        result = ("--action-name", "Approve", "--result", "summary=x,status=Approved", "--token", nobody)
        refused = {
            ("get-pipeline-state", "--name", "bank"): "PipelineNotFoundException",
            ("get-pipeline", "--name", "shop", "--pipeline-version", "9"): "PipelineVersionNotFoundException",
            (
                "get-pipeline-execution",
                *of_shop,
                "--pipeline-execution-id",
                nobody,
            ): "PipelineExecutionNotFoundException",
            ("put-approval-result", *of_shop, *release, *result): "InvalidApprovalTokenException",
            ("list-pipelines", "--no-paginate", "--next-token", "eA=="): "InvalidNextTokenException",
            ("get-pipeline-state", "--name", "two words"): "ValidationException",
        }
        answers = await asyncio.gather(*(world.cli_raw(*words) for words in refused))
        for (code, _, error), expected in zip(answers, refused.values(), strict=True):
            assert code in {254, 255}
            assert f"({expected})" in error
