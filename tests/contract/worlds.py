"""The worlds in which the contract is tried: each gives a backend, and lets the test say how its actions end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from bot.core.model import ActionKind, Release, Run, Status, Surface
from bot.core.ports import Backend
from integrations.aws.backend import AwsBackend
from integrations.aws.clients import ANY_SERVICE, Clients
from integrations.aws.details.looking import Details
from integrations.aws.pace import Pace
from integrations.aws.permissions import OPERATIONS
from integrations.aws.target import AwsTarget
from integrations.local import starts
from integrations.local.backend import LocalBackend
from integrations.local.states import Fired, Hook, Mode
from integrations.local.target import LocalTarget
from tests.support.aws_world import aws_session, serving_aws
from tests.support.local_world import APPROVE, PIPELINE, LocalWorld
from tests.support.memory_backend import MemoryBackend, MemoryTarget, Plan
from tests.support.waiting import until


@dataclass(slots=True)
class Clock:
    """Real time, plus what the test adds."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition of a stage, with one rule that the test ends as it ends actions."""

    stage: str
    hook: Hook
    result: Fired
    rule: str = "Ready"


class Say(Protocol):
    """Lets a running action of a run end, well or badly."""

    def __call__(self, run_id: str, stage: str, action: str, *, ok: bool = True) -> None: ...


class Ticking(Backend, Protocol):
    """A backend that can be told to look at the clock."""

    async def tick(self) -> None: ...


@dataclass(slots=True)
class World:
    """A backend with the pipeline Source, Build (Unit and Style, Package), Staging, Production (Approve, Deploy)."""

    backend: Ticking
    target: BaseModel
    broken: BaseModel | None
    """Its pipeline can't be read; None where no pipeline is like that."""
    clock: Clock
    say: Say
    gate_text: str
    declare: Callable[..., None]
    """Change the pipeline: `mode`, and `conditions` as stage, hook, result and rule, as `Guard`."""
    starts_anew: bool = False
    """Where no stage can be rolled back, the revisions of the run to go back to are started anew."""
    numbers: count[int] = field(default_factory=lambda: count(1))

    def release(self, ref: str | None = None) -> Release:
        """Make a wish."""
        number, now = next(self.numbers), self.clock()
        return Release(
            id=f"wish-{number}", number=number, service="shop", environment="prod", ref=ref, requested_by="ada",
            surface=Surface.CLI, backend="any", created=now, updated=now,
        )  # fmt: skip

    async def start(self, ref: str | None = None) -> str:
        """Start a run for a new wish."""
        return await self.backend.start(self.target, self.release(ref))

    async def look(self, run_id: str) -> Run:
        return await self.backend.observe(self.target, run_id)

    async def until(self, run_id: str, holds: Callable[[Run], object]) -> Run:
        """Wait until a run looks so."""
        return await until(lambda: self.look(run_id), holds)

    async def runs(self, run_id: str, stage: str, *actions: str) -> Run:
        """Wait until these actions run."""
        return await self.until(run_id, lambda run: all(state(run, stage, a) is Status.RUNNING for a in actions))

    async def end(self, run_id: str, stage: str, action: str, *, ok: bool = True) -> Run:
        """Wait until the action runs, end it, and wait until that is seen."""
        await self.runs(run_id, stage, action)
        self.say(run_id, stage, action, ok=ok)
        return await self.until(run_id, lambda run: state(run, stage, action) in (Status.SUCCEEDED, Status.FAILED))

    async def build(self, run_id: str) -> None:
        """Take a run through its Build stage."""
        await self.runs(run_id, "Build", "Unit", "Style")
        self.say(run_id, "Build", "Unit")
        self.say(run_id, "Build", "Style")
        await self.end(run_id, "Build", "Package")

    async def to_gate(self, run_id: str) -> Run:
        """Take a run to its approval."""
        await self.build(run_id)
        await self.end(run_id, "Staging", "Deploy")
        return await self.until(run_id, lambda run: run.open_gate)


def state(run: Run, stage: str, action: str) -> Status:
    """Find how an action stands."""
    found = run.stage(stage)
    assert found is not None
    return next(a.status for a in found.actions if a.name == action)


