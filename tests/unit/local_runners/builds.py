"""Real builds of small buildspecs, for tests."""

from __future__ import annotations

import json
from typing import Any

from integrations.local.actions import Result
from integrations.local.build import CodeBuildRunner, Project


def runner(bench: Any, *, projects: Any = None, **more: Any) -> CodeBuildRunner:
    of_server = {**bench.of_server, **more.pop("of_server", {})}
    given = {"host": bench.host, "of_server": of_server, "projects": projects or {}, "data": bench.tmp / "data"}
    return CodeBuildRunner(**given, **more)


async def build(
    bench: Any, spec: Any, *, outputs: Any = (), files: Any = None, number: int = 1, variables: Any = None, **more: Any
) -> Result:
    source = bench.tree(f"code-{number}", {"buildspec.yml": spec, **(files or {})})
    configuration = {"ProjectName": "unit"}
    if variables:
        configuration["EnvironmentVariables"] = json.dumps(variables)
    if (project := more.pop("project", None)) is not None:
        more["projects"] = {"unit": project if isinstance(project, Project) else Project(**project)}
    attempt = bench.attempt({"Code": source}, outputs=outputs, configuration=configuration, number=number)
    result = await runner(bench, **more).perform(attempt, interrupted=False)
    assert bench.processes() == []
    return result


def said(log: str) -> list[str]:
    return [line for line in log.splitlines() if not line.startswith("[Sayso]")]
