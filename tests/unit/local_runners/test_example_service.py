"""The example service goes through the runners as it is: its own buildspecs, its own appspec, a real port."""

from __future__ import annotations

import json
import shutil
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from bot.core.model import Rollout
from integrations.local.actions import Outcome, Result
from integrations.local.build import CodeBuildRunner, Project
from integrations.local.deploy import CodeDeployRunner, DeploymentGroup, DeploymentTarget
from integrations.specs.pipeline import parse_pipeline

EXAMPLE = Path(__file__).resolve().parents[3] / "deploy" / "example" / "service"


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    return found


def version(port: int) -> dict[str, str]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}/version", timeout=120) as answer:
        found: dict[str, str] = json.load(answer)
    return found


async def test_the_example_is_built_tested_deployed_and_answers_with_its_version(bench: Any, port: int) -> None:
    pipeline = parse_pipeline((EXAMPLE / "pipeline.json").read_text(), "pipeline.json")
    assert [stage.name for stage in pipeline.stages] == ["Source", "Build", "Staging", "Approval", "Production"]
    source = bench.tmp / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    builds = CodeBuildRunner(
        data=bench.tmp / "data",
        projects={
            "checkout-style": Project(buildspec="buildspec-style.yml"),
            "checkout-integration": Project(
                buildspec="buildspec-integration.yml", environment={"CHECKOUT_URL": f"http://127.0.0.1:{port}"}
            ),
        },
        host=bench.host,
        of_server=bench.of_server,
    )
    staging = DeploymentGroup(
        targets=(DeploymentTarget(folder=bench.tmp / "staging", environment={"PORT": str(port)}),)
    )
    deploys = CodeDeployRunner(
        applications={"checkout": {"staging": staging}}, host=bench.host, of_server=bench.of_server
    )

    async def build(project: str, code: Path, number: int, *outputs: str) -> Result:
        configuration = {"ProjectName": project}
        attempt = bench.attempt({"Code": code}, outputs=outputs, configuration=configuration, number=number)
        return await builds.perform(attempt, interrupted=False)

    async def deploy(bundle: Path, number: int) -> Result:
        configuration = {"ApplicationName": "checkout", "DeploymentGroupName": "staging"}
        attempt = bench.attempt({"App": bundle}, configuration=configuration, number=number)
        return await deploys.perform(attempt, interrupted=False)

    unit = await build("checkout-unit", source, 1, "BuildOutput")
    assert unit.outcome is Outcome.SUCCEEDED, bench.log
    assert unit.tests
    assert unit.tests.passed > 5
    assert not (unit.tests.failed or unit.tests.errors or unit.tests.notes)
    style = await build("checkout-style", source, 2)
    assert style.outcome is Outcome.SUCCEEDED, bench.log
    first = await deploy(Path(unit.outputs["BuildOutput"]), 3)
    assert first.outcome is Outcome.SUCCEEDED, bench.log
    assert first.rollout == Rollout(done=1, total=1, step="ValidateService", target="staging")
    assert version(port)["version"] == (source / "VERSION").read_text().strip()
    integration = await build("checkout-integration", Path(unit.outputs["BuildOutput"]), 4)
    assert integration.outcome is Outcome.SUCCEEDED, bench.log
    assert integration.tests
    assert integration.tests.passed

    (source / "VERSION").write_text("99.0.0\n")
    changed = await build("checkout-unit", source, 5, "BuildOutput")
    assert (await deploy(Path(changed.outputs["BuildOutput"]), 6)).outcome is Outcome.SUCCEEDED, bench.log
    assert version(port)["version"] == "99.0.0"
    services = [process for process in bench.processes() if "checkout" in " ".join(process.cmdline())]
    assert len(services) == 1
