"""Secrets of buildspecs: looked up in AWS, a file or the environment, seen by commands, and by nobody else."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from integrations.local.actions import Outcome, Result
from integrations.local.secret_sources import SecretMissing, SecretSource, look_up
from integrations.specs.secret_names import Parameter, Secret, secret_named
from tests.unit.local_runners.builds import build, runner, said

SPEC = """version: 0.2
env:
  parameter-store: {TOKEN: /checkout/token}
  secrets-manager: {DB: "checkout/db:password", WHOLE: checkout/db}
  exported-variables: [VERSION, SHOWN]
phases:
  build:
    commands:
      - test "$TOKEN" = t0p-secret-token && test "$DB" = 'pa"ss word' && echo "same $TOKEN"
      - printf %s "$TOKEN" | base64; env | sort >env.txt; cat env.txt
      - export VERSION=1.2 SHOWN="it is $TOKEN"
      - |
        echo '<testsuite><testcase name="a"><failure message="got '$TOKEN'"/></testcase></testsuite>' >r.xml
        exit $CODE
reports: {unit: {files: [r.xml]}}
"""
VALUES = {"/checkout/token": "t0p-secret-token", "checkout/db": {"password": 'pa"ss word', "user": "shop"}}


def secrets_file(folder: Path, name: str = "secrets.json", text: str | None = None, mode: int = 0o600) -> SecretSource:
    path = folder / name
    path.write_text(json.dumps(VALUES) if text is None else text)
    path.chmod(mode)
    return SecretSource(source="file", file=Path(name))


def everything(bench: Any, result: Result) -> str:
    told = "".join(progress.model_dump_json() for progress in bench.told)
    reports = (bench.tmp / "reports.json").read_text()
    assert "got ***" in reports
    return f"{result.model_dump_json()}{told}{bench.log}{reports}"


@pytest.mark.parametrize("code", [0, 3])
async def test_secrets_of_a_file_reach_the_commands_and_nobody_else(bench: Any, code: int) -> None:
    result = await build(bench, SPEC, source=secrets_file(bench.tmp), variables=[{"name": "CODE", "value": str(code)}])
    assert result.outcome is (Outcome.FAILED if code else Outcome.SUCCEEDED), bench.log
    assert "same ***" in said(bench.log)
    if not code:
        assert result.variables == {"VERSION": "1.2", "SHOWN": "it is ***"}
    assert result.tests
    assert result.tests.failures[0].message == "got ***"
    seen = everything(bench, result)
    for leak in ("t0p-secret", "ss word", 'pa\\"ss', "dDBwLXNlY3JldC10b2tl"):
        assert leak not in seen
    left = [path for path in (bench.tmp / "attempt-1" / "driver").rglob("*") if path.is_file()]
    assert not [path.name for path in left if b"t0p-secret" in path.read_bytes()]


async def test_a_server_that_was_away_still_hides_what_a_build_looked_up(bench: Any) -> None:
    spec = """version: 0.2
