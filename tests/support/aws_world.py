"""The AWS-compatible endpoint behind a real server, over a real engine, for the AWS CLI and boto3."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from fastapi import FastAPI
from pydantic import SecretStr

from bot.cli.serving import run_until
from bot.http.doors import add_doors
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.aws.serving import open_endpoint
from integrations.local.backend import LocalBackend
from integrations.local.target import LocalTarget
from tests.playground.serving import listening
from tests.support.local_world import LocalWorld
from tests.support.waiting import until

KEY_ID, SECRET = "AKIDLOCALTEST", "a-secret-of-the-tests-that-is-long-enough"


@dataclass
class AwsWorld:
    """What a client of AWS sees of this machine."""

    backend: LocalBackend
    url: str
    local: LocalWorld
    codepipeline: Any
    codebuild: Any
    codedeploy: Any
    logs: Any

    async def call(self, operation: str, **given: Any) -> dict[str, Any]:
        """Call CodePipeline by boto3, as `get_pipeline_state`."""
        return await _called(self.codepipeline, operation, given)

    async def build(self, operation: str, **given: Any) -> dict[str, Any]:
        """Call CodeBuild by boto3."""
        return await _called(self.codebuild, operation, given)

    async def deployment(self, operation: str, **given: Any) -> dict[str, Any]:
        """Call CodeDeploy by boto3."""
        return await _called(self.codedeploy, operation, given)

    async def log(self, **given: Any) -> dict[str, Any]:
        """Call CloudWatch Logs' GetLogEvents by boto3."""
        return await _called(self.logs, "get_log_events", given)

    async def refused(self, operation: str, **given: Any) -> str:
        """Call CodePipeline by boto3; gives the name of the modelled exception that it raises."""
        with pytest.raises(self.codepipeline.exceptions.ClientError) as refusal:
            await self.call(operation, **given)
        told = refusal.value.response["Error"]
        assert told["Message"]
        assert isinstance(refusal.value, self.codepipeline.exceptions.from_code(told["Code"]))
        return str(told["Code"])

    async def cli(self, *words: str, service: str = "codepipeline") -> Any:
        """Run the AWS CLI; gives what it prints, as JSON."""
        code, told, error = await self.cli_raw(*words, service=service)
        assert code == 0, error
        return json.loads(told) if told.strip() else None

    async def cli_raw(self, *words: str, service: str = "codepipeline") -> tuple[int, str, str]:
        """Run the AWS CLI; gives exit code, output and errors."""
        program = Path(sys.executable).with_name("aws")
        environment = {
            "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.url, "AWS_PAGER": "",
            "HOME": str(self.local.root), "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(program), service, *words, "--output", "json", env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        told, error = await process.communicate()
        return process.returncode or 0, told.decode(), error.decode()

    async def status(self, name: str, execution: str, *expected: str) -> str:
        """Wait until an execution has one of these states."""

        async def look() -> str:
            answer = await self.call("get_pipeline_execution", pipelineName=name, pipelineExecutionId=execution)
            return str(answer["pipelineExecution"]["status"])

        return await until(look, lambda seen: seen in expected)

    async def stage(self, name: str, stage: str) -> dict[str, Any]:
        """Give one stage's state."""
        state = await self.call("get_pipeline_state", name=name)
        found: dict[str, Any] = next(each for each in state["stageStates"] if each["stageName"] == stage)
        return found

    async def gate(self, name: str, execution: str, stage: str = "Release") -> str:
        """Wait until an execution waits at the approval of a stage, and give its token."""

        def token(state: Mapping[str, Any]) -> str | None:
            if state.get("latestExecution", {}).get("pipelineExecutionId") != execution:
                return None
            found: str | None = state["actionStates"][0].get("latestExecution", {}).get("token")
            return found

        return str(token(await until(lambda: self.stage(name, stage), token)))

    async def answer(self, name: str, execution: str, *, stage: str = "Release", approved: bool = True) -> None:
        """Answer the approval of a stage."""
        token = await self.gate(name, execution, stage)
        status = "Approved" if approved else "Rejected"
        await self.call("put_approval_result", pipelineName=name, stageName=stage, actionName="Approve", token=token,
                        result={"summary": "seen", "status": status})  # fmt: skip

    def declaration(self, name: str, **more: Any) -> dict[str, Any]:
        """Declare a pipeline of a source and an approval."""
        kind = {"category": "Source", "owner": "Custom", "provider": "Git", "version": "1"}
        source = {
            "name": "Checkout", "actionTypeId": kind, "outputArtifacts": [{"name": "Tree"}], "namespace": "Source",
            "configuration": {"RepositoryUrl": str(self.local.repository), "BranchName": "main"},
        }  # fmt: skip
        approve = {
            "name": "Approve", "configuration": {"CustomData": "Ship #{Source.CommitMessage}?"},
            "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
        }  # fmt: skip
        return {
            "name": name, "roleArn": "arn:aws:iam::000000000000:role/local", "pipelineType": "V2",
            "artifactStore": {"type": "S3", "location": "local"},
            "stages": [{"name": "Source", "actions": [source]}, {"name": "Release", "actions": [approve]}], **more,
        }  # fmt: skip

    async def create(self, name: str, **more: Any) -> None:
        """Create such a pipeline."""
        await self.call("create_pipeline", pipeline=self.declaration(name, **more))

    async def start(self, name: str, **more: Any) -> str:
        """Start an execution, and give its id."""
        return str((await self.call("start_pipeline_execution", name=name, **more))["pipelineExecutionId"])


async def _called(client: Any, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = await asyncio.to_thread(lambda: getattr(client, operation)(**given))
    answer.pop("ResponseMetadata")
    return answer


@lru_cache(maxsize=1)
def aws_session() -> boto3.session.Session:
    """Give the session whose key opens the endpoint; AWS's models are read once for all tests."""
    return boto3.session.Session(KEY_ID, SECRET, region_name="us-east-1")


@asynccontextmanager
async def serving_aws(backend: LocalBackend) -> AsyncIterator[str]:
    """Serve the endpoint of an open backend, and give its URL; every answer is checked against the service's model."""
    door, url = listening()
    stop = asyncio.Event()
    api = FastAPI()
    endpoint = await open_endpoint(
        backend, SecretStr(KEY_ID), SecretStr(SECRET), checked=True, clock=lambda: datetime.now(UTC)
    )
    add_doors(api, {"/aws": endpoint})
    serving = asyncio.create_task(run_until(api, door, stop, lambda: None))
    try:
        yield f"{url}/aws"
    finally:
        stop.set()
        await serving


@asynccontextmanager
async def open_aws_world(
    root: Path, database_url: str | None = None, *, targets: Sequence[LocalTarget] = ()
) -> AsyncIterator[AwsWorld]:
    """Run it for the time of the block; pipelines take their projects and applications from `targets`."""
    local = LocalWorld(root)
    engine = open_engine(database_url or f"sqlite:///{root / 'sayso.db'}")
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    (root / "data").mkdir()
    backend = LocalBackend(
        Database(engine), root / "data", lambda: datetime.now(UTC), lambda: str(uuid4()), targets=targets
    )
    await backend.open()
    config = Config(retries={"total_max_attempts": 1})
    try:
        async with serving_aws(backend) as url:
            services = ("codepipeline", "codebuild", "codedeploy", "logs")
            clients = [aws_session().client(each, endpoint_url=url, config=config) for each in services]
            try:
                yield AwsWorld(backend, url, local, *clients)
            finally:
                for client in clients:
                    client.close()
    finally:
        await backend.close(kill=True)
        await engine.dispose()
