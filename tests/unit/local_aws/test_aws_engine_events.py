"""What the engine does is told in EventBridge's words: each state change once, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.core.model import Decision, Release, Status, Surface
from bot.core.ports import RetryScope
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.aws.serving import publishing
from integrations.local.backend import LocalBackend
from tests.playground.serving import listening, served
from tests.support.local_world import APPROVE, SOURCE, LocalWorld, build
from tests.support.waiting import until

TAKEN = list[dict[str, Any]]


@pytest.fixture
def desk() -> Iterator[tuple[TAKEN, str]]:
    taken: TAKEN = []

    async def take(request: Request) -> Response:
        taken.append(await request.json())
        return Response(status_code=204)

    listener, url = listening()
    with served(Starlette(routes=[Route("/events", take, methods=["POST"])]), listener):
        yield taken, f"{url}/events"


def now() -> datetime:
    return datetime.now(UTC)


def told(event: dict[str, Any]) -> str:
    detail = event["detail"]
    if event["source"] == "aws.codebuild":
        return f"build {detail['build-status']}"
    return " ".join(filter(None, (detail.get("stage"), detail.get("action"), detail["state"])))


EXPECTED = """
STARTED
Source STARTED
Source Checkout STARTED
Source Checkout SUCCEEDED
Source SUCCEEDED
Build STARTED
Build Unit STARTED
build IN_PROGRESS
Build Unit FAILED
build FAILED
Build FAILED
FAILED
RESUMED
Build RESUMED
Build Unit STARTED
build IN_PROGRESS
Build Unit SUCCEEDED
build SUCCEEDED
Build SUCCEEDED
Release STARTED
Release Approve STARTED
STOPPING
Release Approve ABANDONED
Release STOPPING
Release STOPPED
STOPPED
RESUMED
Release RESUMED
Release Approve STARTED
Release Approve SUCCEEDED
Release SUCCEEDED
SUCCEEDED
""".strip().splitlines()


async def test_every_state_change_of_a_run_is_told_once_and_in_order(
    tmp_path: Path, database_url: str, desk: tuple[TAKEN, str]
) -> None:
    taken, address = desk
    world = LocalWorld(tmp_path / "world")
    world.declare(
        [
            {"name": "Source", "actions": [SOURCE]},
            {"name": "Build", "actions": [build("Unit", 1)]},
            {"name": "Release", "actions": [APPROVE]},
        ]
    )
    target = world.target()
    engine = open_engine(database_url)
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    (tmp_path / "data").mkdir()
    backend = LocalBackend(Database(engine), tmp_path / "data", now, lambda: uuid4().hex)

    async def taken_so_far() -> list[str]:
        return [told(event) for event in taken]

    async with publishing(backend.engine, SecretStr(address)):
        await backend.open()
        wish = Release(id="w", number=1, service="shop", environment="prod", requested_by="ada", surface=Surface.CLI,
                       backend="local", created=now(), updated=now())  # fmt: skip
        run_id = await backend.start(target, wish)

        async def status(*expected: Status) -> Any:
            return await until(lambda: backend.observe(target, run_id), lambda run: run.status in expected)

        world.say(run_id, "Build.Unit", ok=False)
        await status(Status.FAILED)
        world.say(run_id, "Build.Unit")
        await backend.retry(target, run_id, "Build", RetryScope.FAILED_ACTIONS, 1)
        await status(Status.WAITING)
        await backend.stop(target, run_id, "lunch")
        await status(Status.STOPPED)
        await backend.retry(target, run_id, "Release", RetryScope.FAILED_ACTIONS, 1)
        gate = (await status(Status.WAITING)).open_gate
        await backend.decide(target, run_id, gate[2].token, Decision(approved=True, by="ana"))
        await status(Status.SUCCEEDED)
        await until(taken_so_far, lambda seen: seen and seen[-1] == "SUCCEEDED")
        await backend.close(kill=True)
    await engine.dispose()
    assert await taken_so_far() == EXPECTED
    assert len({event["id"] for event in taken}) == len(taken)
    _envelopes_are_those_of_eventbridge(taken, run_id)


def _envelopes_are_those_of_eventbridge(taken: TAKEN, run_id: str) -> None:
    envelope = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
    assert all(set(event) == envelope for event in taken)
    begun = taken[0]
    assert begun["source"] == "aws.codepipeline"
    assert begun["detail-type"] == "CodePipeline Pipeline Execution State Change"
    assert begun["resources"] == ["arn:aws:codepipeline:local:000000000000:shop"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", begun["time"])
    assert begun["detail"]["execution-trigger"]["trigger-type"] == "StartPipelineExecution"
    assert begun["detail"] == begun["detail"] | {"pipeline": "shop", "execution-id": run_id, "version": 1}
    stop = next(event for event in taken if event["detail"].get("state") == "STOPPING")
    assert stop["detail"]["stop-execution-comments"] == "lunch"
    failed = next(event for event in taken if told(event) == "Build Unit FAILED")
    assert failed["detail-type"] == "CodePipeline Action Execution State Change"
    assert failed["detail"]["type"] == {
        "owner": "AWS", "category": "Build", "provider": "CodeBuild", "version": "1"
    }  # fmt: skip
    assert failed["detail"]["execution-result"]["error-code"] == "JobFailed"
    assert "exit" in failed["detail"]["execution-result"]["external-execution-summary"]
    assert failed["detail"]["input-artifacts"] == [{"name": "Tree"}]
    built = next(event for event in taken if told(event) == "build FAILED")
    assert (built["source"], built["detail-type"]) == ("aws.codebuild", "CodeBuild Build State Change")
    assert built["detail"]["build-id"] == built["resources"][0]
    assert built["detail"]["build-id"].startswith("arn:aws:codebuild:local:000000000000:build/Build.Unit:")
    assert built["detail"]["project-name"] == "Build.Unit"
    about = built["detail"]["additional-information"]
    assert (about["initiator"], about["build-complete"]) == ("codepipeline/shop", True)
    assert re.fullmatch(r"[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M", about["build-start-time"])
    phases = {phase["phase-type"]: phase for phase in about["phases"]}
    assert phases["BUILD"]["phase-status"] == "FAILED"
    assert "exit status 1" in phases["BUILD"]["phase-context"][0]
