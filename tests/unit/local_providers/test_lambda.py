"""A Lambda handler's file, run as a function: what it is given, and every way it can end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integrations.local.actions import Outcome, Result
from integrations.local.ending import marked
from integrations.local.host import this_host
from integrations.local.lambda_function import Function, LambdaRunner
from integrations.local.processes import MARK
from tests.support.provider_bench import Bench
from tests.support.waiting import until

BOTO = """
import boto3
def lambda_handler(event, context):
    job = event["CodePipeline.job"]
    client = boto3.client("codepipeline")
    if job["data"]["actionConfiguration"]["configuration"]["UserParameters"] == "fail":
        details = {"type": "RevisionOutOfSync", "message": "no stock"}
        client.put_job_failure_result(jobId=job["id"], failureDetails=details)
    else:
        client.put_job_success_result(jobId=job["id"], outputVariables={"Stock": "12"})
"""


async def invoke(bench: Bench, code: str, *, parameters: str = "", **more: Any) -> Result:
    (bench.tmp / "handler.py").write_text(code)
    settings: Mapping[str, Any] = {"file": "handler.py", **more.pop("function", {})}
    runner = LambdaRunner(
        {"check-stock": Function.model_validate(settings)}, host=this_host(), of_server=os.environ, pause=0.01
    )
    configuration = {"FunctionName": "check-stock", "UserParameters": parameters}
    attempt = bench.attempt("Invoke", "Lambda", configuration, **more)
    return await asyncio.wait_for(runner.perform(attempt, interrupted=False), 60)


async def test_a_handler_tells_its_result_as_on_aws(bench: Bench) -> None:
    result = await invoke(bench, BOTO)
    assert result.outcome is Outcome.SUCCEEDED, bench.log
    assert result.variables == {"Stock": "12"}


async def test_a_handler_tells_its_failure_as_on_aws(bench: Bench) -> None:
    result = await invoke(bench, BOTO, parameters="fail")
    assert (result.outcome, result.detail) == (Outcome.FAILED, "no stock"), bench.log
    assert result.error == "RevisionOutOfSync"


async def test_what_a_handler_returns_counts_if_it_told_nothing(bench: Bench) -> None:
    code = """
def main(event, context):
    print("hello from", context.function_name, context.get_remaining_time_in_millis() > 0)
    return {"outputVariables": {"Run": __import__("os").environ["SAYSO_RUN"], "Mode": __import__("os").environ["MODE"]}}
"""
    result = await invoke(bench, code, function={"handler": "handler.main", "environment": {"MODE": "dry"}})
    assert result.variables == {"Run": "run-1", "Mode": "dry"}
    assert "hello from check-stock True" in bench.log


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("def lambda_handler(e, c):\n    raise ValueError('no such item')", "ValueError: no such item"),
        ("def other(e, c): pass", "exit code 1; its log says why"),
        ("this is no Python", "exit code 1; its log says why"),
        ("import os\ndef lambda_handler(e, c):\n    os._exit(7)", "exit code 7"),
        ("def lambda_handler(e, c):\n    return {'outputVariables': {'A': 1}}", "output variable A is no text"),
        ("def lambda_handler(e, c):\n    return {'outputVariables': {'A': 'x' * 1001}}", "more than 1,000 characters"),
    ],
)
async def test_every_bad_end_has_a_sentence(bench: Bench, code: str, sentence: str) -> None:
    result = await invoke(bench, code)
    assert result.outcome is Outcome.FAILED
    assert sentence in result.detail


async def test_one_that_takes_too_long_is_ended_with_all_it_started(bench: Bench) -> None:
    code = "import subprocess\ndef lambda_handler(e, c):\n    subprocess.run(['sleep', '300'])"
    result = await invoke(bench, code, function={"timeout_seconds": 1})
    assert (result.outcome, result.detail) == (Outcome.FAILED, "It took longer than its 1 seconds.")
    assert not marked(MARK, lambda value: value.startswith(bench.id))


async def test_a_continuation_token_brings_it_back(bench: Bench) -> None:
    code = """
import boto3
def lambda_handler(event, context):
    job = event["CodePipeline.job"]
    before = int(job["data"].get("continuationToken", "0"))
    more = {"continuationToken": str(before + 1)} if before < 2 else {"outputVariables": {"Times": str(before + 1)}}
    boto3.client("codepipeline").put_job_success_result(jobId=job["id"], **more)
"""
    result = await invoke(bench, code)
    assert result.variables == {"Times": "3"}, bench.log


async def test_it_goes_on_while_the_server_restarts_and_runs_once(bench: Bench) -> None:
    code = """
import time
from pathlib import Path
def lambda_handler(event, context):
    with Path("began").open("a") as began:
        began.write("x")
    while not Path("go").exists():
        time.sleep(0.02)
    return {"outputVariables": {"Began": Path("began").read_text()}}
"""
    (bench.tmp / "handler.py").write_text(code)

    def runner() -> LambdaRunner:
        return LambdaRunner({"wait": Function(file=Path("handler.py"))}, host=this_host(), of_server=os.environ)

    attempt = replace(bench.attempt("Invoke", "Lambda", {"FunctionName": "wait"}), leaving=lambda: True)
    first = asyncio.create_task(runner().perform(attempt, interrupted=False))
    await until(lambda: asyncio.to_thread((bench.tmp / "began").exists), bool)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    (bench.tmp / "go").touch()
    result = await asyncio.wait_for(runner().perform(attempt, interrupted=True), 60)
    assert result.variables == {"Began": "x"}, result


async def test_artifacts_are_folders(bench: Bench) -> None:
    code = """
from pathlib import Path
def lambda_handler(event, context):
    data = event["CodePipeline.job"]["data"]
    text = Path(data["inputArtifacts"][0]["location"]["folder"], "a.txt").read_text()
    Path(data["outputArtifacts"][0]["location"]["folder"], "b.txt").write_text(text.upper())
"""
    result = await invoke(bench, code, inputs={"In": bench.tree("in", {"a.txt": "hi"})}, outputs=("Out",))
    assert (Path(result.outputs["Out"]) / "b.txt").read_text() == "HI"


async def test_a_function_that_nobody_declared_is_said(bench: Bench) -> None:
    runner = LambdaRunner({"check-stock": Function(file=Path("gone.py"))}, host=this_host(), of_server=os.environ)
    attempt = bench.attempt("Invoke", "Lambda", {"FunctionName": "check-stok"})
    result = await runner.perform(attempt, interrupted=False)
    assert "Did you mean check-stock?" in result.detail
    attempt = bench.attempt("Invoke", "Lambda", {"FunctionName": "check-stock"})
    result = await runner.perform(attempt, interrupted=False)
    assert "has no file gone.py" in result.detail
