"""What a check reads off a pipeline's declaration, and off policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.core.wording import say
from integrations.aws.checking.allowed import principal_of
from integrations.aws.checking.environments import Environment, Identity
from integrations.aws.checking.needs import missed, needs
from integrations.aws.checking.policies import lets_in
from integrations.aws.checking.review import review
from integrations.aws.permissions import OF_QUEUES, OPERATIONS
from integrations.aws.target import AwsTarget, Place

TARGET = AwsTarget(pipeline="shop", region="eu-west-1")
RULE = "arn:aws:events:eu-west-1:123456789012:rule/sayso"


def action(category: str, provider: str, order: int = 1, **configuration: str) -> dict[str, Any]:
    kind = {"category": category, "provider": provider}
    return {"name": provider, "actionTypeId": kind, "runOrder": order, "configuration": configuration}


def declared(*stages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    names = ("Source", "Build", "Staging", "Prod")
    more.setdefault("pipelineType", "V2")
    return {"name": "shop", "stages": [{"name": n, "actions": a} for n, a in zip(names, stages, strict=False)], **more}


SOURCE, BUILD = action("Source", "CodeCommit", RepositoryName="shop"), action("Build", "CodeBuild", ProjectName="unit")
DEPLOY = action("Deploy", "CodeDeploy", 2, ApplicationName="shop", DeploymentGroupName="staging")
GATE = action("Approval", "Manual")


@pytest.mark.parametrize(
    ("prod", "stage", "warned"),
    [
        ([DEPLOY], "Prod", True),
        ([GATE, DEPLOY], "Prod", False),
        ([DEPLOY, action("Approval", "Manual", 3)], "Prod", True),
        ([GATE, DEPLOY], None, True),
    ],
)
def test_a_production_that_nobody_is_asked_about_is_pointed_out(
    prod: list[dict[str, Any]], stage: str | None, warned: bool
) -> None:
    environment = Environment("shop", "prod", TARGET, stage, production=True)
    found = review(environment, declared([SOURCE], [BUILD], [DEPLOY], prod))
    assert found.mistakes == ()
    assert ["no approval" in str(each) for each in found.warnings] == [True] * warned
    assert review(environment._replace(production=False), declared([SOURCE], [DEPLOY])).warnings == ()


def test_a_pipeline_of_the_old_type_says_what_its_people_go_without() -> None:
    environment = Environment("shop", "prod", TARGET, "Prod", production=False)
    [warning] = review(environment, declared([SOURCE], [BUILD], [DEPLOY], [DEPLOY], pipelineType="V1")).warnings
    assert "nothing can be rolled back" in str(warning)


def test_names_that_the_pipeline_does_not_have_are_told_with_the_nearest() -> None:
    target = TARGET.model_copy(update={"source": "CodeComit", "variables": {"BRNCH": "x"}})
    environment = Environment("shop", "prod", target, "prod", production=True)
    found = review(environment, declared([SOURCE], [BUILD], [DEPLOY], [DEPLOY], variables=[{"name": "BRANCH"}]))
    told = [(each.place.rpartition(".")[2], str(each)) for each in found.mistakes]
    assert [place for place, _ in told] == ["stage", "source", "variables"]
    for (_, sentence), near in zip(told, ("Prod", "CodeCommit", "BRANCH"), strict=True):
        assert "Did you mean" in sentence and near in sentence


def test_only_what_a_pipeline_uses_is_needed_and_on_what_exactly() -> None:
    v1 = declared([SOURCE], [BUILD], [DEPLOY], pipelineType="V1")
    found = {need.action: need.resource for need in needs(TARGET, v1, "1234")}
    assert found["codebuild:BatchGetBuilds"] == "arn:aws:codebuild:eu-west-1:1234:project/unit"
    assert found["codedeploy:GetDeployment"] == "arn:aws:codedeploy:eu-west-1:1234:deploymentgroup:shop/staging"
    assert found["codecommit:GetBranch"] == "arn:aws:codecommit:eu-west-1:1234:shop"
    assert found["logs:GetLogEvents"].startswith(
        "arn:aws:logs:eu-west-1:1234:log-group:/aws/codebuild/unit:log-stream:"
    )
    unused = {"ecs:DescribeServices", "codepipeline:PutApprovalResult", "codepipeline:RollbackStage",
              "cloudformation:DescribeStackEvents", "codepipeline:ListRuleExecutions"}  # fmt: skip
    assert not unused & set(found)
    v2 = declared([SOURCE], [BUILD], [GATE])
    found_v2 = {need.action: need.resource for need in needs(TARGET, v2, "1234")}
    assert found_v2["codepipeline:PutApprovalResult"].endswith(":shop/Staging/Manual")
    assert "codepipeline:RollbackStage" in found_v2


@pytest.mark.parametrize("name", [*OPERATIONS, *OF_QUEUES])
def test_each_permission_says_what_people_miss_without_it(name: str) -> None:
    assert say(missed(name)).endswith(".")


@pytest.mark.parametrize(
    ("arn", "principal"),
    [
        ("arn:aws:iam::1:user/sayso", "arn:aws:iam::1:user/sayso"),
        ("arn:aws:sts::1:assumed-role/deployer/i-0123", "arn:aws:iam::1:role/deployer"),
        ("arn:aws-cn:sts::1:assumed-role/deployer/x", "arn:aws-cn:iam::1:role/deployer"),
        ("arn:aws:sts::1:federated-user/ana", None),
    ],
)
def test_the_simulator_is_asked_about_the_role_behind_a_session(arn: str, principal: str | None) -> None:
    assert principal_of(Identity("1", arn), Place("eu-west-1")) == principal
    role = "arn:aws:iam::1:role/with/a/path"
    assert principal_of(Identity("1", arn), Place("eu-west-1", role)) == role


ALLOW: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:*"}


@pytest.mark.parametrize(
    ("statements", "let_in"),
    [
        ([ALLOW], True),
        ([], False),
        ([ALLOW | {"Action": "sqs:ReceiveMessage"}], False),
        ([ALLOW | {"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:events:*:*:rule/*"}}}], True),
        ([ALLOW | {"Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}}], False),
        ([ALLOW | {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}], True),
        ([ALLOW, ALLOW | {"Effect": "Deny", "Principal": "*"}], False),
        ([ALLOW, ALLOW | {"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}],
         True),
        ([ALLOW | {"Principal": {"Service": "sns.amazonaws.com"}}], False),
    ],
)  # fmt: skip
def test_a_queues_policy_is_read_as_eventbridge_meets_it(statements: list[dict[str, Any]], let_in: bool) -> None:
    assert lets_in(json.dumps({"Statement": statements}), "sqs:SendMessage", RULE) is let_in
    assert not lets_in(None, "sqs:SendMessage", RULE)
    assert not lets_in("{", "sqs:SendMessage", RULE)
