"""Plans a build: which buildspec, which variables, which commands."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import string
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from bot.core.errors import BadFile, Mistake
from bot.core.model import Frozen, Revision
from bot.core.ports import Label
from integrations.local.actions import Attempt
from integrations.local.build_outputs import check_outputs, texts
from integrations.local.build_runtimes import Runtimes, shims
from integrations.local.files import Unfit, copy_tree, read_text, remove
from integrations.local.outlet import LOG_BYTES, bounds
from integrations.local.processes import MARK, python
from integrations.local.secret_sources import Reference, SecretSource, look_up
from integrations.specs.buildspec import Buildspec, not_yet, parse_buildspec
from integrations.specs.secret_names import Parameter, Secret, secret_named


class Project(Frozen):
    """What the catalogue says about a CodeBuild project."""

    buildspec: str | None = None
    """Path in the primary input artifact (default `buildspec.yml`), or the buildspec itself if it has several lines."""
    environment: Mapping[str, str] = {}
    labels: tuple[Label, ...] = ()
    """What a machine must have to build it, when several share the work."""
    timeout_minutes: Annotated[int, Field(ge=5, le=2160)] = 60
    most_processes: Annotated[int, Field(ge=10)] = 2000
    """Processes at once; one more ends the build. Only watched on Linux."""
    memory_mb: Annotated[int, Field(ge=16)] | None = None
    """Memory that all its processes may use together; looked at twice a second, on Linux. None: no limit."""
    address_space_mb: Annotated[int, Field(ge=64)] | None = None
    """Address space of each process (`ulimit -v`); Go, Java and Node need far more than they use."""


@dataclass(frozen=True, slots=True)
class Builder:
    """What builds need of the target and of this machine."""

    data: Path
    """Folder for what outlives a build: its project's number and cache."""
    projects: Mapping[str, Project]
    inherited: Mapping[str, str]
    """The server's variables that a build may see."""
    of_server: Mapping[str, str]
    """All of the server's variables: secrets may be looked up in them."""
    source: SecretSource = field(default_factory=SecretSource)
    runtimes: Runtimes = field(default_factory=dict)
    cache_mb: int = 5000
    log_bytes: int = LOG_BYTES


class Override(Frozen):
    """One of an action's EnvironmentVariables."""

    name: str
    value: str
    type: Literal["PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"] = "PLAINTEXT"


