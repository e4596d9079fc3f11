"""How the local engine's things are called in AWS's world: account, region, ARNs."""

from __future__ import annotations

ACCOUNT = "000000000000"
REGION = "local"
"""Of everything on this machine that declares no region of its own."""


def pipeline_arn(name: str) -> str:
    """Give a pipeline's ARN."""
    return f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{name}"


def build_id(project: str, attempt: str) -> str:
    """Give a build's id: its project and the attempt of the action that it is, as in CODEBUILD_BUILD_ID."""
    return f"{project}:{attempt}"


def build_arn(build: str, region: str | None = None) -> str:
    """Give a build's ARN, as in CODEBUILD_BUILD_ARN."""
    return f"arn:aws:codebuild:{region or REGION}:{ACCOUNT}:build/{build}"


def report_group_arn(group: str, region: str | None = None) -> str:
    """Give the ARN of a report group, which is named `PROJECT-GROUP`."""
    return f"arn:aws:codebuild:{region or REGION}:{ACCOUNT}:report-group/{group}"


def report_arn(group: str, attempt: str, region: str | None = None) -> str:
    """Give the ARN of what one build reported in a group."""
    return f"arn:aws:codebuild:{region or REGION}:{ACCOUNT}:report/{group}:{attempt}"
