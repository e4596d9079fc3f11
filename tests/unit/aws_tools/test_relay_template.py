"""The Lambda relay's template: packaged by the real AWS command, it makes one function that may do nothing else."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

FOLDER = Path(__file__).parents[3] / "deploy" / "alexa"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_DEFAULT_REGION": "eu-west-1"}
SKILL = "amzn1.ask.skill.0f1e"


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def test_the_relay_is_packaged_alone_with_no_rights_but_to_its_log_and_only_the_skill_may_call_it(
    url: str, tmp_path: Path
) -> None:
    session = boto3.Session(*list(KEYS.values())[:2], region_name=KEYS["AWS_DEFAULT_REGION"])
    s3, stacks, functions, iam = (
        session.client(each, endpoint_url=url) for each in ("s3", "cloudformation", "lambda", "iam")
    )
    s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    packaged = tmp_path / "relay.yaml"
    subprocess.run(
        [Path(sys.executable).with_name("aws"), "cloudformation", "package", "--template-file", "template.yaml",
         "--s3-bucket", "code", "--output-template-file", packaged],
        cwd=FOLDER, env={**os.environ, **KEYS, "AWS_ENDPOINT_URL": url}, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    given = {"SaysoUrl": "https://sayso.example.com", "SkillId": SKILL, "RelaySecret": "0123456789abcdef" * 2}
    stacks.create_stack(
        StackName="voice",
        TemplateBody=packaged.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    (stack,) = stacks.describe_stacks(StackName="voice")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"

    function = functions.get_function(FunctionName="voice-relay")
    made = function["Configuration"]
    assert stack["Outputs"][0]["OutputValue"] == made["FunctionArn"]
    assert made["Environment"]["Variables"] == {
        "SAYSO_URL": given["SaysoUrl"],
        "ALEXA_SKILL_ID": SKILL,
        "ALEXA_RELAY_SECRET": given["RelaySecret"],
    }
    (code,) = s3.list_objects_v2(Bucket="code")["Contents"]
    archive = zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket="code", Key=code["Key"])["Body"].read()))
    module, _, name = made["Handler"].partition(".")
    assert archive.namelist() == [f"{module}.py"]
    assert f"def {name}(" in archive.read(f"{module}.py").decode()

    role = made["Role"].rpartition("/")[2]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    (statement,) = yaml.safe_load(document)["Statement"]  # moto writes it as Python does
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"].endswith(":log-group:/aws/lambda/voice-relay:*")
    (permission,) = json.loads(functions.get_policy(FunctionName="voice-relay")["Policy"])["Statement"]
    assert "alexa-appkit.amazon.com" in str(permission["Principal"])
    # moto drops the token, so it is read from the template: without it any skill's author could call the function
    assert re.search(r"OnlyTheSkill:(?:\n  .*)*\n +EventSourceToken:\s+!?Ref:? SkillId", _flat(packaged.read_text()))


def _flat(text: str) -> str:
    return re.sub(r":\n\s+Ref:", ": Ref:", text)