def prepare(attempt: Attempt, builder: Builder, now: Callable[[], float] = time.time) -> dict[str, Any]:
    """Copy the inputs and give the driver's plan; also keeps the buildspec as it is now. Blocks.

    `now` gives seconds since 1970. Raises our errors, and `OSError` or `shutil.Error` for what can't be copied.
    """
    began = now()
    source = attempt.folder / "src"
    remove(source)
    primary = _primary(attempt)
    copy_tree(attempt.inputs[primary], source)
    sources = {"CODEBUILD_SRC_DIR": str(source)}
    for name, path in attempt.inputs.items():
        if name != primary:
            other = attempt.folder / f"src-{name}"
            remove(other)
            copy_tree(path, other)
            sources[f"CODEBUILD_SRC_DIR_{name}"] = str(other)
            if found := attempt.sources.get(name):
                sources[f"CODEBUILD_SOURCE_VERSION_{name}"] = found.id
                sources[f"CODEBUILD_SOURCE_REPO_URL_{name}"] = found.url or ""
    name = attempt.configuration.get("ProjectName", "")
    project = builder.projects.get(name, Project())
    spec = _buildspec(source, primary, name, project, attempt)
    check_outputs(spec, attempt)
    shell = shutil.which("bash") if spec.env.shell == "bash" else "/bin/sh"
    if shell is None:
        raise Unfit("The buildspec asks for bash, but this machine has none.", fix="Install bash, or drop env.shell.")
    variables, secrets = _variables(attempt, spec, project, builder)
    number = next_number(builder.data / "builds", name or attempt.declaration.name)
    environment = {
        **builder.inherited,
        **attempt.environment,
        **variables,
        **_codebuild(attempt, name, number, began, attempt.sources.get(primary) or attempt.revision),
        **attempt.webhook,
        **sources,
        MARK: attempt.id,
    }
    _put_programs_first(environment, attempt.folder / "bin", spec, builder.runtimes)
    (attempt.folder / "buildspec.json").write_text(spec.model_dump_json(by_alias=True))
    minutes = min(project.timeout_minutes, attempt.declaration.timeout_in_minutes or project.timeout_minutes)
    return {
        "shell": shell,
        "one_shell": spec.version == "0.2",
        "source": str(source),
        "environment": environment,
        "secrets": secrets,
        "mark": f"{MARK}={attempt.id}",
        "phases": [
            {
                "name": phase_name.upper(),
                "commands": phase.commands,
                "finally": phase.last,
                "on_failure": asdict(phase.rule),
            }
            for phase_name, phase in spec.phases.in_order()
        ],
        "exported": spec.env.exported_variables,
        "texts": sorted(texts(spec)),
        "cache": _cache(spec, builder, name or attempt.declaration.name),
        "limits": {
            "seconds": minutes * 60,
            "minutes": minutes,
            "processes": project.most_processes,
            "memory": project.memory_mb * 1_000_000 if project.memory_mb else None,
            "address_space": project.address_space_mb * 1000 if project.address_space_mb else None,
        },
        "log": bounds(builder.log_bytes),
        "number": number,
        "prepared": [began, now()],
    }


def _variables(
    attempt: Attempt, spec: Buildspec, project: Project, builder: Builder
) -> tuple[dict[str, str], list[str]]:
    """Give the variables by CodeBuild's precedence (action, project, buildspec), and those values that are secret.

    Only secrets that nothing overrides are looked up.
    """
    values: dict[str, str | Reference] = dict(spec.env.variables)
    values |= {name: Parameter(found) for name, found in spec.env.parameter_store.items()}
    values |= {name: _secret(found, f"env.secrets-manager.{name}") for name, found in spec.env.secrets_manager.items()}
    values |= project.environment
    values |= _overrides(attempt)
    references = {name: value for name, value in values.items() if not isinstance(value, str)}
    found = look_up(references, builder.source, builder.of_server, attempt.base)
    for name, value in found.items():
        if "\0" in value:
            raise Unfit(f"The secret for {name} has a NUL character, which no variable can hold.")
    plain = {name: value for name, value in values.items() if isinstance(value, str)}
    return {**plain, **found}, sorted(set(found.values()))


def _secret(text: str, place: str) -> Secret:
    try:
        return secret_named(text)
    except ValueError as error:
        raise BadFile([Mistake(place, str(error))]) from error


