"""CodePipeline's rules that concern several parts of a declaration, even of one that has other mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from integrations.specs.condition_rules import broken_conditions
from integrations.specs.mistakes import Path, nearest, one_of
from integrations.specs.variables import references, texts

Broken = tuple[Path, str, str | None]
"""Where, what is wrong, how to mend it."""

# User guide, "Pipeline structure reference": artifacts per action type, as (fewest, most) in and out.
ARTIFACTS: dict[tuple[str, str | None], tuple[tuple[int, int], tuple[int, int]]] = {
    ("Source", None): ((0, 0), (1, 1)),
    ("Approval", None): ((0, 0), (0, 0)),
    ("Build", "CodeBuild"): ((1, 5), (0, 5)),
    ("Test", "CodeBuild"): ((1, 5), (0, 5)),
    ("Deploy", "CodeDeploy"): ((1, 1), (0, 0)),
    ("Invoke", "Lambda"): ((0, 5), (0, 5)),
    ("Compute", "Commands"): ((1, 10), (0, 1)),
}
CATEGORIES = ("Source", "Build", "Deploy", "Test", "Invoke", "Approval", "Compute")
RESERVED_NAMESPACES = ("codepipeline", "variables")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the rules need of one action, as far as it can be read."""

    path: Path
    stage: int
    order: int
    name: str
    category: str
    provider: str
    inputs: list[str]
    outputs: list[str]
    namespace: str | None
    texts: dict[tuple[str | int, ...], str]
    """By their paths inside of the action."""

    def before(self, other: Seen) -> bool:
        """Tell whether this action is over when the other one starts."""
        return (self.stage, self.order) < (other.stage, other.order)


def broken_rules(declared: dict[str, Any]) -> Iterator[Broken]:
    """Yield every rule that the declaration (raw JSON) breaks; wrong types are left to the model."""
    seen = list(_actions(declared))
    yield from _names(declared)
    yield from _sources(seen)
    yield from _artifact_counts(seen)
    yield from _artifact_flow(seen)
    yield from _namespaces(seen)
    yield from _references(seen, declared)
    makers = {name: (action.stage, action.order) for action in reversed(seen) for name in action.outputs if name}
    owners = {action.namespace: (action.stage, action.order) for action in reversed(seen) if action.namespace}
    yield from broken_conditions(declared, makers, owners)
    if declared.get("pipelineType") == "V1":
        for key in ("variables", "triggers"):
            if declared.get(key):
                yield (key,), "a pipeline of type V1 can't have this.", 'Set "pipelineType" to "V2".'
        if declared.get("executionMode") in {"QUEUED", "PARALLEL"}:
            yield ("executionMode",), "a pipeline of type V1 can't have this mode.", 'Set "pipelineType" to "V2".'


