"""What stands behind actions, asked over HTTP of real builds, deployments and commands: the local endpoint's."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.errors import NotFound
from bot.core.model import Action, Run, Status
from integrations.aws.backend import AwsBackend
from integrations.aws.clients import ANY_SERVICE, Clients
from integrations.aws.details.looking import Details
from integrations.aws.pace import Pace
from integrations.aws.permissions import OPERATIONS
from integrations.aws.target import AwsTarget
from integrations.local.deploy import DeploymentGroup, DeploymentTarget
from integrations.local.target import LocalTarget
from tests.support.aws_world import AwsWorld, aws_session, open_aws_world
from tests.support.local_world import action
from tests.support.waiting import until

TARGET = AwsTarget(pipeline="shop", region="us-east-1")
BUILDSPEC = """version: 0.2
phases:
  pre_build: {commands: [echo getting ready]}
  build: {commands: [cp report.xml coverage.xml out/, echo one test failed, "exit 3"]}
reports:
  unit: {files: [out/report.xml]}
  lines: {files: [out/coverage.xml], file-format: COBERTURAXML}
"""
REPORT = """<testsuite name="cart" tests="3">
<testcase classname="cart" name="test_adds" time="0.5"/>
<testcase classname="cart" name="test_slow" time="2.5"/>
<testcase classname="cart" name="test_taxes" time="0.1"><failure message="19 is not 20"/></testcase>
</testsuite>"""
COVERAGE = """<coverage lines-valid="10" lines-covered="7" line-rate="0.7" branches-valid="4" branches-covered="1">
<packages><package name="cart"><classes><class filename="cart.py"><lines>
<line number="1" hits="1"/></lines></class></classes></package></packages></coverage>"""
APPSPEC = """version: 0.0
os: linux
files: [{source: page.html, destination: /srv}]
hooks:
  ValidateService: [{location: check.sh}]
"""
CHECK = """echo "looking at $SAYSO_TARGET"
while [ ! -e ROOT/go ]; do sleep 0.05; done
echo "no answer" >&2
exit 7
"""


@dataclass
class Clock:
    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Watched:
    world: AwsWorld
    backend: AwsBackend
    clients: Clients
    clock: Clock

    async def until(self, run_id: str, holds: Any) -> Run:
        async def look() -> Run:
            self.clock.ahead += timedelta(seconds=20)  # so that what a running action told is old each time
            return await self.backend.observe(TARGET, run_id)

        return await until(look, holds)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    targets = tuple(DeploymentTarget(folder=tmp_path / "srv" / name) for name in ("one", "two"))
    local = LocalTarget(
        pipeline=tmp_path / "none.json", applications={"shop": {"staging": DeploymentGroup(targets=targets)}}
    )
    clock = Clock()
    async with open_aws_world(tmp_path, targets=[local]) as world:
        clients = Clients(
            session=aws_session, pace=Pace(time.monotonic, 1000, 1000), clock=clock, backoff=0.01,
            endpoints={ANY_SERVICE: world.url},
        )  # fmt: skip
        backend = AwsBackend(clients, clock, details=Details(clients, clock), poll=0.05, together=0.0)
        yield Watched(world, backend, clients, clock)
        assert clients.called <= set(OPERATIONS), "the policy of `sayso aws policy` would not allow this"
        backend.close()
        await clients.close()


def of(run: Run, name: str) -> Action:
    return next(each for stage in run.stages for each in stage.actions if each.name == name)


async def test_a_failed_build_deployment_and_script_tell_of_themselves_through_boto3(watched: Watched) -> None:
    world = watched.world
    files = {
        "buildspec.yml": BUILDSPEC,
        "report.xml": REPORT,
        "coverage.xml": COVERAGE,
        "out/.keep": "",
        "appspec.yml": APPSPEC,
        "page.html": "hello",
        "check.sh": CHECK.replace("ROOT", str(world.local.root)),
    }
    for name, text in files.items():  # fmt: skip
        world.local.write(name, text)
    world.local.commit("a service whose release fails in every way")
    tree: dict[str, Any] = {"inputArtifacts": [{"name": "Tree"}]}
    declared = world.declaration("shop")
    declared["stages"][1]["actions"] = [
        action("Build", "CodeBuild", "Unit", configuration={"ProjectName": "unit"}, **tree),
        action("Deploy", "CodeDeploy", "Roll", **tree,
               configuration={"ApplicationName": "shop", "DeploymentGroupName": "staging"}),
        action("Compute", "Commands", "Script", commands=["echo before", "echo oh dear >&2", "exit 5"], **tree),
    ]  # fmt: skip
    await world.call("create_pipeline", pipeline=declared)
    run_id = await world.start("shop")

    def validates(run: Run) -> bool:
        rollout = of(run, "Roll").rollout
        return rollout is not None and rollout.step == "ValidateService"

    run = await watched.until(run_id, validates)
    rolling = of(run, "Roll").rollout
    assert rolling is not None
    assert (rolling.done, rolling.total, rolling.target) == (0, 2, "one")
    (world.local.root / "go").touch()
    run = await watched.until(run_id, lambda run: run.status.finished)
    assert run.status is Status.FAILED

    unit = of(run, "Unit")
    assert unit.tests is not None and unit.log is not None
    assert (unit.tests.passed, unit.tests.failed, unit.tests.seconds) == (2, 1, 3.1)
    assert [(each.name, each.message) for each in unit.tests.failures] == [("cart.test_taxes", "19 is not 20")]
    assert unit.tests.slowest[0].name == "cart.test_slow"
    assert unit.tests.coverage is not None
    assert (unit.tests.coverage.percent, unit.tests.coverage.branches_covered) == (70.0, 1)
    assert unit.detail.startswith("BUILD: ") and "exit" in unit.detail
    assert "one test failed" in unit.log.lines

    roll = of(run, "Roll")
    assert roll.log is not None
    assert roll.detail.startswith("ValidateService check.sh on one: ")
    assert roll.log.lines[-1] == "[stdout]no answer"

    script = of(run, "Script")
    assert script.log is not None
    assert "oh dear" in script.log.lines

    for each, words in ((unit, "getting ready"), (roll, "looking at"), (script, "before")):
        assert each.log is not None and each.log.key is not None
        assert words in await watched.backend.log(TARGET, run_id, each.log.key)
    assert unit.log.key is not None
    with pytest.raises(NotFound):
        await watched.backend.log(TARGET, run_id, unit.log.key + "0")

    calls = watched.clients.calls
    watched.clock.ahead += timedelta(hours=1)
    assert of(await watched.backend.observe(TARGET, run_id), "Unit") == unit
    assert watched.clients.calls == calls  # what has ended is kept
