"""Reads a CodeDeploy appspec for servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError

from bot.core.errors import BadFile, Mistake
from integrations.specs import mistakes as said
from integrations.specs.mistakes import Spec
from integrations.specs.yaml_text import YamlText, by_line, read_yaml

# CodeDeploy User Guide, "AppSpec File reference" and "AppSpec 'hooks' section for EC2/On-Premises deployments".
EVENTS = ("ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService")
"""Lifecycle events that scripts may hook into, in the order of an in-place deployment without a load balancer."""
TRAFFIC_EVENTS = (
    "BeforeBlockTraffic", "AfterBlockTraffic", "BeforeAllowTraffic", "AfterAllowTraffic",
)  # fmt: skip
LONGEST = 3600
"""Seconds that all scripts of one event may take together."""


class CopiedFile(Spec):
    """What of the bundle goes where. A folder's contents go into the destination, a file goes under its own name."""

    source: Annotated[str, StringConstraints(min_length=1)]
    destination: Annotated[str, StringConstraints(min_length=1)]


class Permission(Spec):
    """Owner and mode for what was copied below `object`."""

    object: Annotated[str, StringConstraints(min_length=1)]
    pattern: str = "**"
    exceptions: Annotated[tuple[str, ...], Field(alias="except")] = ()
    owner: str | None = None
    group: str | None = None
    mode: Annotated[str, StringConstraints(pattern=r"^[0-7]{3,4}$")] | None = None
    acls: tuple[str, ...] = ()
    context: dict[str, Any] | None = None
    type: tuple[Literal["file", "directory"], ...] = ("file", "directory")


class Hook(Spec):
    """One script of a lifecycle event."""

    location: Annotated[str, StringConstraints(min_length=1)]
    timeout: Annotated[int, Field(ge=1, le=LONGEST)] | None = None
    runas: str | None = None


def _hooks(value: object) -> object:
    return (
        {event: [] if scripts is None else scripts for event, scripts in value.items()}
        if isinstance(value, dict)
        else value
    )


def _list(value: object) -> object:
    return [] if value is None else value


class Appspec(Spec):
    """A whole appspec for servers."""

    version: Literal["0.0"]
    os: Literal["linux", "windows"]
    files: Annotated[tuple[CopiedFile, ...], BeforeValidator(_list)] = ()
    file_exists_behavior: Literal["DISALLOW", "OVERWRITE", "RETAIN"] = "DISALLOW"
    permissions: Annotated[tuple[Permission, ...], BeforeValidator(_list)] = ()
    hooks: Annotated[Mapping[str, tuple[Hook, ...]], BeforeValidator(_hooks)] = {}


def parse_appspec(text: str, file: str) -> Appspec:
    """Read an appspec; `file` is its name in sentences. Raises `BadFile` with every mistake, each with line and key."""
    read = read_yaml(text, file, "an appspec")
    mistakes = list(read.mistakes)
    if "Resources" in read.value or "resources" in read.value:
        place = read.place(("Resources",))
        raise BadFile(
            [Mistake(place, "this appspec is for ECS or Lambda; targets on this machine need one for servers.")]
        )
    try:
        spec = Appspec.model_validate(read.value, by_alias=True, by_name=False)
    except ValidationError as error:
        mistakes += said.mistakes_in(error, Appspec, read.place)
        raise BadFile(by_line(mistakes)) from error
    mistakes += _broken_rules(spec, read)
    if mistakes:
        raise BadFile(by_line(mistakes))
    return spec


def inside(path: str) -> PurePosixPath | None:
    """Make a path relative to its root (the bundle, the target); `None` if it would lead out of it."""
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    return None if ".." in parts or "\0" in path else PurePosixPath(*parts)


def _broken_rules(spec: Appspec, read: YamlText) -> Iterator[Mistake]:
    if spec.os == "windows":
        yield Mistake(read.place(("os",)), "targets on this machine need `linux`.")
    for n, file in enumerate(spec.files):
        for key, path in (("source", file.source), ("destination", file.destination)):
            if inside(path) is None:
                yield Mistake(read.place(("files", n, key)), "`..` may not lead out of the bundle or the target.")
    for n, permission in enumerate(spec.permissions):
        if inside(permission.object) is None:
            yield Mistake(read.place(("permissions", n, "object")), "`..` may not lead out of the target.")
    for event, scripts in spec.hooks.items():
        yield from _broken_hooks(event, scripts, read)


def _broken_hooks(event: str, scripts: tuple[Hook, ...], read: YamlText) -> Iterator[Mistake]:
    if event in {"DownloadBundle", "Install", "BlockTraffic", "AllowTraffic"}:
        yield Mistake(read.place(("hooks", event)), "CodeDeploy does this itself; no script can.")
    elif event not in (*EVENTS, *TRAFFIC_EVENTS):
        fix = said.nearest(event, EVENTS) or f"Events are {said.one_of(EVENTS)}."
        yield Mistake(read.place(("hooks", event)), f"there is no lifecycle event {said.shown(event)}.", fix)
    if sum(script.timeout or 0 for script in scripts) > LONGEST:
        yield Mistake(read.place(("hooks", event)), f"its scripts' timeouts add up to more than {LONGEST} seconds.")
    for n, script in enumerate(scripts):
        if inside(script.location) is None or script.location.startswith("/"):
            place = read.place(("hooks", event, n, "location"))
            yield Mistake(place, "expected a path inside the bundle, as `scripts/start.sh`.")