def _items(value: object, key: str) -> list[tuple[int, dict[str, Any]]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [(n, item) for n, item in enumerate(found) if isinstance(item, dict)] if isinstance(found, list) else []


def _text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _actions(declared: dict[str, Any]) -> Iterator[Seen]:
    for s, stage in _items(declared, "stages"):
        for a, action in _items(stage, "actions"):
            order = action.get("runOrder", 1)
            yield Seen(
                path=("stages", s, "actions", a),
                stage=s,
                order=order if isinstance(order, int) else 1,
                name=_text(action, "name"),
                category=_text(action.get("actionTypeId"), "category"),
                provider=_text(action.get("actionTypeId"), "provider"),
                inputs=[_text(item, "name") for _, item in _items(action, "inputArtifacts")],
                outputs=[_text(item, "name") for _, item in _items(action, "outputArtifacts")],
                namespace=_text(action, "namespace") or None,
                texts=dict(texts(action)),
            )


def _names(declared: dict[str, Any]) -> Iterator[Broken]:
    stages: set[str] = set()
    for s, stage in _items(declared, "stages"):
        name, actions = _text(stage, "name"), set[str]()
        if name and name in stages:
            yield ("stages", s, "name"), f"another stage is called {name}, too.", "Give each stage its own name."
        stages.add(name)
        for a, action in _items(stage, "actions"):
            name = _text(action, "name")
            if name and name in actions:
                path = ("stages", s, "actions", a, "name")
                yield path, f"another action of this stage is called {name}, too.", "Give each action its own name."
            actions.add(name)


def _sources(seen: list[Seen]) -> Iterator[Broken]:
    for action in seen:
        path = (*action.path, "actionTypeId", "category")
        if action.stage == 0 and action.category in CATEGORIES[1:]:
            yield path, "the first stage may only have Source actions.", "Move it to a later stage."
        if action.stage > 0 and action.category == "Source":
            yield path, "a Source action may only be in the first stage.", "Move it to the first stage."


def _artifact_counts(seen: list[Seen]) -> Iterator[Broken]:
    for action in seen:
        bounds = ARTIFACTS.get((action.category, action.provider)) or ARTIFACTS.get((action.category, None))
        if bounds is None:
            continue
        who = f"{action.provider} action" if (action.category, action.provider) in ARTIFACTS else action.category
        for key, names, (fewest, most) in (
            ("inputArtifacts", action.inputs, bounds[0]),
            ("outputArtifacts", action.outputs, bounds[1]),
        ):
            if not fewest <= len(names) <= most:
                allowed = "no" if most == 0 else str(most) if fewest == most else f"{fewest} to {most}"
                word = "input" if key == "inputArtifacts" else "output"
                yield (
                    (*action.path, key),
                    f"a {who} has {allowed} {word} artifact{'' if most == 1 else 's'}, but here are {len(names)}.",
                    None,
                )
        primary = action.texts.get(("configuration", "PrimarySource"), "")
        if action.provider == "CodeBuild" and len(action.inputs) > 1 and primary not in action.inputs:
            fix = f"Set it to {one_of(action.inputs)}."
            yield (*action.path, "configuration"), "with several input artifacts, PrimarySource must name one.", fix


def _artifact_flow(seen: list[Seen]) -> Iterator[Broken]:
    makers: dict[str, Seen] = {}
    for action in seen:
        for n, name in enumerate(action.outputs):
            path = (*action.path, "outputArtifacts", n, "name")
            if name in makers:
                yield path, f"{makers[name].name} already makes an artifact called {name}.", "Give each its own name."
            elif name:
                makers[name] = action
    for action in seen:
        for n, name in enumerate(action.inputs):
            path = (*action.path, "inputArtifacts", n, "name")
            maker = makers.get(name)
            if maker is None and name:
                earlier = [made for made, by in makers.items() if by.before(action)]
                fix = nearest(name, earlier) or (f"Earlier actions make {one_of(earlier)}." if earlier else None)
                yield path, f"no action makes the artifact {name}.", fix
            elif maker is not None and not maker.before(action):
                fix = f"Give {action.name} a higher runOrder than {maker.name}, or move it to a later stage."
                yield path, f"{maker.name}, which makes {name}, is not over when {action.name} starts.", fix


def _namespaces(seen: list[Seen]) -> Iterator[Broken]:
    artifacts = {name for action in seen for name in (*action.inputs, *action.outputs)}
    owners: dict[str, str] = {}
    for action in seen:
        if action.namespace is None:
            continue
        path = (*action.path, "namespace")
        if action.namespace in owners:
            yield path, f"{owners[action.namespace]} has this namespace, too.", "Give each action its own."
        if action.namespace in artifacts:
            yield path, "an artifact has this name, too.", "Give the namespace another name."
        if action.namespace in RESERVED_NAMESPACES:
            yield path, "this name is CodePipeline's own.", "Give the namespace another name."
        owners.setdefault(action.namespace, action.name)


def _references(seen: list[Seen], declared: dict[str, Any]) -> Iterator[Broken]:
    owners = {action.namespace: action for action in reversed(seen) if action.namespace}
    variables = [_text(item, "name") for _, item in _items(declared, "variables")]
    for action in seen:
        for where, text in action.texts.items():
            for namespace, name in references(text):
                path, written = (*action.path, *where), f"#{{{namespace}.{name}}}"
                owner = owners.get(namespace)
                if namespace == "variables" and name not in variables:
                    yield path, f"{written}: the pipeline declares no variable {name}.", nearest(name, variables)
                elif namespace in RESERVED_NAMESPACES:
                    continue
                elif owner is None:
                    fix = nearest(namespace, list(owners))
                    yield path, f"{written}: no action has the namespace {namespace}.", fix
                elif not owner.before(action):
                    yield path, f"{written}: {owner.name} is not over when {action.name} starts.", None
