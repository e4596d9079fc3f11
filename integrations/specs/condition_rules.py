"""CodePipeline's rules for the conditions of stages, on a raw declaration that may have other mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from integrations.specs.mistakes import Path, nearest, one_of
from integrations.specs.variables import references, texts

HOOKS = {"beforeEntry": -1, "onSuccess": 1000, "onFailure": 1000}
"""A stage's hook to the `runOrder` that it stands at, as it were, among the stage's actions."""
OPERATORS = ("EQ", "NE", "CONTAINS", "MATCHES")
Broken = tuple[Path, str, str | None]
"""Where, what is wrong, how to mend it."""
RESERVED = ("codepipeline", "variables")


def broken_conditions(
    declared: Mapping[str, Any], makers: Mapping[str, tuple[int, int]], owners: Mapping[str, tuple[int, int]]
) -> Iterator[Broken]:
    """Yield what is wrong; artifacts and namespaces are given with the stage and runOrder of the action they are of."""
    stages = declared.get("stages")
    for s, stage in enumerate(stages if isinstance(stages, list) else []):
        for hook, order in HOOKS.items() if isinstance(stage, dict) else ():
            found = stage.get(hook)
            if not isinstance(found, dict):
                continue
            path: Path = ("stages", s, hook)
            yield from _placed(declared, found, path)
            rules, names = list(_rules(found)), set[str]()
            for rule_path, rule in rules:
                where = (*path, *rule_path)
                name = rule.get("name")
                if isinstance(name, str) and name in names:
                    yield (*where, "name"), f"another rule here is called {name}, too.", "Give each its own name."
                names.add(str(name))
                yield from _inputs(rule, where, makers, (s, order))
                yield from _references(rule, where, owners, (s, order))
                yield from _provider(rule, where)


def _placed(declared: Mapping[str, Any], found: Mapping[str, Any], path: Path) -> Iterator[Broken]:
    conditions = found.get("conditions")
    first = conditions[0] if isinstance(conditions, list) and conditions and isinstance(conditions[0], dict) else {}
    results = [(("result",), found.get("result")), (("conditions", 0, "result"), first.get("result"))]
    for where, result in results:
        if result != "ROLLBACK":
            continue
        if path[1] == 0:
            yield (*path, *where), "the source stage can't be rolled back.", None
        if declared.get("executionMode") == "PARALLEL":
            fix = "Use FAIL, or another execution mode."
            yield (*path, *where), "a pipeline in PARALLEL mode can't roll stages back.", fix
    if path[1] == 0 and path[2] != "onFailure":
        yield path, "the source stage can't have this condition.", "Move it to a later stage."
    if path[2] == "onFailure" and not first and found.get("result") is None:
        yield path, "it says nothing about what is to follow.", 'Give it a "result".'
    if declared.get("pipelineType") == "V1":
        yield path, "a pipeline of type V1 can't have conditions.", 'Set "pipelineType" to "V2".'


def _rules(found: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    conditions = found.get("conditions")
    for c, condition in enumerate(conditions if isinstance(conditions, list) else []):
        rules = condition.get("rules") if isinstance(condition, dict) else None
        for r, rule in enumerate(rules if isinstance(rules, list) else []):
            if isinstance(rule, dict):
                yield ("conditions", c, "rules", r), rule


def _inputs(
    rule: Mapping[str, Any], where: Path, makers: Mapping[str, tuple[int, int]], here: tuple[int, int]
) -> Iterator[Broken]:
    given = rule.get("inputArtifacts")
    for n, item in enumerate(given if isinstance(given, list) else []):
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str):
            continue
        path = (*where, "inputArtifacts", n, "name")
        if name not in makers:
            yield path, f"no action makes the artifact {name}.", nearest(name, list(makers))
        elif not makers[name] < here:
            yield path, f"the artifact {name} is not made yet when this rule is looked at.", None


def _references(
    rule: Mapping[str, Any], where: Path, owners: Mapping[str, tuple[int, int]], here: tuple[int, int]
) -> Iterator[Broken]:
    for inside, text in texts(rule):
        for namespace, name in references(text):
            path, written = (*where, *inside), f"#{{{namespace}.{name}}}"
            if namespace in RESERVED:
                continue
            if namespace not in owners:
                fix = nearest(namespace, list(owners))
                yield path, f"{written}: no action has the namespace {namespace}.", fix
            elif not owners[namespace] < here:
                yield path, f"{written}: it has no value yet when this rule is looked at.", None


def _provider(rule: Mapping[str, Any], where: Path) -> Iterator[Broken]:
    kind = rule.get("ruleTypeId")
    provider = kind.get("provider") if isinstance(kind, dict) else None
    given = rule.get("configuration")
    configuration = given if isinstance(given, dict) else {}
    if provider == "Commands" and not rule.get("commands") and not configuration.get("Commands"):
        yield (*where, "commands"), "a Commands rule needs commands.", None
    if provider == "VariableCheck":
        missing = [key for key in ("Variable", "Operator", "Value") if key not in configuration]
        if missing:
            yield (*where, "configuration"), f"a VariableCheck rule needs {one_of(missing)}.", None
        operator = configuration.get("Operator")
        if operator is not None and operator not in OPERATORS:
            yield (*where, "configuration", "Operator"), f"expected {one_of(OPERATORS)}.", None
