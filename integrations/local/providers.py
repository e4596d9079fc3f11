"""Which runner carries out an action, by category and provider: the place where further ones plug in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path

from bot.core.errors import Misconfigured
from integrations.local import masks
from integrations.local.actions import Runner
from integrations.local.build import CodeBuildRunner
from integrations.local.build_plan import Project
from integrations.local.commands import PROJECTS, CommandsRunner
from integrations.local.deploy import CodeDeployRunner
from integrations.local.host import Host
from integrations.local.image_source import ImageSourceRunner
from integrations.local.lambda_function import LambdaRunner
from integrations.local.rules import CommandsRule, DeploymentWindowRule, VariableCheckRule
from integrations.local.s3_deploy import S3DeployRunner
from integrations.local.s3_source import S3SourceRunner
from integrations.local.source import GitSourceRunner
from integrations.local.target import Settings

Providers = Mapping[tuple[str, str], Callable[[Settings], Runner]]
"""(category, provider) as in the pipeline file, to what makes its runner for an environment's settings."""


GROUP = "sayso.local.providers"
GIT = ("Git", "GitHub", "Bitbucket", "GitLab", "CodeStarSourceConnection", "CodeCommit")
"""Providers whose source is a git repository."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What runners work with."""

    data: Path
    """A folder that they share; each uses one of its own name in it."""
    host: Host
    of_server: Mapping[str, str]
    """The server's own environment: only what a runner names in it may reach a child process."""
    clock: Callable[[], datetime]


def plugged_providers(machine: Machine) -> dict[tuple[str, str], Callable[[Settings], Runner]]:
    """Load what others bring: each entry point of the group names a function from a `Machine` to its `Providers`.

    Raises `Misconfigured` for one that can't be loaded.
    """
    found: dict[tuple[str, str], Callable[[Settings], Runner]] = {}
    for entry in entry_points(group=GROUP):
        try:
            found |= entry.load()(machine)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            sentence = f"The provider {entry.name} ({entry.value}) can't be loaded: {error}."
            raise Misconfigured(sentence, fix=f"Mend it or uninstall it; {GROUP} names a function.") from error
    return found


def builtin_providers(machine: Machine) -> dict[tuple[str, str], Callable[[Settings], Runner]]:
    """Give what this machine can run without any plug-in."""
    data, host, of_server = machine.data, machine.host, machine.of_server
    secrets = masks.of_server(of_server)

    def source(settings: Settings) -> Runner:
        return GitSourceRunner(data / "git", settings.repositories)

    def builds(settings: Settings, projects: Mapping[str, Project]) -> CodeBuildRunner:
        return CodeBuildRunner(
            data=data, projects=projects, host=host, of_server=of_server, secrets=secrets,
            source=settings.secrets, runtimes=settings.runtimes, cache_mb=settings.cache_mb,
        )  # fmt: skip

    def deploy(settings: Settings) -> Runner:
        return CodeDeployRunner(applications=settings.applications, host=host, of_server=of_server, secrets=secrets)

    def images(settings: Settings) -> Runner:
        return ImageSourceRunner(settings.registries, of_server)

    def functions(settings: Settings) -> Runner:
        return LambdaRunner(settings.functions, host=host, of_server=of_server, secrets=secrets)

    return {
        ("Deploy", "CodeDeploy"): deploy,
        ("Deploy", "S3"): lambda settings: S3DeployRunner(settings.s3, clock=machine.clock),
        ("Build", "CodeBuild"): lambda settings: builds(settings, settings.projects),
        ("Test", "CodeBuild"): lambda settings: builds(settings, settings.projects),
        ("Rule", "Commands"): lambda settings: CommandsRule(CommandsRunner(builds(settings, PROJECTS))),
        ("Rule", "DeploymentWindow"): lambda _: DeploymentWindowRule(machine.clock),
        ("Rule", "VariableCheck"): lambda _: VariableCheckRule(),
        ("Compute", "Commands"): lambda settings: CommandsRunner(builds(settings, PROJECTS)),
        ("Invoke", "Lambda"): functions,
        ("Source", "S3"): lambda settings: S3SourceRunner(settings.s3),
        ("Source", "ECR"): images,
        ("Source", "Image"): images,
        **{("Source", name): source for name in GIT},
    }


def unavailable(category: str, provider: str, providers: Providers) -> str:
    """Say that no runner carries out this kind of action or rule, and what could be done."""
    known = sorted(name for of, name in providers if of == category)
    what = "rule" if category == "Rule" else f"{category} action"
    choice = f"Here a {what} can use {', '.join(known)}." if known else ""
    sentence = f"A {what} of {provider} can't run on this machine. {choice}".strip()
    kind = what.rsplit(maxsplit=1)[-1]
    return f"{sentence} Change the {kind}, or install a plug-in that brings a runner for {provider}."
