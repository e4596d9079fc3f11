"""What Sayso must be allowed for one pipeline, on what exactly, and what its users miss without it; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from integrations.aws.answers import Answer
from integrations.aws.permissions import OPERATIONS, resources_of
from integrations.aws.target import AwsTarget

_SOME = "sayso-check"
"""Stands for what only a run gives a name to, as a report or a log stream."""


class Need(NamedTuple):
    """An action on a resource."""

    action: str
    """As `codepipeline:GetPipeline`."""
    resource: str
    """An ARN, or `*`."""


class Named(NamedTuple):
    """Something that a pipeline names."""

    name: str
    region: str | None = None
    """None: the pipeline's own."""


def needs(target: AwsTarget, declaration: Answer, account: str) -> Iterator[Need]:
    """Yield what is needed for a pipeline, as it is declared now (GetPipeline's `pipeline`)."""
    parts = parts_of(declaration)
    for action in OPERATIONS:
        if action not in _USED_ON:
            yield Need(action, resources_of(action, target, account))
            continue
        for name, region in dict.fromkeys(parts.get(_USED_ON[action], ())):
            there = target if region is None else target.model_copy(update={"region": region})
            yield Need(action, resources_of(action, there, account, name))


_USED_ON: Mapping[str, str] = {
    "codepipeline:ListDeployActionExecutionTargets": "instances",
    "codepipeline:ListRuleExecutions": "conditions",
    "codepipeline:DisableStageTransition": "stage",
    "codepipeline:EnableStageTransition": "stage",
    "codepipeline:RetryStageExecution": "stage",
    "codepipeline:OverrideStageCondition": "conditional stage",
    "codepipeline:RollbackStage": "stage that can be rolled back",
    "codepipeline:PutApprovalResult": "approval",
    "codebuild:BatchGetBuildBatches": "batch",
    "codebuild:BatchGetBuilds": "project",
    "codebuild:BatchGetReports": "report group",
    "codebuild:DescribeTestCases": "report group",
    "logs:GetLogEvents": "log stream",
    "logs:FilterLogEvents": "function's log",
    "codedeploy:BatchGetDeploymentTargets": "deployment group",
    "codedeploy:GetDeployment": "deployment group",
    "codedeploy:ListDeploymentTargets": "deployment group",
    "cloudformation:DescribeChangeSet": "change set",
    "cloudformation:DescribeStackEvents": "stack",
    "ecs:DescribeServices": "service",
    "codecommit:GetBranch": "repository",
}
"""What of a pipeline an action is done to; the others are done to the pipeline itself."""


def parts_of(declaration: Answer) -> Mapping[str, list[Named]]:
    """Find what a pipeline names, by the words of `_USED_ON`."""
    parts: dict[str, list[Named]] = defaultdict(list)
    backwards = declaration.get("pipelineType", "V1") == "V2" and declaration.get("executionMode") != "PARALLEL"
    for number, stage in enumerate(declaration["stages"]):
        own = Named(stage["name"])
        parts["stage"].append(own)
        if number and backwards:
            parts["stage that can be rolled back"].append(own)
        if stage.get("beforeEntry") or stage.get("onSuccess"):
            parts["conditional stage"].append(own)
        if any(stage.get(hook) for hook in ("beforeEntry", "onSuccess", "onFailure")):
            parts["conditions"].append(Named(""))
        for action in stage["actions"]:
            if action["actionTypeId"]["category"] == "Approval":
                parts["approval"].append(Named(f"{stage['name']}/{action['name']}"))
            for kind, name in _of_action(action):
                parts[kind].append(Named(name, action.get("region")))
    return parts


def _of_action(action: Answer) -> Iterator[tuple[str, str]]:
    """Yield what an action's configuration names (CodePipeline User Guide, "Action structure reference")."""
    about: Mapping[str, str] = action.get("configuration", {})
    match action["actionTypeId"]["provider"]:
        case "CodeBuild" if project := about.get("ProjectName"):
            yield "project", project
            if about.get("BatchEnabled", "").lower() == "true":
                yield "batch", project
            yield "report group", f"{project}-{_SOME}"
            yield "log stream", f"/aws/codebuild/{project}:log-stream:{_SOME}"
        case "CodeDeploy" | "CodeDeployToECS" if about.get("ApplicationName"):
            yield "deployment group", f"{about['ApplicationName']}/{about.get('DeploymentGroupName', _SOME)}"
        case "CloudFormation" if stack := about.get("StackName"):
            makes = about.get("ActionMode") in {"CHANGE_SET_REPLACE", "CHANGE_SET_CREATE"}
            yield "change set" if makes else "stack", f"{stack}/{_SOME}"
        case "ECS" if service := about.get("ServiceName"):
            yield "service", f"{about.get('ClusterName') or 'default'}/{service}"
        case "Lambda" if function := about.get("FunctionName"):
            yield "function's log", f"/aws/lambda/{function.rpartition(':')[2]}:*"
        case "CodeCommit" if repository := about.get("RepositoryName"):
            yield "repository", repository
        case "EC2":
            yield "instances", ""


def missed(action: str) -> str:
    """Give the key of the sentence that says what people miss without an action."""
    return _MISSED.get(action) or f"aws.check.missed.{action.partition(':')[0]}"


_MISSED: Mapping[str, str] = {
    "codepipeline:StartPipelineExecution": "aws.check.missed.start",
    "codepipeline:StopPipelineExecution": "aws.check.missed.stop",
    "codepipeline:PutApprovalResult": "aws.check.missed.approve",
    "codepipeline:RetryStageExecution": "aws.check.missed.retry",
    "codepipeline:RollbackStage": "aws.check.missed.rollback",
    "codepipeline:OverrideStageCondition": "aws.check.missed.override",
    "codepipeline:DisableStageTransition": "aws.check.missed.hold",
    "codepipeline:EnableStageTransition": "aws.check.missed.hold",
    "codepipeline:ListPipelines": "aws.check.missed.near",
    "codepipeline:ListDeployActionExecutionTargets": "aws.check.missed.codedeploy",
    "codebuild:BatchGetReports": "aws.check.missed.tests",
    "codebuild:DescribeTestCases": "aws.check.missed.tests",
    "codecommit:GetBranch": "aws.check.missed.branch",
    "sqs:ReceiveMessage": "aws.check.missed.sqs",
    "sqs:DeleteMessage": "aws.check.missed.sqs",
}
"""Besides one sentence for each service."""