def memory_world() -> World:
    """Make a world in memory."""
    kinds = {"Source": ActionKind.SOURCE, "Build": ActionKind.BUILD}
    plans = [
        Plan(
            stage=stage["name"], action=a["name"], order=a.get("runOrder", 1), message=a.get("message", ""),
            kind=ActionKind.APPROVAL if a["name"] == "Approve" else kinds.get(stage["name"], ActionKind.DEPLOY),
        )
        for stage in PIPELINE for a in stage["actions"]
    ]  # fmt: skip
    clock, ids = Clock(), count(1)
    backend = MemoryBackend({"shop": plans, "broken": "it is not JSON"}, clock, lambda: f"run-{next(ids)}")

    def say(run_id: str, stage: str, action: str, *, ok: bool = True) -> None:
        backend.show(run_id, stage, action, log=f"step {stage}.{action}\n")
        backend.end(run_id, stage, action, ok=ok)

    def declare(mode: Mode = Mode.SUPERSEDED, guards: Sequence[Guard] = ()) -> None:
        rules = [
            Plan(stage=g.stage, action=g.rule, kind=ActionKind.COMPUTE, hook=g.hook, result=g.result) for g in guards
        ]
        backend.pipelines["shop"] = [*plans, *rules]
        backend.modes["shop"] = mode

    broken = MemoryTarget(pipeline="broken")
    return World(backend, MemoryTarget(pipeline="shop"), broken, clock, say, "", declare)


@asynccontextmanager
async def aws_world(root: Path, backend: LocalBackend, clock: Clock) -> AsyncIterator[World]:
    """Make a world of the backend `aws`: boto3 over HTTP, to the AWS-compatible endpoint of `backend`, which is open.

    Looks are taken as often as they are asked for, without waiting for a pace.
    """
    inner = local_world(root, backend, clock)
    inner.declare()
    assert isinstance(inner.target, LocalTarget)
    await starts.register(backend.engine, inner.target)
    async with serving_aws(backend) as url:
        clients = Clients(
            session=aws_session, pace=Pace(time.monotonic, 10_000, 10_000), clock=clock, endpoints={ANY_SERVICE: url}
        )
        aws = AwsOverHttp(clients, clock, backend)
        target = AwsTarget(pipeline="shop", region="us-east-1")

        def declare(mode: Mode = Mode.SUPERSEDED, guards: Sequence[Guard] = ()) -> None:
            inner.declare(mode, guards)

        try:
            yield World(aws, target, None, clock, inner.say, inner.gate_text, declare, starts_anew=True)
            assert clients.called <= set(OPERATIONS), "the policy of `sayso aws policy` would not allow this"
        finally:
            aws.close()
            await clients.close()


class AwsOverHttp(AwsBackend):
    """The backend as it is; the clock that ticks is the other side's."""

    def __init__(self, clients: Clients, clock: Clock, other_side: LocalBackend) -> None:
        super().__init__(clients, clock, details=Details(clients, clock), poll=0.1, together=0.0)
        self._other_side = other_side

    async def tick(self) -> None:
        await self._other_side.tick()


def local_world(root: Path, backend: LocalBackend, clock: Clock) -> World:
    """Make a world on this machine."""
    local = LocalWorld(root)
    broken = root / "broken.json"
    broken.write_text('{"pipeline": {"name": "shop", "stages": []')

    def say(run_id: str, stage: str, action: str, *, ok: bool = True) -> None:
        local.say(run_id, f"{stage}.{action}", ok=ok)

    text = APPROVE["configuration"]["CustomData"].replace("#{SourceVariables.CommitMessage}", "the first one")

    def declare(mode: Mode = Mode.SUPERSEDED, guards: Sequence[Guard] = ()) -> None:
        stages = deepcopy(PIPELINE)
        for guard in guards:
            stage = next(stage for stage in stages if stage["name"] == guard.stage)
            rule = {"name": guard.rule, "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "Commands"},
                    "commands": [f"sh step.sh {guard.stage}.{guard.rule}"],
                    "inputArtifacts": [{"name": "Tree"}]}  # fmt: skip
            condition = {"result": guard.result, "rules": [rule]}
            stage[HOOKS[guard.hook]] = {"conditions": [condition]}
        local.declare(stages, pipelineType="V2", executionMode=mode)

    return World(backend, local.target(), local.target(pipeline=str(broken)), clock, say, text, declare)


HOOKS = {Hook.BEFORE_ENTRY: "beforeEntry", Hook.ON_SUCCESS: "onSuccess", Hook.ON_FAILURE: "onFailure"}


async def settle() -> None:
    """Give everything that could happen by mistake the time to happen."""
    await asyncio.sleep(0.3)
