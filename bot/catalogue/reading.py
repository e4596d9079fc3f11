"""Reads `sayso.toml`: as TOML, its shape, each environment's target, the names in it; all mistakes at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from bot.catalogue.checks import broken_rules
from bot.catalogue.found import Found
from bot.catalogue.leaks import take_out
from bot.catalogue.model import Catalogue, Environment, Notify, Person, Service, VoiceSettings
from bot.catalogue.tables import EnvironmentTable, File, RulesTable, ServiceTable
from bot.core.errors import BadFile, BadInput, Mistake
from bot.core.mistakes import Path, known, mistakes_in, nearest
from bot.core.ports import BASE

LARGEST = 5_000_000
"""Bytes."""


def load_catalogue(path: FilePath, targets: Mapping[str, type[BaseModel]]) -> Catalogue:
    """Read the file; `targets` says, by backend, what an environment must tell it.

    Relative paths in targets start from the file's folder (`bot.core.ports.BASE`). Raises `BadFile` with every mistake.
    An empty file gives an empty catalogue.
    """
    tree = _toml(path)
    found = take_out(tree)
    declared = _declared(tree)
    file, misshapen = _shaped(tree)
    found += misshapen
    reading = _Reading(file, targets, path.absolute().parent)
    catalogue = reading.catalogue()
    found += reading.found
    found += broken_rules(file, catalogue, declared)
    if told := _first_of_each(found):
        raise BadFile(each.mistake(path.name) for each in told)
    return catalogue


def _toml(path: FilePath) -> dict[str, Any]:
    """Read the file as TOML 1.0; `BadFile` with its line and column if it isn't."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        fix = "Write one there, or set SAYSO_CONFIG to the path of yours."
        raise BadFile([Mistake(str(path), "there is no such file.", fix)]) from None
    except OSError as error:
        fix = "SAYSO_CONFIG must name a file that Sayso may read."
        raise BadFile(
            [Mistake(str(path), f"it can't be read: {(error.strerror or 'unknown').lower()}.", fix)]
        ) from error
    if len(raw) > LARGEST:
        raise BadFile([Mistake(path.name, f"it is larger than {LARGEST // 1_000_000} MB.")])
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadFile([Mistake(f"{path.name} line {line}", "it is not UTF-8 text.", "Save it as UTF-8.")]) from error
    except tomllib.TOMLDecodeError as error:
        raise BadFile([_broken_toml(path.name, str(error))]) from error
    except RecursionError as error:
        raise BadFile([Mistake(path.name, "it is nested too deeply.")]) from error


def _broken_toml(name: str, message: str) -> Mistake:
    at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    problem = message[: at.start()] if at else message
    problem = re.sub(r"\(('[^()]*'),?\)", lambda keys: ".".join(re.findall(r"'([^']*)'", keys[1])), problem)
    place = f"{name} line {at[1]}, column {at[2]}" if at and at[1] else f"{name}, at its end"
    return Mistake(place, f"this is not TOML: {problem[:1].lower()}{problem[1:]}.")


def _shaped(tree: dict[str, Any]) -> tuple[File, list[Found]]:
    """Give what has the right shape, and the mistakes in the rest; what is broken is left out of `tree`."""
    found: list[Found] = []
    while True:
        try:
            return File.model_validate(tree), found
        except ValidationError as error:
            wrong = error.errors(include_url=False)
            said = mistakes_in(error, File, str)
            for each, mistake in zip(wrong, said, strict=True):
                path = tuple(part for part in each["loc"] if part != "[key]")
                found.append(Found(path, mistake.problem, mistake.fix))
                _leave_out(tree, path[:-1] if each["type"] == "missing" else path)


def _leave_out(tree: dict[str, Any], path: Path) -> None:
    """Delete the innermost key that holds this place; if it is an entry of a list, the whole list goes."""
    holder, last = tree, None
    inside: Any = tree
    for part in path:
        if isinstance(inside, dict):
            holder, last = inside, part
            inside = inside.get(last)
        elif isinstance(inside, list) and isinstance(part, int):
            inside = inside[part]
    holder.pop(str(last), None)  # two mistakes may stand in one place


def _declared(tree: dict[str, Any]) -> dict[str, list[str]]:
    """Give the names in each part of the file, and in `services.KEY.environments`, whatever stands behind them."""
    declared = {name: list(part) for name, part in tree.items() if isinstance(part, dict)}
    for key in declared.get("services", ()):
        service = tree["services"][key]
        inside = service.get("environments") if isinstance(service, dict) else None
        declared[f"services.{key}.environments"] = list(inside) if isinstance(inside, dict) else []
    return declared


def _first_of_each(found: Iterable[Found]) -> list[Found]:
    """Leave out what only follows from a mistake told already: at the same place, above it or below it."""
    told: list[Found] = []
    for each in found:
        if not any(each.path[: len(other.path)] == other.path[: len(each.path)] for other in told):
            told.append(each)
    return told


