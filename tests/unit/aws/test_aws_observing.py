"""CodePipeline's answers, in the forms that AWS documents, read as a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from bot.core.errors import Conflict
from bot.core.model import Decision, HeldBy, Release, Run, Status
from integrations.aws.answers import decision_of, plain_reason, summary_of
from integrations.aws.details.cloudformation import read_change_set
from integrations.aws.observing import Look, run_of
from tests.support.waiting import until
from tests.unit.aws.conftest import TARGET, Shop

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ID = "0b4b0a5e-6a2f-4a0e-9d3c-0c9f3a3f2b11"


def action(name: str, category: str, provider: str, **more: Any) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "runOrder": 1, **more}


CONNECTION = action(
    "Source", "Source", "CodeStarSourceConnection", outputArtifacts=[{"name": "App"}],
    configuration={"FullRepositoryId": "shop/app", "BranchName": "main"},
)  # fmt: skip
PIPELINE: dict[str, Any] = {
    "name": "shop", "version": 3, "pipelineType": "V2",
    "stages": [
        {"name": "Source", "actions": [CONNECTION]},
        {"name": "Prod", "actions": [action("Approve", "Approval", "Manual"), action("Deploy", "Deploy", "ECS")]},
    ],
}  # fmt: skip
PIPELINE["stages"][1]["actions"][1]["runOrder"] = 2


def row(stage: str, declared: dict[str, Any], status: str, *, at: int = 0, took: int = 5, **result: Any) -> Any:
    return {
        "pipelineExecutionId": ID, "actionExecutionId": f"{stage}-{declared['name']}-{at}", "pipelineVersion": 3,
        "stageName": stage, "actionName": declared["name"], "status": status,
        "startTime": START + timedelta(seconds=at), "lastUpdateTime": START + timedelta(seconds=at + took),
        "input": {"actionTypeId": declared["actionTypeId"], "resolvedConfiguration": {"CustomData": "Ship it?"}},
        "output": {"executionResult": result},
    }  # fmt: skip


SOURCE = row("Source", CONNECTION, "Succeeded")
APPROVE, DEPLOY = PIPELINE["stages"][1]["actions"]


def look(*rows: Any, status: str = "InProgress", **more: Any) -> Run:
    execution = {"pipelineExecutionId": ID, "status": status, "pipelineVersion": 3, **more.pop("execution", {})}
    declaration = more.pop("declaration", PIPELINE)
    return run_of(Look(TARGET, declaration, execution, [SOURCE, *rows], START + timedelta(hours=1), **more))


@pytest.mark.parametrize(
    ("kind", "detail", "started_by"),
    [
        ("StartPipelineExecution", "arn:aws:iam::111122223333:user/ana", ("arn:aws:iam::111122223333:user/ana",)),
        ("StartPipelineExecution", "", ()),
        ("WebhookV2", "arn:aws:codeconnections:eu-west-1:111122223333:connection/x", ()),
        ("CloudWatchEvent", "arn:aws:events:eu-west-1:111122223333:rule/nightly", ()),
    ],
)
def test_who_started_it_is_known_where_aws_names_a_person(kind: str, detail: str, started_by: tuple[str, ...]) -> None:
    assert look(execution={"trigger": {"triggerType": kind, "triggerDetail": detail}}).started_by == started_by


def test_a_connection_tells_its_commit_message_inside_json() -> None:
    summary = '{"ProviderType":"GitHub","CommitMessage":"Cheaper socks\\n\\nand hats"}'
    told = [{"name": "App", "revisionId": "a" * 40, "revisionSummary": summary, "revisionUrl": "https://github.com/x"}]
    revision = look(execution={"artifactRevisions": told}).revision
    assert revision is not None
    assert (revision.id, revision.summary, revision.ref) == ("a" * 40, "Cheaper socks", "main")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://x", "ftp://x"])
def test_links_of_others_are_only_shown_if_they_are_https(url: str) -> None:
    told = [{"name": "App", "revisionId": "a" * 40, "revisionUrl": url}]
    revision = look(execution={"artifactRevisions": told}).revision
    assert revision is not None
    assert revision.url is None


def test_an_open_approval_is_a_gate_whose_token_is_this_one_waiting() -> None:
    run = look(row("Prod", APPROVE, "InProgress", at=60))
    assert run.status is Status.WAITING
    assert run.open_gate is not None
    stage, _, gate = run.open_gate
    assert (stage.name, gate.token, gate.message) == ("Prod", "Prod-Approve-60", "Ship it?")
    assert gate.expires == START + timedelta(seconds=60, days=7)


def test_whoever_is_asked_reads_what_the_stages_change_set_would_do() -> None:
    plan = action("Plan", "Deploy", "CloudFormation")
    gate = action("Approve", "Approval", "Manual") | {"runOrder": 2}
    stages = [PIPELINE["stages"][0], {"name": "Prod", "actions": [plan, gate]}]
    changes = [{"ResourceChange": {"Action": "Remove", "LogicalResourceId": "Db"}}]
    planned = row("Prod", plan, "Succeeded", at=10)
    details = {planned["actionExecutionId"]: read_change_set({"Changes": changes})}
    run = look(planned, row("Prod", gate, "InProgress", at=60), declaration=PIPELINE | {"stages": stages},
               details=details)  # fmt: skip
    assert run.open_gate is not None
    assert run.open_gate[2].message == "Ship it?\nPlan: one removed resource."


def test_an_answer_in_the_console_is_told_with_who_gave_it() -> None:
    given = row("Prod", APPROVE, "Failed", at=60, externalExecutionSummary="not today")
    given["updatedBy"] = "arn:aws:sts::111122223333:assumed-role/Admin/jane"
    run = look(given, status="Failed")
    assert run.detail == "Prod: Approve: Rejected by jane: not today"


def test_an_approval_that_nobody_answered_says_so() -> None:
    week = 7 * 24 * 3600
    run = look(row("Prod", APPROVE, "Failed", at=60, took=week), status="Failed")
    assert run.detail == "Prod: Approve: Nobody answered in time."
    gate = run.stages[1].actions[0].gate
    assert gate is not None
    assert gate.decision is None


def test_what_sayso_writes_with_an_answer_it_can_read_again() -> None:
    said = Decision(approved=True, by="ana", comment="looks\n good: " + "x" * 600)
    summary = summary_of(said)
    assert len(summary) == 512
    read = decision_of(row("Prod", APPROVE, "Succeeded", externalExecutionSummary=summary), APPROVE)
    assert read is not None
    assert (read.by, read.approved, read.comment[:12]) == ("ana", True, "looks good: ")


def test_a_transition_is_closed_in_the_characters_that_aws_allows() -> None:
    assert plain_reason("Audit für Q3 — until Monday, 9:00 <@U1>") == "Audit f r Q3 until Monday 9 00 @U1"
    assert plain_reason("監査") == "closed"
    assert len(plain_reason("a " * 400)) <= 300


@pytest.mark.parametrize(
    ("status", "words"),
    [("Superseded", "newer run has overtaken"), ("Cancelled", "pipeline was changed"), ("Stopped", "wrong branch")],
)
def test_an_end_without_failure_says_why(status: str, words: str) -> None:
    run = look(row("Prod", APPROVE, "Abandoned"), status=status, stop_reason="wrong branch" * (status == "Stopped"))
    assert words in run.detail
    assert run.status.finished
    assert run.finished is not None
    assert run.open_gate is None


def test_a_retry_between_two_calls_of_a_look_is_not_shown_as_an_end() -> None:
    failed = row("Prod", DEPLOY, "Failed", at=60)
    again = row("Prod", DEPLOY, "InProgress", at=600, took=0)
    run = look(row("Prod", APPROVE, "Succeeded", at=10), failed, again, status="Failed")
    assert (run.status, run.stages[1].status, run.attempt) == (Status.RUNNING, Status.RUNNING, 2)


def test_a_stage_that_its_condition_holds_can_be_overridden() -> None:
    rule = {"name": "Alarm", "ruleTypeId": {"category": "Rule", "provider": "CloudWatchAlarm"}}
    guarded = {**PIPELINE["stages"][1], "beforeEntry": {"conditions": [{"result": "FAIL", "rules": [rule]}]}}
    failing = {"ruleName": "Alarm", "latestExecution": {"status": "Failed", "summary": "3 alarms"}}
    state = {"stageStates": [{
        "stageName": "Prod", "latestExecution": {"pipelineExecutionId": ID, "status": "Failed"},
        "beforeEntryConditionState": {
            "latestExecution": {"status": "Failed"}, "conditionStates": [{"ruleStates": [failing]}]
        },
    }]}  # fmt: skip
    seen = {"stageName": "Prod", "ruleName": "Alarm", "status": "Failed", "startTime": START, "lastUpdateTime": START}
    declaration = {**PIPELINE, "stages": [PIPELINE["stages"][0], guarded]}
    run = look(status="Failed", declaration=declaration, state=state, rules=[seen])
    stage = run.stages[1]
    assert (stage.status, stage.held) == (Status.FAILED, HeldBy.BEFORE_ENTRY)
    assert stage.detail == "Its entry condition failed: Alarm: 3 alarms. It can be overridden."


async def test_a_stale_card_never_approves_another_change(shop: Shop, wish: Release) -> None:
    """The first run is rejected, the second waits at the same gate: the first one's card can't answer for it."""
    waiting = []
    for number in range(2):
        run_id = await shop.backend.start(shop.target, wish.model_copy(update={"id": f"wish-{number}"}))
        for step in ("Build.Unit", "Build.Style", "Build.Package", "Staging.Deploy"):
            shop.local.say(run_id, step)
        run = await until(partial(shop.look, run_id), lambda run: run.open_gate)
        assert run.open_gate is not None
        waiting.append((run_id, run.open_gate[2].token))
        if number == 0:
            no = Decision(approved=False, by="ben")
            await shop.backend.decide(shop.target, run_id, waiting[0][1], no)
    (first, old), (second, new) = waiting
    yes = Decision(approved=True, by="ben")
    for run_id, token in ((first, old), (second, old), (first, new)):
        with pytest.raises(Conflict):
            await shop.backend.decide(shop.target, run_id, token, yes)
    assert shop.proxy.seen.count("PutApprovalResult") == 1
    assert (await shop.look(second)).open_gate is not None
