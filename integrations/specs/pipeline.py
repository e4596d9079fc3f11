"""Reads a CodePipeline pipeline JSON: bare, wrapped in `pipeline`, or exported with `metadata`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from bot.core.errors import BadFile, Mistake
from bot.core.model import ActionKind
from integrations.specs import mistakes as said
from integrations.specs.conditions import BeforeEntry, OnFailure, OnSuccess
from integrations.specs.declared import (
    ArtifactName,
    Camel,
    Command,
    ConfigurationKey,
    ConfigurationValue,
    InputArtifact,
    Loose,
    Name,
    Namespace,
    Provider,
    Version,
)
from integrations.specs.pipeline_rules import broken_rules
from integrations.specs.variables import resolve

LARGEST = 5_000_000
"""Characters that are read at most: 50 stages of 50 actions, generously indented."""


class ActionTypeId(Camel):
    """What an action does, by whom."""

    category: Literal["Source", "Build", "Deploy", "Test", "Invoke", "Approval", "Compute"]
    owner: Literal["AWS", "ThirdParty", "Custom"]
    provider: Provider
    version: Version


class OutputArtifact(Camel):
    """An artifact that this action makes; `files` for the Compute category."""

    name: ArtifactName
    files: tuple[str, ...] | None = None


class EnvironmentVariable(Camel):
    """A variable of a Commands action (API reference, "EnvironmentVariable")."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$", max_length=128)]
    value: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    type: Literal["PLAINTEXT", "SECRETS_MANAGER"] = "PLAINTEXT"


class ActionDeclaration(Camel):
    """One step of a stage."""

    name: Name
    action_type_id: ActionTypeId
    run_order: Annotated[int, Field(ge=1, le=999)] = 1
    configuration: Mapping[ConfigurationKey, ConfigurationValue] = {}
    commands: Annotated[tuple[Command, ...], Field(max_length=50)] = ()
    input_artifacts: Annotated[tuple[InputArtifact, ...], Field(max_length=10)] = ()
    output_artifacts: Annotated[tuple[OutputArtifact, ...], Field(max_length=10)] = ()
    output_variables: Annotated[tuple[str, ...], Field(max_length=15)] = ()
    environment_variables: Annotated[tuple[EnvironmentVariable, ...], Field(max_length=10)] = ()
    namespace: Namespace | None = None
    region: str | None = None
    role_arn: str | None = None
    timeout_in_minutes: Annotated[int, Field(ge=5, le=86_400)] | None = None

    @property
    def kind(self) -> ActionKind:
        """Give the category in Sayso's words."""
        return ActionKind(self.action_type_id.category.lower())

    def resolved(self, variables: Mapping[str, Mapping[str, str]]) -> tuple[ActionDeclaration, list[Mistake]]:
        """Put an execution's variables into all texts that may refer to them; see `variables.texts` and `resolve`."""
        configuration, wrong = resolve(self.configuration, variables)
        numbered = {str(n): command for n, command in enumerate(self.commands, start=1)}
        commands, more = resolve(numbered, variables, "commands")
        values = {each.name: each.value for each in self.environment_variables}
        known, rest = resolve(values, variables, "environmentVariables")
        update = {
            "configuration": configuration,
            "commands": tuple(commands.values()),
            "environment_variables": tuple(
                each.model_copy(update={"value": known[each.name]}) for each in self.environment_variables
            ),
        }
        return self.model_copy(update=update), [*wrong, *more, *rest]


class StageDeclaration(Camel):
    """A stage: groups of actions, one group after the other."""

    name: Name
    actions: Annotated[tuple[ActionDeclaration, ...], Field(min_length=1, max_length=50)]
    blockers: tuple[Loose, ...] = ()
    before_entry: BeforeEntry | None = None
    on_success: OnSuccess | None = None
    on_failure: OnFailure | None = None

    @property
    def groups(self) -> tuple[tuple[ActionDeclaration, ...], ...]:
        """Give the actions in the order they run: those of one `runOrder` side by side, lower numbers first."""
        ordered = sorted(self.actions, key=lambda action: action.run_order)
        return tuple(tuple(group) for _, group in groupby(ordered, key=lambda action: action.run_order))


