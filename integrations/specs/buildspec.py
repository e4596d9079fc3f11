"""Reads a CodeBuild buildspec, versions 0.1 and 0.2."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from bot.core.errors import BadFile, Mistake
from integrations.specs import mistakes as said
from integrations.specs.mistakes import Spec
from integrations.specs.yaml_text import YamlText, by_line, read_yaml

# CodeBuild User Guide, "Build specification reference", is the source of keys, defaults and rules here.
PHASES = ("install", "pre_build", "build", "post_build")
FormatName = Literal[
    "JUNITXML",
    "NUNITXML",
    "NUNIT3XML",
    "TESTNGXML",
    "VISUALSTUDIOTRX",
    "CUCUMBERJSON",
    "CLOVERXML",
    "COBERTURAXML",
    "JACOCOXML",
    "SIMPLECOV",
]


def _command(value: object) -> object:
    if isinstance(value, dict):
        sentence = "expected a command, but YAML reads `name: value` as an object; put the command in quotes"
        raise PydanticCustomError("command", sentence)
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise PydanticCustomError("command", "this command is empty or has a NUL character")
    return value


def _text(value: object) -> object:
    return "" if value is None else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value  # AWS's own tutorials write `files: imagedefinitions.json`


Command = Annotated[str, BeforeValidator(_command)]
Text = Annotated[str, BeforeValidator(_text)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
OnFailure = Annotated[str, StringConstraints(pattern=r"^(ABORT|CONTINUE|RETRY(-.+)?)$", max_length=1000)]
Format = Annotated[FormatName, BeforeValidator(_upper)]
Loose = dict[str, Any]


class Hyphened(Spec):
    """A part of the buildspec: hyphens in the file, underscores in Python; `finally` is `last` here."""

    model_config = ConfigDict(
        alias_generator=lambda name: {"last": "finally", "pre_build": name, "post_build": name}.get(
            name, name.replace("_", "-")
        )
    )


class Env(Hyphened):
    """Variables for the commands, and the shell that runs them."""

    shell: Literal["bash", "/bin/sh", "powershell.exe", "cmd.exe"] | None = None
    variables: Mapping[VariableName, Text] = {}
    parameter_store: Mapping[VariableName, str] = {}
    secrets_manager: Mapping[VariableName, str] = {}
    exported_variables: tuple[VariableName, ...] = ()
    git_credential_helper: bool = False


@dataclass(frozen=True, slots=True)
class FailureRule:
    """What is done when a phase fails ("Build specification reference", `phases/*/on-failure`)."""

    then: Literal["ABORT", "CONTINUE", "RETRY"] = "ABORT"
    times: int = 0
    """How often the phase is run again, at most."""
    matching: str = ".*"
    """Only failures whose output this expression is found in are retried."""


def failure_rule(text: str | None) -> FailureRule:
    """Read `ABORT`, `CONTINUE`, `RETRY`, `RETRY-n`, `RETRY-regex` or `RETRY-n-regex`. Raises `ValueError`."""
    if text in {None, "ABORT"}:
        return FailureRule()
    if text == "CONTINUE":
        return FailureRule("CONTINUE")
    number, _, rest = str(text).removeprefix("RETRY").removeprefix("-").partition("-")
    if number.isdecimal():
        times, matching = int(number), rest or ".*"
    else:
        times, matching = 3, str(text).removeprefix("RETRY").removeprefix("-") or ".*"
    if times > 100:
        raise ValueError("a phase can be retried 0 to 100 times.")
    try:
        re.compile(matching)
    except re.error as error:
        raise ValueError(f"`{matching[:60]}` is no regular expression: {error}.") from error
    return FailureRule("RETRY", times, matching)


class Phase(Hyphened):
    """Commands of one phase; `last` (`finally` in the file) runs in any case."""

    run_as: str | None = None
    on_failure: OnFailure | None = None
    runtime_versions: Mapping[str, str] = {}
    commands: tuple[Command, ...] = ()
    last: tuple[Command, ...] = ()

    @property
    def rule(self) -> FailureRule:
        """Give what is done when it fails."""
        return failure_rule(self.on_failure)

    @model_validator(mode="after")
    def _does_something(self) -> Phase:
        if not (self.commands or self.last or self.runtime_versions):
            raise PydanticCustomError("phase", "this phase has no commands; add `commands` or remove it")
        return self


class Phases(Hyphened):
    """The phases that have commands."""

    install: Phase | None = None
    pre_build: Phase | None = None
    build: Phase | None = None
    post_build: Phase | None = None

    @model_validator(mode="after")
    def _has_a_phase(self) -> Phases:
        if not list(self.in_order()):
            raise PydanticCustomError("phases", "there is no phase; add install, pre_build, build or post_build")
        return self

    def in_order(self) -> Iterator[tuple[str, Phase]]:
        """Yield the phases that there are, in the order in which they run."""
        for name in PHASES:
            phase = getattr(self, name)
            if phase is not None:
                yield name, phase


class Report(Hyphened):
    """Where one report group's files are, and their format."""

    files: Annotated[tuple[str, ...], Field(min_length=1)]
    base_directory: str = "."
    discard_paths: bool = False
    file_format: Format = "JUNITXML"


