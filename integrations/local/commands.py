"""Compute actions of provider Commands: its shell commands, run the way a build's are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from integrations.local.actions import AfterCrash, Attempt, ErrorCode, Outcome, Result
from integrations.local.build import CodeBuildRunner
from integrations.local.build_plan import Project
from integrations.specs.pipeline import ActionDeclaration

MINUTES = 55
"""User Guide, "Commands action reference": how long all commands together may take."""

PROJECTS: Mapping[str, Project] = {"": Project(timeout_minutes=MINUTES)}


class CommandsRunner:
    """Carries out `Compute/Commands` (User Guide, "Commands action reference").

    CodePipeline has CodeBuild do it, and so do we: the commands are the build phase of a buildspec of our own, in one
    shell, until one fails.
    """

    after_crash = AfterCrash.REATTACH

    def __init__(self, builds: CodeBuildRunner) -> None:
        """Take the runner that does it, which knows `PROJECTS`."""
        self._builds = builds

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        """Run the commands to their end."""
        if not attempt.declaration.commands and (written := attempt.configuration.get("Commands")):
            # A rule may have them in its configuration instead (User Guide, "Commands rule").
            lines = tuple(line for line in written.splitlines() if line.strip())
            attempt = replace(attempt, declaration=attempt.declaration.model_copy(update={"commands": lines}))
        if not attempt.declaration.commands:
            sentence = f"The action {attempt.declaration.name} has no commands."
            return Result(outcome=Outcome.FAILED, detail=sentence, error=ErrorCode.CONFIGURATION)
        configuration = {"BuildspecOverride": buildspec(attempt.declaration)}
        if attempt.declaration.environment_variables:
            configuration["EnvironmentVariables"] = json.dumps(
                [each.model_dump() for each in attempt.declaration.environment_variables]
            )
        return await self._builds.perform(replace(attempt, configuration=configuration), interrupted=interrupted)


def buildspec(declaration: ActionDeclaration) -> str:
    """Write the commands as a buildspec (JSON, which is YAML, too); outputs without `files` take everything."""
    spec: dict[str, Any] = {"version": 0.2, "phases": {"build": {"commands": list(declaration.commands)}}}
    if declaration.output_variables:
        spec["env"] = {"exported-variables": list(declaration.output_variables)}
    if declaration.output_artifacts:
        spec["artifacts"] = {"files": list(declaration.output_artifacts[0].files or ("**/*",))}
    return json.dumps(spec, indent=1)
