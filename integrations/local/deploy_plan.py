"""Plans a deployment: which targets, which revision, which hooks with which variables."""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationInfo, field_validator

from bot.core.errors import BadFile, Mistake
from bot.core.model import Frozen
from bot.core.ports import BASE, Label
from integrations.local.actions import Attempt
from integrations.local.external import deployment_id
from integrations.local.files import Unfit, read_text, within
from integrations.specs.appspec import EVENTS, LONGEST, Appspec, inside, parse_appspec


def from_base(path: Path, info: ValidationInfo) -> Path:
    """Give a path of the catalogue as an absolute one: a relative one starts from the catalogue's folder."""
    base = (info.context or {}).get(BASE, Path())
    return Path(base, path.expanduser()).absolute()


class DeploymentTarget(Frozen):
    """Stands in for an instance: a folder on this machine. An appspec's `/opt/app` is `opt/app` in it."""

    folder: Path
    """A relative path starts from the catalogue's folder."""
    name: str | None = None
    environment: Mapping[str, str] = {}

    @field_validator("folder")
    @classmethod
    def _from_the_catalogue(cls, path: Path, info: ValidationInfo) -> Path:
        return from_base(path, info)


class DeploymentGroup(Frozen):
    """Stands in for a CodeDeploy deployment group."""

    targets: Annotated[tuple[DeploymentTarget, ...], Field(min_length=1)]
    labels: tuple[Label, ...] = ()
    """What a machine must have to deploy there, when several share the work."""


T = TypeVar("T")

Applications = Mapping[str, Mapping[str, DeploymentGroup]]
"""ApplicationName to DeploymentGroupName to what it is here."""


def prepare(attempt: Attempt, applications: Applications, inherited: Mapping[str, str]) -> dict[str, Any]:
    """Give the driver's plan, once everything that can be seen beforehand is right. Blocks.

    Raises our errors.
    """
    application = attempt.configuration.get("ApplicationName", "")
    group_name = attempt.configuration.get("DeploymentGroupName", "")
    group = _found(group_name, _found(application, applications, "application"), f"deployment group of {application}")
    if not attempt.inputs:
        raise Unfit(f"The action {attempt.declaration.name} has no input artifact to deploy.")
    artifact, bundle = next(iter(attempt.inputs.items()))
    file = (
        "appspec.yaml"
        if (bundle / "appspec.yaml").exists() and not (bundle / "appspec.yml").exists()
        else "appspec.yml"
    )
    missing = f"a deployment needs this file, but the input artifact {artifact} has none."
    spec = parse_appspec(read_text(bundle / file, file, missing), file)
    if wrong := _missing(spec, bundle, file):
        raise BadFile(wrong)
    deployment = deployment_id(attempt.id)
    variables = {  # CodeDeploy User Guide, "Environment variable availability for hooks"
        "APPLICATION_NAME": application,
        "DEPLOYMENT_GROUP_NAME": group_name,
        "DEPLOYMENT_GROUP_ID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"sayso:{application}/{group_name}")),
        "DEPLOYMENT_ID": deployment,
        **({"BUNDLE_COMMIT": attempt.revision.id} if attempt.revision else {}),
    }
    return {
        "attempt": attempt.id,
        "deployment": deployment,
        "bundle": str(bundle),
        "files": [
            {"source": f"{inside(one.source)}", "destination": f"{inside(one.destination)}"} for one in spec.files
        ],
        "file_exists_behavior": spec.file_exists_behavior,
        "permissions": [
            {**one.model_dump(), "object": f"{inside(one.object)}", "special": bool(one.acls or one.context)}
            for one in spec.permissions
        ],
        "hooks": {event: [hook.model_dump() for hook in spec.hooks.get(event, ())] for event in EVENTS},
        "left_out": sorted(set(spec.hooks) - set(EVENTS)),
        "longest": LONGEST,
        "targets": [
            {
                "name": name,
                "folder": str(folder),
                "environment": {
                    **inherited, **attempt.environment, **target.environment, **variables, "SAYSO_TARGET": str(folder)
                },
            }
            for name, folder, target in _targets(group, attempt.base)
        ],
    }  # fmt: skip


def _found(name: str, known: Mapping[str, T], what: str) -> T:
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    fix = f"Did you mean `{close[0]}`?" if close else f"Known: {', '.join(sorted(known)) or 'none'}."
    raise Unfit(f"The catalogue knows no {what} called `{name}`.", fix=fix)


def _targets(group: DeploymentGroup, base: Path) -> list[tuple[str, Path, DeploymentTarget]]:
    folders = [(base / target.folder.expanduser()).resolve() for target in group.targets]
    names = [target.name or folder.name for target, folder in zip(group.targets, folders, strict=True)]
    for values in (names, [str(folder) for folder in folders]):
        doubled = next((value for value in values if values.count(value) > 1), None)
        if doubled is not None:
            raise Unfit(
                f"Two targets of the deployment group are called or lie in {doubled}.", fix="Give each its own."
            )
    return list(zip(names, folders, group.targets, strict=True))


def _missing(spec: Appspec, bundle: Path, file: str) -> list[Mistake]:
    """Find what the appspec names and the bundle lacks."""
    named = [(f"files[{n}].source", one.source) for n, one in enumerate(spec.files, 1)]
    named += [
        (f"hooks.{event}[{n}].location", one.location)
        for event in EVENTS
        for n, one in enumerate(spec.hooks.get(event, ()), 1)
    ]
    return [
        Mistake(f"{file}, {key}", f"the input artifact has no {path}.")
        for key, path in named
        if (relative := inside(path)) is None
        or not (bundle / relative).exists()
        or not within(bundle, bundle / relative)
    ]
