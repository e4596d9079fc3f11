"""Small services with a real, quick pipeline, and their catalogue; all that they do to the world stands in one file."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

CHANNEL = "C0RELEASES"
PEOPLE: Mapping[str, str] = {name: f"U0{name.upper()}" for name in ("ana", "ben", "chi")}
"""Their Slack ids; ana asks, the others may approve, too."""

_BUILDSPEC = """version: 0.2
phases:
  build:
    commands:
      - echo "build $SAYSO_RUN $SAYSO_ATTEMPT" >>"$EFFECTS"
      - sleep {seconds}
reports:
  unit:
    files: [report.xml]
artifacts:
  files: ['**/*']
"""
_APPSPEC = """version: 0.0
os: linux
files:
  - source: /
    destination: app
hooks:
  AfterInstall:
    - location: hook.sh
      timeout: 60
  ValidateService:
    - location: hook.sh
      timeout: 60
"""
_HOOK = """#!/bin/sh
echo "$DEPLOYMENT_GROUP_NAME $SAYSO_RUN $SAYSO_HOOK" >>"$EFFECTS"
sleep 0.2
"""
_REPORT = """<testsuite name="unit" tests="2" failures="0" time="0.02">
<testcase classname="unit" name="adds" time="0.01"/><testcase classname="unit" name="subtracts" time="0.01"/>
</testsuite>
"""
EFFECTS_OF_A_RELEASE = (
    "build",
    "staging AfterInstall",
    "staging ValidateService",
    "production AfterInstall",
    "production ValidateService",
)
"""What one release to production does, in order, as `effects` names it."""


def git(repository: Path, *args: str) -> str:
    """Run git there, whatever this machine's own configuration says."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
           "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
           "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}  # fmt: skip
    done = subprocess.run(["git", *args], cwd=repository, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class SmallServices:
    """One repository, a pipeline file for each service, and a catalogue, under `root`."""

    def __init__(
        self,
        root: Path,
        names: Iterable[str] = ("alpha",),
        *,
        people: Mapping[str, str] = PEOPLE,
        message: str = "Begin",
        channels: int = 1,
        pipeline: Callable[[str], dict[str, Any]] | None = None,
        build_seconds: float = 0.3,
        files: Mapping[str, str] | None = None,
        target: Callable[[str], str] = lambda _: "",
    ) -> None:
        """Lay everything out; services take the channels in turn, and `pipeline` gives a service's pipeline file.

        `files` are more of them for the repository, and `target` gives more lines for a service's target.
        """
        self.root, self.names, self.people = root, tuple(names), people
        self.channels = {f"releases-{n}": f"{CHANNEL}{n}" for n in range(1, channels)} | {"releases": CHANNEL}
        self.repository = root / "repository"
        self.effects_file = root / "effects"
        self.catalogue = root / "sayso.toml"
        self._target = target
        self.repository.mkdir(parents=True)
        git(self.repository, "init", "--quiet", "--initial-branch=main")
        files = {
            "buildspec.yml": _BUILDSPEC.replace("{seconds}", str(build_seconds)),
            "appspec.yml": _APPSPEC,
            "hook.sh": _HOOK,
            "report.xml": _REPORT,
            **(files or {}),
        }
        for file, text in files.items():
            (self.repository / file).write_text(text)
        self.commit(message)
        for name in self.names:
            (root / f"{name}.json").write_text(json.dumps((pipeline or usual_pipeline)(name)))
        self.catalogue.write_text(self._catalogue())

    def commit(self, message: str) -> str:
        """Commit all and give the commit's id."""
        git(self.repository, "add", "--all")
        git(self.repository, "commit", "--quiet", "--allow-empty", "--message", message)
        return git(self.repository, "rev-parse", "HEAD")

    def effects(self) -> list[tuple[str, str, str]]:
        """Give what was done to the world, in order: what (as in `EFFECTS_OF_A_RELEASE`), by which run and attempt."""
        if not self.effects_file.exists():
            return []
        found = []
        for line in self.effects_file.read_text().splitlines():
            what, run, mark = line.split()
            attempt, *hook = mark.split("/")  # a hook's mark: attempt/target/event/number
            found.append((" ".join([what, *hook[1:2]]), run, attempt))
        return found

    def _catalogue(self) -> str:
        people = "\n".join(
            f'[people.{key}]\nname = "{key.title()}"\nslack = "{id_}"' for key, id_ in self.people.items()
        )
        everybody = json.dumps(list(self.people))
        channels = "\n".join(f'[channels.{key}]\nslack = "{id_}"' for key, id_ in self.channels.items())
        head = f"""{channels}
{people}
[teams.everybody]
members = {everybody}
[environments.staging]
deployers = ["everybody"]
[environments.prod]
production = true
deployers = ["everybody"]
approvers = ["everybody"]
"""
        return head + "".join(map(self._service, self.names))

    def _service(self, name: str) -> str:
        effects = f"environment = {{ EFFECTS = {json.dumps(str(self.effects_file))} }}"
        groups = "".join(
            f"""[[services.{name}.target.applications.{name}.{group}.targets]]
folder = {json.dumps(str(self.root / "machines" / name / group))}
{effects}
"""
            for group in ("staging", "production")
        )
        channel = list(self.channels)[self.names.index(name) % len(self.channels)]
        return f"""[services.{name}]
channel = "{channel}"
[services.{name}.target]
pipeline = {json.dumps(str(self.root / f"{name}.json"))}
{self._target(name)}
[services.{name}.target.projects.{name}]
{effects}
{groups}[services.{name}.environments.staging]
backend = "local"
stage = "Staging"
[services.{name}.environments.prod]
backend = "local"
stage = "Production"
"""


def usual_pipeline(name: str) -> dict[str, Any]:
    """Give the pipeline: Source, Build, Staging, Approval, Production."""

    def deploy(group: str) -> dict[str, Any]:
        return action("Deploy", "CodeDeploy", inputArtifacts=[{"name": "Package"}],
                      configuration={"ApplicationName": name, "DeploymentGroupName": group})  # fmt: skip

    build = action("Build", "CodeBuild", inputArtifacts=[{"name": "Tree"}], outputArtifacts=[{"name": "Package"}],
                   configuration={"ProjectName": name})  # fmt: skip
    return staged(name, Build=build, Staging=deploy("staging"), Approval=APPROVAL, Production=deploy("production"))


def staged(name: str, **stages: Mapping[str, Any]) -> dict[str, Any]:
    """Give a pipeline with a Source stage and these, each of one action."""
    source = action("Source", "Git", outputArtifacts=[{"name": "Tree"}],
                    configuration={"RepositoryUrl": "repository", "BranchName": "main"})  # fmt: skip
    declared = [{"name": key, "actions": [one]} for key, one in {"Source": source, **stages}.items()]
    return {"pipeline": {"name": name, "stages": declared}}


def action(category: str, provider: str, **more: Any) -> dict[str, Any]:
    """Write an action of a pipeline, named after its category."""
    owner = "Custom" if provider == "Git" else "AWS"
    kind = {"category": category, "owner": owner, "provider": provider, "version": "1"}
    return {"name": category, "actionTypeId": kind, **more}


APPROVAL = action("Approval", "Manual")
