"""A real git repository with a pipeline for the local backend, whose actions end when and how the test says."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from integrations.local.target import LocalTarget

STEP = """#!/bin/sh
# Waits until the test says how this step ends; says so once, so that a retry waits anew.
echo "step $1"
say="{control}/$SAYSO_RUN/$1"
mkdir -p "{control}/$SAYSO_RUN"
echo "$SAYSO_RUN $1" >> "{control}/began"
while [ ! -e "$say" ]; do sleep 0.03; done
word=$(cat "$say"); rm "$say"
echo "the word is $word"
[ "$word" = ok ]
"""


class LocalWorld:
    """A repository under `root`, and a pipeline file beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository = root / "repository"
        self.control = root / "control"
        self.file = root / "pipeline.json"
        self.repository.mkdir(parents=True)
        self.control.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("step.sh", STEP.replace("{control}", str(self.control)))
        self.write("appspec.yml", APPSPEC)
        for name in ("Build.Unit", "Build.Style", "Build.Package"):
            self.write(f"{name}.yml", buildspec(name))
        self.write("hook.sh", HOOK)
        self.first = self.commit("the first one")
        self.declare(PIPELINE)

    def target(self, **changed: Any) -> LocalTarget:
        """Describe the environment."""
        projects = {name: {"buildspec": f"{name}.yml"} for name in ("Build.Unit", "Build.Style", "Build.Package")}
        groups = {
            name: {"targets": [{"folder": str(self.root / "deployed" / name)}]} for name in ("staging", "production")
        }
        given = {"pipeline": str(self.file), "projects": projects, "applications": {"shop": groups}}
        return LocalTarget.model_validate(given | changed)

    def declare(self, stages: Sequence[Mapping[str, Any]], **more: Any) -> None:
        """Write the pipeline file."""
        self.file.write_text(json.dumps({"pipeline": {"name": "shop", "stages": stages, **more}}))

    def write(self, name: str, text: str) -> None:
        """Write a file of the repository."""
        path = self.repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, message: str) -> str:
        """Commit all and give the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *args: str) -> str:
        """Run git in the repository."""
        env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
               "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
               "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}  # fmt: skip
        done = subprocess.run(["git", *args], cwd=self.repository, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def say(self, run_id: str, step: str, *, ok: bool = True) -> None:
        """Let a waiting step, as `Build.Unit`, end."""
        folder = self.control / run_id
        folder.mkdir(exist_ok=True)
        (folder / "word").write_text("ok" if ok else "no")
        (folder / "word").rename(folder / step)

    def began(self, run_id: str) -> list[str]:
        """Tell which steps really began, in order, again for every time."""
        file = self.control / "began"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == run_id]


HOOK = """#!/bin/sh
case "$DEPLOYMENT_GROUP_NAME" in
  staging) exec sh step.sh Staging.Deploy ;;
  production) exec sh step.sh Production.Deploy ;;
esac
exit 1
"""
APPSPEC = """version: 0.0
os: linux
files:
  - source: /
    destination: app
hooks:
  AfterInstall:
    - location: hook.sh
      timeout: 600
"""


def buildspec(step: str) -> str:
    """Give a buildspec whose build is one step."""
    return f"""version: 0.2
phases:
  build:
    commands:
      - sh step.sh {step}
artifacts:
  files:
    - '**/*'
"""


def action(category: str, provider: str, name: str, **more: Any) -> dict[str, Any]:
    """Write an action of the pipeline."""
    owner = "Custom" if provider == "Git" else "AWS"
    kind = {"category": category, "owner": owner, "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, **more}


def build(name: str, order: int, output: str | None = None) -> dict[str, Any]:
    """Write a build action."""
    more: dict[str, Any] = {"outputArtifacts": [{"name": output}]} if output else {}
    return action("Build", "CodeBuild", name, runOrder=order, configuration={"ProjectName": f"Build.{name}"},
                  inputArtifacts=[{"name": "Tree"}], **more)  # fmt: skip


def deploy(group: str, order: int = 1, source: str = "Package") -> dict[str, Any]:
    """Write a deploy action."""
    return action("Deploy", "CodeDeploy", "Deploy", runOrder=order, inputArtifacts=[{"name": source}],
                  configuration={"ApplicationName": "shop", "DeploymentGroupName": group})  # fmt: skip


SOURCE = action(
    "Source", "Git", "Checkout", namespace="SourceVariables", outputArtifacts=[{"name": "Tree"}],
    configuration={"RepositoryUrl": "repository", "BranchName": "main"},
)  # fmt: skip
APPROVE = action(
    "Approval", "Manual", "Approve", runOrder=1,
    configuration={"CustomData": "Ship #{SourceVariables.CommitMessage}?", "ExternalEntityLink": "https://shop.example"},
)  # fmt: skip
PIPELINE: list[dict[str, Any]] = [
    {"name": "Source", "actions": [SOURCE]},
    {"name": "Build", "actions": [build("Unit", 1), build("Style", 1), build("Package", 2, "Package")]},
    {"name": "Staging", "actions": [deploy("staging")]},
    {"name": "Production", "actions": [APPROVE, deploy("production", 2)]},
]
