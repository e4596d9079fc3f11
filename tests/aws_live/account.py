"""What the tests make in an AWS account, and take away again: a pipeline of S3, CodeBuild and approvals."""

from __future__ import annotations

import io
import json
import logging
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from integrations.aws.target import AwsTarget

log = logging.getLogger(__name__)

ON_AWS = "AWS_ENDPOINT_URL_CODEPIPELINE" not in os.environ
"""False in a dry run, where the local endpoint stands in for AWS."""
TEMPLATE = Path(__file__).parents[2] / "deploy" / "aws" / "events.yaml"
BUILDSPEC = """version: 0.2
phases:
  build:
    commands:
      - echo counting to ten
      - sh check.sh
reports:
  unit: {files: [report.xml]}
artifacts: {files: ['**/*']}
"""
REPORT = """<testsuite name="cart" tests="2"><testcase classname="cart" name="test_adds" time="0.5"/>
<testcase classname="cart" name="test_taxes" time="0.1">{failure}</testcase></testsuite>"""
FAILURE = '<failure message="19 is not 20">19 is not 20</failure>'
_SETTLES = 90
"""Seconds that a new role may take until other services know it (IAM User Guide, "Troubleshoot IAM")."""


@dataclass(frozen=True)
class Account:
    """The pipeline Source, Build, Staging (copies to S3), Production (approval, copies to S3)."""

    target: AwsTarget
    name: str
    number: str
    client: Callable[[str], Any]

    def push(self, *, good: bool) -> str:
        """Put a new revision into the source bucket, and give its version."""
        tree = {
            "buildspec.yml": BUILDSPEC,
            "check.sh": "echo ten\n" if good else "echo nine and a half >&2\nexit 4\n",
            "report.xml": REPORT.format(failure="" if good else FAILURE),
        }
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in tree.items():
                archive.writestr(name, text)
        answer = self.client("s3").put_object(Bucket=self.name, Key="source.zip", Body=packed.getvalue())
        return str(answer["VersionId"])

    def deployed(self, environment: str) -> str | None:
        """Give what was copied to an environment: its report."""
        try:
            answer = self.client("s3").get_object(Bucket=self.name, Key=f"{environment}/report.xml")
        except ClientError:
            return None
        return str(answer["Body"].read().decode())


@contextmanager
def made(client: Callable[[str], Any], name: str, region: str) -> Iterator[Account]:
    """Make everything for the time of the block; what can't be removed is logged by name."""
    with ExitStack() as stack:

        def later(remove: Callable[..., object], *given: Any, **more: Any) -> None:
            stack.callback(_removed, partial(remove, *given, **more), f"{remove}({given or more})")

        number = client("sts").get_caller_identity()["Account"]
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3 = client("s3")
        s3.create_bucket(Bucket=name, **where)
        later(_emptied, s3, name)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        role = _role(client("iam"), name, later)
        if ON_AWS:  # the local engine makes a project of its source's buildspec
            _project(client("codebuild"), name, role)
            later(client("codebuild").delete_project, name=name)
            later(client("logs").delete_log_group, logGroupName=f"/aws/codebuild/{name}")
            group = f"arn:aws:codebuild:{region}:{number}:report-group/{name}-unit"
            later(client("codebuild").delete_report_group, arn=group, deleteReports=True)
        account = Account(AwsTarget(pipeline=name, region=region), name, number, client)
        account.push(good=True)
        _pipeline(client("codepipeline"), name, role)
        later(client("codepipeline").delete_pipeline, name=name)
        yield account


def _removed(remove: Callable[[], object], what: str) -> None:
    try:
        remove()
    except ClientError as error:
        log.warning("%s is left behind: %s", what, error)


def _emptied(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if keys := [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    s3.delete_bucket(Bucket=bucket)


def _role(iam: Any, name: str, later: Callable[..., None]) -> str:
    """Make the role of the pipeline and of its project."""
    services = ["codepipeline.amazonaws.com", "codebuild.amazonaws.com"]
    trust = _document(Action="sts:AssumeRole", Principal={"Service": services})
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    later(iam.delete_role, RoleName=name)
    may = _document(
        {"Action": ["s3:Get*", "s3:PutObject*"], "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]},
        {"Action": ["codebuild:StartBuild", "codebuild:BatchGet*", "codebuild:*Report*", "codebuild:*TestCases"],
         "Resource": "*"},
        {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
    )  # fmt: skip
    iam.put_role_policy(RoleName=name, PolicyName="pipeline", PolicyDocument=may)
    later(iam.delete_role_policy, RoleName=name, PolicyName="pipeline")
    return arn


def _document(*statements: Mapping[str, Any], **one: Any) -> str:
    allowed = [{"Effect": "Allow", **each} for each in (*statements, *([one] if one else []))]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


@retry(retry=retry_if_exception_type(ClientError), wait=wait_fixed(5), stop=stop_after_delay(_SETTLES), reraise=True)
def _project(codebuild: Any, name: str, role: str) -> None:
    machine = {"type": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL",
               "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0"}  # fmt: skip
    codebuild.create_project(
        name=name, serviceRole=role, environment=machine, source={"type": "CODEPIPELINE"},
        artifacts={"type": "CODEPIPELINE"},
    )  # fmt: skip


@retry(retry=retry_if_exception_type(ClientError), wait=wait_fixed(5), stop=stop_after_delay(_SETTLES), reraise=True)
def _pipeline(codepipeline: Any, name: str, role: str) -> None:
    def action(title: str, category: str, provider: str, order: int = 1, **more: Any) -> dict[str, Any]:
        kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": title, "actionTypeId": kind, "runOrder": order, **more}

    def copied(environment: str, order: int) -> dict[str, Any]:
        where = {"BucketName": name, "Extract": "true", "ObjectKey": environment}
        return action("Copy", "Deploy", "S3", order, configuration=where, inputArtifacts=[{"name": "Built"}])

    source = action(
        "Fetch", "Source", "S3", outputArtifacts=[{"name": "Tree"}],
        configuration={"S3Bucket": name, "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"},
    )  # fmt: skip
    build = action(
        "Unit", "Build", "CodeBuild", configuration={"ProjectName": name}, inputArtifacts=[{"name": "Tree"}],
        outputArtifacts=[{"name": "Built"}],
    )  # fmt: skip
    gate = action("Approve", "Approval", "Manual", configuration={"CustomData": "Ship it?"})
    stages = {"Source": [source], "Build": [build], "Staging": [copied("staging", 1)],
              "Production": [gate, copied("production", 2)]}  # fmt: skip
    codepipeline.create_pipeline(pipeline={
        "name": name, "roleArn": role, "pipelineType": "V2", "artifactStore": {"type": "S3", "location": name},
        "stages": [{"name": each, "actions": actions} for each, actions in stages.items()],
    })  # fmt: skip
