"""Conditions of stages in a pipeline declaration: what is read, and every mistake in them."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.errors import BadFile
from integrations.specs.pipeline import declare
from tests.support.local_world import action


def rule(name: str = "R", provider: str = "VariableCheck", **more: Any) -> dict[str, Any]:
    configuration = {"Variable": "#{Got.Id}", "Operator": "EQ", "Value": "1"}
    return {
        "name": name,
        "ruleTypeId": {"category": "Rule", "provider": provider},
        "configuration": configuration,
    } | more


def entry(*rules: dict[str, Any], result: str = "FAIL") -> dict[str, Any]:
    return {"beforeEntry": {"conditions": [{"result": result, "rules": list(rules)}]}}


def pipeline(first: dict[str, Any] | None = None, last: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    get = action("Source", "Git", "Get", namespace="Got", outputArtifacts=[{"name": "Tree"}])
    do = action("Compute", "Commands", "Do", commands=["true"], namespace="Done", inputArtifacts=[{"name": "Tree"}])
    stages = [{"name": "Source", "actions": [get], **(first or {})}, {"name": "Go", "actions": [do], **(last or {})}]
    return {"name": "p", "pipelineType": "V2", "stages": stages} | more


def test_conditions_are_read() -> None:
    retry = {"onFailure": {"result": "RETRY", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}}}
    stage = declare(pipeline(last=entry(rule(), result="SKIP") | retry), "p.json").stages[1]
    assert stage.before_entry is not None
    assert (stage.before_entry.conditions[0].result, stage.before_entry.conditions[0].rules[0].name) == ("SKIP", "R")
    assert stage.on_failure is not None
    assert (stage.on_failure.fires, stage.on_failure.retry_configuration.retry_mode) == ("RETRY", "ALL_ACTIONS")


ROLLBACK = {"onFailure": {"result": "ROLLBACK"}}


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        (pipeline(last=entry(rule(), result="RETRY")), "/stages/1/beforeEntry/conditions/0/result"),
        (pipeline(last=entry()), "/stages/1/beforeEntry/conditions/0/rules"),
        (pipeline(last=entry(*(rule(f"R{n}") for n in range(6)))), "/stages/1/beforeEntry/conditions/0/rules"),
        (pipeline(last={"beforeEntry": {"conditions": entry(rule())["beforeEntry"]["conditions"] * 2}}),
         "/stages/1/beforeEntry/conditions"),
        (pipeline(last=entry(rule(), rule())), "/stages/1/beforeEntry/conditions/0/rules/1/name"),
        (pipeline(last=entry(rule(inputArtifacts=[{"name": "Tee"}]))),
         "/stages/1/beforeEntry/conditions/0/rules/0/inputArtifacts/0/name"),
        (pipeline(last=entry(rule(configuration={"Variable": "#{Done.X}", "Operator": "EQ", "Value": "1"}))),
         "/stages/1/beforeEntry/conditions/0/rules/0/configuration/Variable"),
        (pipeline(last=entry(rule(configuration={"Variable": "x", "Operator": "IS", "Value": "1"}))),
         "/stages/1/beforeEntry/conditions/0/rules/0/configuration/Operator"),
        (pipeline(last=entry(rule(provider="Commands"))), "/stages/1/beforeEntry/conditions/0/rules/0/commands"),
        (pipeline(first=entry(rule())), "/stages/0/beforeEntry"),
        (pipeline(first=ROLLBACK), "/stages/0/onFailure/result"),
        (pipeline(last=ROLLBACK, executionMode="PARALLEL"), "/stages/1/onFailure/result"),
        (pipeline(last={"onFailure": {}}), "/stages/1/onFailure"),
        (pipeline(last=ROLLBACK, pipelineType="V1"), "/stages/1/onFailure"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_condition_is_said_with_its_place(declared: dict[str, Any], place: str) -> None:
    with pytest.raises(BadFile) as refused:
        declare(declared, "p.json")
    assert place in [mistake.place.removeprefix("p.json ") for mistake in refused.value.mistakes]