def next_number(folder: Path, project: str) -> int:
    """Count a project's builds, from 1 on; safe for builds side by side. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(project.encode()).hexdigest()[:32]
    with (folder / f"{name}.number").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read().strip()
        number = int(text) + 1 if text.isdecimal() else 1
        file.seek(0)
        file.truncate()
        file.write(str(number))
    return number


def _put_programs_first(environment: dict[str, str], into: Path, spec: Buildspec, runtimes: Runtimes) -> None:
    """Put the runtimes that the buildspec asks for first on PATH, and the command that cache keys are made with."""
    remove(into)
    install = spec.phases.install
    path = environment.get("PATH") or os.defpath
    wanted = {
        name: string.Template(version).safe_substitute(environment)
        for name, version in (install.runtime_versions if install else {}).items()
    }
    first = shims(wanted, runtimes, path, into)
    if spec.cache is not None:
        into.mkdir(exist_ok=True)
        command = shlex.join(python("integrations.local.build_cache"))
        (into / "codebuild-hash-files").write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (into / "codebuild-hash-files").chmod(0o755)
        first = [*first, *([] if str(into) in first else [str(into)])]
    environment["PATH"] = os.pathsep.join([*first, path])


def _cache(spec: Buildspec, builder: Builder, project: str) -> dict[str, Any] | None:
    if spec.cache is None or not spec.cache.paths:
        return None
    return {
        "folder": str(builder.data / "cache"),
        "project": project,
        "key": spec.cache.key or "",
        "fallbacks": spec.cache.fallback_keys,
        "paths": spec.cache.paths,
        "action": spec.cache.action,
        "most": builder.cache_mb * 1_000_000,
    }


def _primary(attempt: Attempt) -> str:
    primary = attempt.configuration.get("PrimarySource") or next(iter(attempt.inputs), None)
    if primary is None or primary not in attempt.inputs:
        raise Unfit(f"The action {attempt.declaration.name} has no input artifact {primary or ''}to build.")
    return primary


def _buildspec(source: Path, artifact: str, project_name: str, project: Project, attempt: Attempt) -> Buildspec:
    written = attempt.configuration.get("BuildspecOverride") or project.buildspec or "buildspec.yml"
    if "\n" in written:
        text, name = written, f"buildspec of {project_name}"
    else:
        name = written
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BadFile([Mistake(name, "expected a path inside the input artifact.")])
        who = f"project {project_name}" if project_name else f"action {attempt.declaration.name}"
        missing = f"the {who} needs this file, but the input artifact {artifact} has none."
        text = read_text(source / name, name, missing)
    spec = parse_buildspec(text, name)
    if missing_parts := not_yet(spec, name):
        raise BadFile(missing_parts)
    return spec


def _overrides(attempt: Attempt) -> dict[str, str | Reference]:
    """Read the action's EnvironmentVariables (User Guide of CodePipeline, "AWS CodeBuild action reference")."""
    text = attempt.configuration.get("EnvironmentVariables")
    if not text:
        return {}
    place = f"action {attempt.declaration.name}, EnvironmentVariables"
    fix = 'Write it as [{"name": "STAGE", "value": "test", "type": "PLAINTEXT"}].'
    try:
        listed = TypeAdapter(list[Override]).validate_json(text)
    except ValidationError as error:
        raise BadFile([Mistake(place, "expected a JSON list of variables.", fix)]) from error
    values: dict[str, str | Reference] = {}
    for entry in listed:
        if entry.type == "PARAMETER_STORE":
            values[entry.name] = Parameter(entry.value)
        elif entry.type == "SECRETS_MANAGER":
            values[entry.name] = _secret(entry.value, f"{place}, {entry.name}")
        else:
            values[entry.name] = entry.value
    return values


def _codebuild(attempt: Attempt, project: str, number: int, began: float, revision: Revision | None) -> dict[str, str]:
    """Give the variables that CodeBuild sets (User Guide, "Environment variables in build environments")."""
    build = f"{project or attempt.declaration.name}:{attempt.id}"
    region = attempt.declaration.region
    return {
        "CODEBUILD_BUILD_ID": build,
        "CODEBUILD_BUILD_ARN": f"arn:aws:codebuild:{region or 'local'}:000000000000:build/{build}",
        "CODEBUILD_BUILD_IMAGE": "local",
        "CODEBUILD_BUILD_NUMBER": str(number),
        "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_CI": "true",
        "CODEBUILD_INITIATOR": f"codepipeline/{attempt.pipeline}",
        "CODEBUILD_LOG_PATH": attempt.id,
        "CODEBUILD_START_TIME": str(int(began * 1000)),
        "CODEBUILD_RESOLVED_SOURCE_VERSION": revision.id if revision else "",
        "CODEBUILD_SOURCE_VERSION": revision.id if revision else "",
        "CODEBUILD_SOURCE_REPO_URL": (revision.url if revision else None) or "",
        **({"AWS_REGION": region, "AWS_DEFAULT_REGION": region} if region else {}),
    }
