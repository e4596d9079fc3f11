"""How the local engine's things are called in AWS's world: account, region, ARNs."""

from __future__ import annotations

import re

ACCOUNT = "000000000000"
REGION = "local"
"""Of everything on this machine that declares no region of its own."""


def pipeline_arn(name: str) -> str:
    """Give a pipeline's ARN."""
    return f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{name}"


def build_arn(build: str, region: str | None = None) -> str:
    """Give a build's ARN, as in CODEBUILD_BUILD_ARN."""
    return f"arn:aws:codebuild:{region or REGION}:{ACCOUNT}:build/{build}"


def report_group_arn(group: str, region: str | None = None) -> str:
    """Give the ARN of a report group, which is named `PROJECT-GROUP`."""
    return f"arn:aws:codebuild:{region or REGION}:{ACCOUNT}:report-group/{group}"


def report_arn(group: str, attempt: str, region: str | None = None) -> str:
    """Give the ARN of what one build reported in a group."""
    return f"arn:aws:codebuild:{region or REGION}:{ACCOUNT}:report/{group}:{attempt}"


def instance_arn(target: str) -> str:
    """Give the ARN of what a deployment goes to."""
    return f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:instance/{target}"


def build_log_group(project: str) -> str:
    """Name the log group of a project's builds; the stream is the attempt."""
    return f"/aws/codebuild/{_fit(project)}"


def pipeline_log_group(pipeline: str) -> str:
    """Name the log group of a pipeline's other actions, where CodePipeline writes what its Commands print."""
    return f"/aws/codepipeline/{_fit(pipeline)}"


def log_stream_arn(group: str, stream: str, region: str | None = None) -> str:
    """Give the ARN of a log stream."""
    return f"arn:aws:logs:{region or REGION}:{ACCOUNT}:log-group:{group}:log-stream:{stream}"


def _fit(name: str) -> str:
    """Write a name in the characters that a log group's name may have."""
    return re.sub(r"[^-./#\w]", "-", name, flags=re.ASCII)