class Artifact(Hyphened):
    """Which files make one output artifact."""

    files: Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
    name: str | None = None
    base_directory: str = "."
    discard_paths: bool = False
    exclude_paths: tuple[str, ...] = ()
    enable_symlinks: bool = False
    s3_prefix: str | None = None


class Artifacts(Artifact):
    """The primary output artifact, and named ones."""

    secondary_artifacts: Mapping[str, Artifact] = {}


class Cache(Hyphened):
    """What may be kept between builds."""

    key: str | None = None
    fallback_keys: Annotated[tuple[str, ...], Field(max_length=5)] = ()
    action: Literal["restore", "save"] | None = None
    paths: tuple[str, ...] = ()


class Buildspec(Hyphened):
    """A whole buildspec."""

    version: Literal["0.1", "0.2"]
    run_as: str | None = None
    env: Env = Env()
    proxy: Loose | None = None
    batch: Loose | None = None
    phases: Phases
    reports: Mapping[str, Report] = {}
    artifacts: Artifacts | None = None
    cache: Cache | None = None

    @model_validator(mode="before")
    @classmethod
    def _empty_parts_count_as_absent(cls, given: Any) -> Any:
        # `env:` with nothing under it is common and harmless; `phases:` is not.
        if isinstance(given, dict):
            return {key: part for key, part in given.items() if part is not None or key in {"version", "phases"}}
        return given


def parse_buildspec(text: str, file: str) -> Buildspec:
    """Read a buildspec; `file` is its name in sentences. Raises `BadFile` with every mistake and its line."""
    read = read_yaml(text, file, "a buildspec")
    mistakes = list(read.mistakes)
    try:
        spec = Buildspec.model_validate(read.value, by_alias=True, by_name=False)
    except ValidationError as error:
        mistakes += said.mistakes_in(error, Buildspec, read.place)
        raise BadFile(by_line(mistakes)) from error
    mistakes += _broken_rules(spec, read)
    if mistakes:
        raise BadFile(by_line(mistakes))
    return spec


def _broken_rules(spec: Buildspec, read: YamlText) -> Iterator[Mistake]:
    for name, phase in spec.phases.in_order():
        if name != "install" and phase.runtime_versions:
            yield Mistake(read.place(("phases", name, "runtime-versions")), "only the install phase may have this.")
        try:
            failure_rule(phase.on_failure)
        except ValueError as error:
            yield Mistake(read.place(("phases", name, "on-failure")), str(error))
    secret = {*spec.env.parameter_store, *spec.env.secrets_manager}
    for n, name in enumerate(spec.env.exported_variables):
        if name in secret or name.startswith("AWS_"):
            place = read.place(("env", "exported-variables", n))
            yield Mistake(place, f"{name} can't be exported: secrets and AWS_* variables stay in the build.")


def not_yet(spec: Buildspec, file: str) -> list[Mistake]:
    """Name what the buildspec asks for and builds on this machine can't do yet."""
    found: list[tuple[str, str]] = []
    if spec.env.shell in {"powershell.exe", "cmd.exe"}:
        found.append(("env.shell", f"the shell {spec.env.shell} is"))
    if spec.batch is not None:
        found.append(("batch", "batch builds are"))
    if spec.run_as or any(phase.run_as for _, phase in spec.phases.in_order()):
        found.append(("run-as", "running as another user is"))
    if spec.proxy is not None:
        found.append(("proxy", "an explicit proxy server is"))
    return [
        Mistake(f"{file}, {place}", f"not yet: {what} not available in builds on this machine.")
        for place, what in found
    ]
