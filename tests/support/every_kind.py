"""Small services whose pipeline has an action of every kind; each leaves a trace of all that it does to the world."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from tests.support.small_service import APPROVAL, EFFECTS_OF_A_RELEASE, SmallServices, action

BUCKET = "every-kind"
CONTENT = "what is shipped to S3"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
EFFECTS = (*EFFECTS_OF_A_RELEASE, "tests", "commands", "function")
"""What one release to production does, as `SmallServices.effects` names it; the objects in S3 come on top."""

_TESTS = """version: 0.2
phases:
  build:
    commands:
      - echo "tests $SAYSO_RUN $SAYSO_ATTEMPT" >>"$EFFECTS"
      - sleep 0.3
reports:
  unit:
    files: [report.xml]
"""
_FUNCTION = """import os, time
def lambda_handler(event, context):
    with open(os.environ["EFFECTS"], "a") as effects:
        effects.write("function {SAYSO_RUN} {SAYSO_ATTEMPT}\\n".format(**os.environ))
    time.sleep(0.3)
"""


class Objects:
    """A bucket that keeps every version of an object."""

    def __init__(self, url: str) -> None:
        """Make it, with the object that the pipelines fetch."""
        self.url = url
        self._s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="testing",
                                aws_secret_access_key="testing")  # fmt: skip
        self._s3.create_bucket(Bucket=BUCKET)
        self._s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("data.txt", CONTENT)
        self._s3.put_object(Bucket=BUCKET, Key="source.zip", Body=packed.getvalue())

    def shipped(self, service: str) -> list[str]:
        """Give the content of every version that a service's releases have put there."""
        key = f"{service}/data.txt"
        versions = self._s3.list_object_versions(Bucket=BUCKET, Prefix=key).get("Versions", [])
        bodies = (self._s3.get_object(Bucket=BUCKET, Key=key, VersionId=one["VersionId"])["Body"] for one in versions)
        return [body.read().decode() for body in bodies]


@contextmanager
def objects() -> Iterator[Objects]:
    """Run an S3 server for the time of the block."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield Objects(f"http://{host}:{port}")
    finally:
        server.stop()


def services(root: Path, names: Iterable[str], s3_url: str) -> SmallServices:
    """Lay services out whose pipelines have every kind of action."""
    effects = json.dumps(str(root / "effects"))

    def target(name: str) -> str:
        return f"""s3 = {{ endpoint_url = "{s3_url}" }}
[services.{name}.target.projects.{name}-tests]
buildspec = "tests.yml"
environment = {{ EFFECTS = {effects} }}
[services.{name}.target.functions.note]
file = "function.py"
environment = {{ EFFECTS = {effects} }}
"""

    made = SmallServices(
        root, names, pipeline=lambda name: _pipeline(name, root / "effects"), files={"tests.yml": _TESTS}, target=target
    )
    (root / "function.py").write_text(_FUNCTION)
    return made


def _pipeline(name: str, effects: Path) -> dict[str, Any]:
    tree, package, data = ([{"name": artifact}] for artifact in ("Tree", "Package", "Data"))

    def deploy(group: str) -> dict[str, Any]:
        return action("Deploy", "CodeDeploy", inputArtifacts=package,
                      configuration={"ApplicationName": name, "DeploymentGroupName": group})  # fmt: skip

    git = action("Source", "Git", outputArtifacts=tree,
                 configuration={"RepositoryUrl": "repository", "BranchName": "main"})  # fmt: skip
    fetch = action("Source", "S3", name="Fetch", outputArtifacts=data,
                   configuration={"S3Bucket": BUCKET, "S3ObjectKey": "source.zip"})  # fmt: skip
    build = action("Build", "CodeBuild", inputArtifacts=tree, outputArtifacts=package,
                   configuration={"ProjectName": name})  # fmt: skip
    tests = action("Test", "CodeBuild", inputArtifacts=tree, configuration={"ProjectName": f"{name}-tests"})
    note = f'echo "commands $SAYSO_RUN $SAYSO_ATTEMPT" >>{json.dumps(str(effects))}'
    commands = action("Compute", "Commands", inputArtifacts=tree, commands=[note, "sleep 0.3"])
    function = action("Invoke", "Lambda", configuration={"FunctionName": "note"})
    ship = action("Deploy", "S3", name="Ship", runOrder=2, inputArtifacts=data,
                  configuration={"BucketName": BUCKET, "ObjectKey": name, "Extract": "true"})  # fmt: skip
    stages = {
        "Source": [git, fetch], "Build": [build], "Test": [tests, commands, function], "Staging": [deploy("staging")],
        "Approval": [APPROVAL], "Production": [deploy("production"), ship],
    }  # fmt: skip
    declared = [{"name": stage, "actions": actions} for stage, actions in stages.items()]
    return {"pipeline": {"name": name, "pipelineType": "V2", "stages": declared}}