env: {parameter-store: {TOKEN: /checkout/token}}
phases: {build: {commands: ["echo one $TOKEN; while [ ! -f ../go ]; do sleep 0.05; done; echo two $TOKEN"]}}"""
    source = secrets_file(bench.tmp)
    attempt = bench.attempt({"Code": bench.tree("code", {"buildspec.yml": spec})})
    job = asyncio.create_task(runner(bench, source=source).perform(attempt, interrupted=False))
    await bench.until(lambda: any(p.log and "one ***" in p.log.lines for p in bench.told))
    bench.leaving = True
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    bench.leaving = False
    (bench.tmp / "secrets.json").unlink()
    (bench.tmp / "attempt-1" / "go").touch()
    result = await runner(bench, source=source).perform(attempt, interrupted=True)
    assert result.outcome is Outcome.SUCCEEDED
    assert said(bench.log) == ["one ***", "two ***"]


async def test_a_missing_secret_fails_the_action_before_any_command_and_names_it(bench: Any) -> None:
    result = await build(bench, SPEC)
    assert result.outcome is Outcome.FAILED
    sentence = "The build needs the parameter /checkout/token for TOKEN, but SAYSO_SECRET_CHECKOUT_TOKEN is not set."
    assert sentence in result.detail
    assert said(bench.log) == []


async def test_a_plain_variable_of_the_action_overrides_a_secret_which_is_then_not_looked_up(bench: Any) -> None:
    spec = 'version: 0.2\nenv: {parameter-store: {A: /gone}}\nphases: {build: {commands: ["echo $A"]}}'
    result = await build(bench, spec, variables=[{"name": "A", "value": "plain"}])
    assert result.outcome is Outcome.SUCCEEDED, result.detail
    assert said(bench.log) == ["plain"]


async def test_an_actions_own_variables_may_be_secrets(bench: Any) -> None:
    spec = 'version: 0.2\nphases: {build: {commands: ["test $A$B = onetwo-three && echo $B"]}}'
    variables = [
        {"name": "A", "value": "/a", "type": "PARAMETER_STORE"},
        {"name": "B", "value": "b:key", "type": "SECRETS_MANAGER"},
    ]
    of_server = {"SAYSO_SECRET_A": "one", "SAYSO_SECRET_B_KEY": "two-three"}
    result = await build(bench, spec, variables=variables, of_server=of_server)
    assert result.outcome is Outcome.SUCCEEDED, bench.log
    assert said(bench.log) == ["***"]


ID = {"DB": secret_named("checkout/db:password")}


@pytest.mark.parametrize(
    ("name", "text", "mode", "sentence"),
    [
        ("s.toml", '"/checkout/token" = "x"\n["checkout/db"]\npassword = "y"\n', 0o600, ""),
        ("s.toml", "= broken hunter2", 0o600, "The secrets file s.toml is no TOML."),
        ("s.json", "{broken hunter2", 0o600, "The secrets file s.json is no JSON."),
        ("s.json", "[]", 0o600, "The secrets file s.json must map names to values."),
        ("s.json", "{}", 0o600, "The build needs the secret checkout/db (key password) for DB, but s.json has none."),
        ("s.json", "{}", 0o640, "Others can read the secrets file s.json."),
        ("s.json", '{"checkout/db": "hunter2"}', 0o600, "asks for a key, but the secret is no JSON object."),
        ("s.json", '{"checkout/db": {"hunter2": 1}}', 0o600, "the secret has no key password."),
    ],
)
def test_a_secrets_file_is_read_or_refused_with_a_sentence(
    tmp_path: Path, name: str, text: str, mode: int, sentence: str
) -> None:
    source = secrets_file(tmp_path, name, text, mode)
    if not sentence:
        assert look_up(ID, source, {}, tmp_path) == {"DB": "y"}
        return
    with pytest.raises(SecretMissing) as caught:
        look_up(ID, source, {}, tmp_path)
    assert sentence in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_knows_no_versions(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="only has one"):
        look_up({"DB": Secret("checkout/db", stage="AWSPREVIOUS")}, secrets_file(tmp_path), {}, tmp_path)


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    kept = {name: os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")}
    os.environ.update({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-central-1"})
    yield f"http://{host}:{port}"
    for name, value in kept.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value
    server.stop()


async def test_secrets_come_from_aws(bench: Any, aws: str) -> None:
    boto3.client("ssm", endpoint_url=aws).put_parameter(
        Name="/prod/checkout/token", Value="t0p-secret-token", Type="SecureString"
    )
    manager = boto3.client("secretsmanager", endpoint_url=aws)
    arn = manager.create_secret(Name="checkout/db", SecretString='{"password": "old-password"}')["ARN"]
    manager.put_secret_value(SecretId="checkout/db", SecretString='{"password": "new-password"}')
    spec = f"""version: 0.2
env:
  parameter-store: {{TOKEN: /checkout/token}}
  secrets-manager: {{NEW: "{arn}:password", OLD: "{arn}:password:AWSPREVIOUS"}}
phases:
  build:
    commands:
      - test $TOKEN = t0p-secret-token
      - test $OLD$NEW = old-passwordnew-password && echo $OLD
"""
    source = SecretSource(source="aws", prefix="/prod", endpoint_url=aws)
    result = await build(bench, spec, source=source)
    assert result.outcome is Outcome.SUCCEEDED, bench.log + result.detail
    assert said(bench.log) == ["***"]
    for reference, answer in ((Parameter("/gone"), "ParameterNotFound"), (Secret("gone"), "ResourceNotFoundException")):
        with pytest.raises(SecretMissing, match=f"gone for A, but AWS answers {answer}"):
            look_up({"A": reference}, source, {}, bench.tmp)


def test_aws_that_does_not_answer_is_a_sentence(tmp_path: Path, aws: str) -> None:
    source = SecretSource(source="aws", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(SecretMissing, match="AWS can't be asked: EndpointConnectionError"):
        look_up({"A": Parameter("/a")}, source, {}, tmp_path)