class _Merged(NamedTuple):
    """An environment's own rules over those that all environments of its name share."""

    own: EnvironmentTable
    shared: RulesTable

    def get(self, key: str, default: Any = None) -> Any:
        for table in (self.own, self.shared):
            if (value := getattr(table, key)) is not None:
                return value
        return default


class _Reading:
    """Turns the file's tables into the catalogue, noting what can't be."""

    def __init__(
        self,
        file: File,
        targets: Mapping[str, type[BaseModel]],
        base: FilePath,
    ) -> None:
        self.file = file
        self.targets = targets
        self.base = base
        self.found: list[Found] = []

    def catalogue(self) -> Catalogue:
        """Give what could be read; `found` has the mistakes."""
        file = self.file
        return Catalogue(
            plan_blocks=file.slack.plan_blocks == "auto",
            voice=VoiceSettings(**file.voice.model_dump()),
            channels={name: channel.slack for name, channel in file.channels.items()},
            people={key: Person(**person.model_dump()) for key, person in file.people.items()},
            teams={name: frozenset(team.members) for name, team in file.teams.items()},
            services={key: self._service(key, service) for key, service in file.services.items()},
        )

    def _service(self, key: str, table: ServiceTable) -> Service:
        environments = {name: self._environment(key, table, name) for name in table.environments}
        return Service(
            key=key,
            title=table.title or key,
            aliases=tuple(table.aliases),
            spoken=tuple(table.spoken),
            channel=table.channel,
            notify=tuple(Notify.model_validate(notify.model_dump(exclude_none=True)) for notify in table.notify),
            environments={name: each for name, each in environments.items() if each},
        )

    def _environment(self, service: str, table: ServiceTable, name: str) -> Environment | None:
        own = table.environments[name]
        target = self._target(service, table, name)
        if target is None:
            return None
        merged = _Merged(own, self.file.environments.get(name, RulesTable()))
        return Environment(
            key=name,
            title=merged.get("title", name),
            aliases=tuple(merged.get("aliases", ())),
            spoken=tuple(merged.get("spoken", ())),
            voice=merged.get("voice"),
            backend=own.backend,
            stage=own.stage,
            target=target,
            production=merged.get("production", False),
            deployers=self._people(merged.get("deployers")),
            approvers=self._people(merged.get("approvers")),
            approvals=merged.get("approvals", 1),
            self_approval=merged.get("self_approval", False),
        )

    def _people(self, groups: list[str] | None) -> frozenset[str] | None:
        """Resolve teams and people to people; unknown names are told by the checks."""
        if groups is None:
            return None
        teams = self.file.teams
        return frozenset(each for name in groups for each in (teams[name].members if name in teams else [name]))

    def _target(self, service: str, table: ServiceTable, name: str) -> BaseModel | None:
        """Validate what the environment says to its backend; shared keys come from the service's `target`."""
        own = table.environments[name]
        path = ("services", service, "environments", name)
        model = self.targets.get(own.backend)
        if model is None:
            backends = known(own.backend, sorted(self.targets), "backends")
            self.found.append(Found((*path, "backend"), f"there is no backend `{own.backend}`.", backends))
            return None
        shared = {key: value for key, value in table.target.items() if not self._of_another(key, model, table)}
        try:
            return model.model_validate({**shared, **own.target}, context={BASE: self.base})
        except ValidationError as error:
            from_shared = set(shared) - set(own.target)
            for each, mistake in zip(error.errors(include_url=False), mistakes_in(error, model, str), strict=True):
                self.found.append(
                    _in_target(
                        model,
                        path,
                        mistake,
                        service=service,
                        loc=each["loc"],
                        kind=each["type"],
                        from_shared=from_shared,
                    )
                )
        except BadInput as error:
            self.found.append(Found(path, error.sentence, error.fix))
        return None

    def _of_another(self, key: str, model: type[BaseModel], table: ServiceTable) -> bool:
        """Tell whether a shared key is meant for another backend that this service uses."""
        others = {self.targets.get(each.backend) for each in table.environments.values()} - {model, None}
        return key not in _keys(model) and any(other is not None and key in _keys(other) for other in others)


def _in_target(
    model: type[BaseModel], path: Path, mistake: Mistake, *, service: str, loc: Path, kind: str, from_shared: set[str]
) -> Found:
    """Place a target's mistake where its key stands: at the environment, or among the service's shared keys."""
    fix = mistake.fix
    if loc and loc[0] in from_shared:
        return Found(("services", service, "target", *loc), mistake.problem, fix)
    if kind == "missing" and len(loc) == 1:
        fix = f"Write it here, or in services.{service}.target for all environments."
    elif kind == "extra_forbidden" and len(loc) == 1:
        fix = nearest(str(loc[0]), [*EnvironmentTable.model_fields, *_keys(model)]) or fix
    return Found((*path, *loc), mistake.problem, fix)


def _keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}
