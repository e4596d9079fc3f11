"""The least that Sayso must be allowed in AWS: every operation that the code calls, and the policy made of it; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from integrations.aws.target import AwsTarget, Place

_PIPELINE = "codepipeline:{region}:{account}:{pipeline}"
_STAGE = f"{_PIPELINE}/{{name}}"
_ACTION = f"{_STAGE}{{action}}"
_PROJECT = "codebuild:{region}:{account}:project/{name}"
_REPORTS = "codebuild:{region}:{account}:report-group/{name}"
_LOGS = "logs:{region}:{account}:log-group:{name}"
_DEPLOYMENTS = "codedeploy:{region}:{account}:deploymentgroup:{name}"
_STACKS = "cloudformation:{region}:{account}:stack/{name}"
_ANYTHING = "*"

OPERATIONS: Mapping[str, str] = {
    "codepipeline:GetPipeline": _PIPELINE,
    "codepipeline:GetPipelineExecution": _PIPELINE,
    "codepipeline:GetPipelineState": _PIPELINE,
    "codepipeline:ListActionExecutions": _PIPELINE,
    "codepipeline:ListDeployActionExecutionTargets": _PIPELINE,
    "codepipeline:ListPipelineExecutions": _PIPELINE,
    "codepipeline:ListRuleExecutions": _PIPELINE,
    "codepipeline:ListPipelines": _ANYTHING,
    "codepipeline:StartPipelineExecution": _PIPELINE,
    "codepipeline:StopPipelineExecution": _PIPELINE,
    "codepipeline:DisableStageTransition": _STAGE,
    "codepipeline:EnableStageTransition": _STAGE,
    "codepipeline:OverrideStageCondition": _STAGE,
    "codepipeline:RetryStageExecution": _STAGE,
    "codepipeline:RollbackStage": _STAGE,
    "codepipeline:PutApprovalResult": _ACTION,
    "codebuild:BatchGetBuildBatches": _PROJECT,
    "codebuild:BatchGetBuilds": _PROJECT,
    "codebuild:BatchGetReports": _REPORTS,
    "codebuild:DescribeTestCases": _REPORTS,
    "logs:FilterLogEvents": _LOGS,
    "logs:GetLogEvents": _LOGS,
    "codedeploy:BatchGetDeploymentTargets": _DEPLOYMENTS,
    "codedeploy:GetDeployment": _DEPLOYMENTS,
    "codedeploy:ListDeploymentTargets": _DEPLOYMENTS,
    "cloudformation:DescribeChangeSet": _STACKS,
    "cloudformation:DescribeStackEvents": _STACKS,
    "ecs:DescribeServices": "ecs:{region}:{account}:service/{name}",
    "codecommit:GetBranch": "codecommit:{region}:{account}:{name}",
}
"""What a look at a pipeline or a verb calls, and on what (Service Authorization Reference, "Actions, resources, and
condition keys", each service's table): an ARN without `arn:PARTITION:`.

Which projects, deployments and stacks belong to a pipeline is only known while it runs, so these are by region.
"""
OF_QUEUES = ("sqs:DeleteMessage", "sqs:ReceiveMessage")
"""What reading events from a queue needs; it allows `DeleteMessageBatch`, too."""
OF_ROLES = "sts:AssumeRole"
OF_CHECKS = (
    "events:DescribeRule",
    "events:ListRuleNamesByTarget",
    "events:TestEventPattern",
    "iam:SimulatePrincipalPolicy",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sqs:GetQueueAttributes",
    "sts:GetCallerIdentity",
)
"""What only `sayso check --aws` asks; it says which of its answers are missing without them."""


def policy(
    targets: Iterable[AwsTarget],
    queues: Iterable[str] = (),
    *,
    role: str | None = None,
    account: str = "*",
    checks: bool = False,
) -> dict[str, Any]:
    """Write the IAM policy (version 2012-10-17) for these targets and queues (URLs).

    With `role` it is that role's, for the targets that name it; without, it is for who Sayso runs as, who must also be
    allowed to take the roles. `account` is the account's number where no role tells it. With `checks` it has what
    `sayso check --aws` asks besides.
    """
    all_targets = list(targets)
    statements: dict[tuple[str, ...], set[str]] = defaultdict(set)
    mine = [target for target in all_targets if target.role == role]
    for action, template in OPERATIONS.items():
        if resources := sorted({_resource(template, target, account) for target in mine}):
            statements[tuple(resources)].add(action)
    if role is None:
        roles = sorted({target.role for target in all_targets if target.role})
        if roles:
            statements[tuple(roles)].add(OF_ROLES)
        if arns := sorted(queue_arn(url) for url in queues):
            statements[tuple(arns)] |= set(OF_QUEUES)
    if checks:
        statements[(_ANYTHING,)] |= set(OF_CHECKS)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": sorted(actions), "Resource": list(resources)}
            for resources, actions in sorted(statements.items())
        ],
    }


def resources_of(action: str, target: AwsTarget, account: str, name: str = "*") -> str:
    """Give the resource that an action is asked for on a target: `name` is the stage, project or stack of it.

    An approval is `STAGE/ACTION`.
    """
    return _resource(OPERATIONS[action], target, account, name)


def queue_arn(url: str) -> str:
    """Give a queue's ARN by its URL; the region is `*` if the host doesn't tell.

    `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME` (SQS Developer Guide, "Queue and message identifiers").
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").split(".")
    region = host[1] if host[0] == "sqs" and len(host) > 2 else "*"
    account, _, name = parts.path.strip("/").partition("/")
    return f"arn:{partition(region)}:sqs:{region}:{account}:{name}"


def region_of_queue(url: str) -> str | None:
    """Give the region of a queue by its URL; None if it doesn't tell."""
    region = queue_arn(url).split(":")[3]
    return None if region == "*" else region


def partition(region: str) -> str:
    """Give the partition of a region (IAM User Guide, "ARNs")."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def account_of(place: Place) -> str | None:
    """Give the account that a place's role belongs to."""
    return place.role.split(":")[4] if place.role else None


def _resource(template: str, target: AwsTarget, account: str, name: str = "*") -> str:
    if template == _ANYTHING:
        return template
    filled = template.format(
        region=target.region, account=account_of(target.place) or account, pipeline=target.pipeline, name=name,
        action="/*" if name == "*" else "",
    )  # fmt: skip
    return f"arn:{partition(target.region)}:{filled}"