class VariableDeclaration(Camel):
    """A variable of the whole pipeline, read as `#{variables.NAME}` (V2)."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@\-_]+$", max_length=128)]
    default_value: Annotated[str, StringConstraints(max_length=1000)] | None = None
    description: str = ""


class PipelineDeclaration(Camel):
    """The whole pipeline (API reference, "PipelineDeclaration"); roles and stores may be left out."""

    name: Name
    stages: Annotated[tuple[StageDeclaration, ...], Field(min_length=2, max_length=50)]
    version: int | None = None
    pipeline_type: Literal["V1", "V2"] | None = None
    execution_mode: Literal["SUPERSEDED", "QUEUED", "PARALLEL"] = "SUPERSEDED"
    variables: Annotated[tuple[VariableDeclaration, ...], Field(max_length=50)] = ()
    triggers: Annotated[tuple[Loose, ...], Field(max_length=50)] = ()
    role_arn: str | None = None
    artifact_store: Loose | None = None
    artifact_stores: Loose | None = None

    def as_declared(self) -> dict[str, Any]:
        """Give it as AWS writes it (JSON in camelCase), without what was not said."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def stage(self, name: str) -> StageDeclaration | None:
        """Find a stage by its name."""
        return next((stage for stage in self.stages if stage.name == name), None)


def parse_pipeline(text: str, file: str) -> PipelineDeclaration:
    """Read a declaration; `file` is its name in sentences.

    Raises `BadFile` with every mistake at once; each place is the file and a JSON pointer, for broken JSON its line.
    """
    raw, doubled = _read_json(text, file)
    return declare(raw, file, doubled)


def declare(raw: Any, file: str, doubled: Sequence[str] = ()) -> PipelineDeclaration:
    """Read a declaration from parsed JSON; raises `BadFile` as `parse_pipeline`. `doubled`: keys that stood twice."""
    inside, declared = _unwrap(raw, file)

    def place(path: said.Path) -> str:
        where = said.pointer((*inside, *path))
        return f"{file} {where}" if where else file

    mistakes = [Mistake(file, f"the key `{key}` stands twice in one object.", "Keep one.") for key in doubled]
    try:
        # As JSON again, since only there "strict" means what the file's author means by it.
        pipeline = PipelineDeclaration.model_validate_json(
            json.dumps(declared), strict=True, by_alias=True, by_name=False
        )
    except ValidationError as error:
        mistakes += said.mistakes_in(error, PipelineDeclaration, place)
    mistakes += [Mistake(place(path), problem, fix) for path, problem, fix in broken_rules(declared)]
    if mistakes:
        raise BadFile(mistakes)
    return pipeline


def _read_json(text: str, file: str) -> tuple[Any, list[str]]:
    """Read JSON; gives it with the keys that stand twice."""
    if len(text) > LARGEST:
        raise BadFile([Mistake(file, f"it has {len(text):,} characters; at most {LARGEST:,} are read.")])
    if not text.strip():
        raise BadFile([Mistake(file, "it is empty; expected a pipeline declaration in JSON.")])
    doubled: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) < len(found):
            keys = [key for key, _ in found]
            doubled.extend(key for key in made if keys.count(key) > 1)
        return made

    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=pairs), doubled
    except json.JSONDecodeError as error:
        place = f"{file} line {error.lineno} column {error.colno}"
        raise BadFile([Mistake(place, f"this is not JSON: {error.msg[0].lower()}{error.msg[1:]}.")]) from error
    except (RecursionError, ValueError) as error:
        raise BadFile([Mistake(file, "it is nested too deeply or has a number that is too long.")]) from error


def _unwrap(raw: Any, file: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Find the declaration in what was read; gives the path to it, too."""
    declared, inside = (raw["pipeline"], ("pipeline",)) if isinstance(raw, dict) and "pipeline" in raw else (raw, ())
    if not isinstance(declared, dict):
        place = f"{file} {said.pointer(inside)}" if inside else file
        raise BadFile(
            [Mistake(place, f"expected an object with `name` and `stages`, but it is {said.named(declared)}.")]
        )
    if inside and (others := sorted(set(raw) - {"pipeline", "metadata"})):
        place = f"{file} {said.pointer(others[:1])}"
        raise BadFile([Mistake(place, "next to `pipeline` only `metadata` may stand.")])
    return inside, declared
