"""Pipeline JSON: what is accepted, and that every mistake is said at once with its place."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import BadFile, Mistake
from bot.core.model import ActionKind
from integrations.specs.pipeline import ActionDeclaration, EnvironmentVariable, PipelineDeclaration, parse_pipeline
from integrations.specs.variables import resolve


def action(name: str, category: str, provider: str, **more: Any) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, **more}


def declared() -> dict[str, Any]:
    source = action(
        "Git", "Source", "CodeStarSourceConnection", outputArtifacts=[{"name": "Code"}], namespace="SourceVariables"
    )
    build = action(
        "Unit",
        "Build",
        "CodeBuild",
        inputArtifacts=[{"name": "Code"}],
        outputArtifacts=[{"name": "App"}],
        configuration={"ProjectName": "checkout-unit"},
    )
    approve = action("Approve", "Approval", "Manual", configuration={"CustomData": "Ship #{SourceVariables.CommitId}"})
    deploy = action("Deploy", "Deploy", "CodeDeploy", inputArtifacts=[{"name": "App"}], runOrder=2)
    return {
        "name": "checkout",
        "roleArn": "arn:aws:iam::111111111111:role/p",
        "artifactStore": {"type": "S3", "location": "somewhere"},
        "pipelineType": "V2",
        "executionMode": "QUEUED",
        "version": 3,
        "triggers": [{"providerType": "CodeStarSourceConnection"}],
        "stages": [
            {"name": "Source", "actions": [source]},
            {"name": "Build", "actions": [build], "onFailure": {"result": "ROLLBACK"}},
            {"name": "Production", "actions": [deploy, approve]},
        ],
    }


def mistakes(pipeline: Any) -> dict[str, str]:
    with pytest.raises(BadFile) as caught:
        parse_pipeline(json.dumps(pipeline), "pipeline.json")
    found = {m.place.removeprefix("pipeline.json").strip(): f"{m.problem} {m.fix or ''}" for m in caught.value.mistakes}
    assert len(found) == len(caught.value.mistakes), caught.value.sentence
    return found


def test_a_bare_a_wrapped_and_an_exported_declaration_are_the_same() -> None:
    forms = [
        declared(),
        {"pipeline": declared()},
        {"pipeline": declared(), "metadata": {"pipelineArn": "arn:aws:codepipeline:eu-west-1:1:checkout"}},
    ]
    bare, wrapped, exported = (parse_pipeline(json.dumps(form), "p.json") for form in forms)
    assert bare == wrapped == exported
    assert [stage.name for stage in bare.stages] == ["Source", "Build", "Production"]
    assert bare.execution_mode == "QUEUED"


def test_actions_are_grouped_by_run_order_and_know_their_kind() -> None:
    production = parse_pipeline(json.dumps(declared()), "p.json").stages[2]
    assert [[a.name for a in group] for group in production.groups] == [["Approve"], ["Deploy"]]
    assert production.groups[0][0].kind is ActionKind.APPROVAL


def test_a_declaration_survives_being_written_and_read_again() -> None:
    first = parse_pipeline(json.dumps(declared()), "p.json")
    assert parse_pipeline(first.model_dump_json(by_alias=True, exclude_none=True), "again.json") == first
    assert PipelineDeclaration.model_validate_json(first.model_dump_json()) == first


def test_broken_json_is_named_by_line_and_column() -> None:
    with pytest.raises(BadFile) as caught:
        parse_pipeline('{"name": "x",\n "stages": [,]}', "p.json")
    assert caught.value.mistakes[0].place == "p.json line 2 column 13"


@pytest.mark.parametrize(
    "text",
    ["", "   ", "null", "[]", '"x"', "{", '{"pipeline": 3}', "[" * 100_000, "1" * 10_000, '{"name": "\\ud800"}'],
)
def test_anything_that_is_no_pipeline_is_one_clear_mistake(text: str) -> None:
    with pytest.raises(BadFile) as caught:
        parse_pipeline(text, "p.json")
    assert all(m.place.startswith("p.json") for m in caught.value.mistakes)


def test_every_mistake_is_said_at_once_with_the_nearest_name() -> None:
    pipeline = declared()
    pipeline["executionmode"] = pipeline.pop("executionMode")
    pipeline["stages"][0]["actions"][0]["actionTypeId"]["category"] = "Sauce"
    pipeline["stages"][1]["actions"][0]["inputArtifacts"][0]["name"] = "Cod"
    pipeline["stages"][1]["actions"][0]["runOrder"] = 1000
    pipeline["stages"][2]["actions"][1]["configuration"] = {"CustomData": 5}
    del pipeline["stages"][2]["name"]
    found = mistakes({"pipeline": pipeline})
    assert "`executionMode`" in found["/pipeline/executionmode"]
    assert "`Source`" in found["/pipeline/stages/0/actions/0/actionTypeId/category"]
    assert "`Code`" in found["/pipeline/stages/1/actions/0/inputArtifacts/0/name"]
    assert "at most 999" in found["/pipeline/stages/1/actions/0/runOrder"]
    assert "expected text" in found["/pipeline/stages/2/actions/1/configuration/CustomData"]
    assert "missing" in found["/pipeline/stages/2/name"]
    assert len(found) == 6


def change(path: str, value: Any) -> dict[str, Any]:
    pipeline = deepcopy(declared())
    at: Any = pipeline
    *way, last = [int(part) if part.isdigit() else part for part in path.strip("/").split("/")]
    for part in way:
        at = at[part]
    at[last] = value
    return pipeline


@pytest.mark.parametrize(
    ("path", "value", "place", "sentence"),
    [
        ("/stages", declared()["stages"][:1], "/stages", "at least 2"),
        ("/stages/1/name", "Source", "/stages/1/name", "another stage"),
        ("/stages/1/name", "a b", "/stages/1/name", "does not match"),
        ("/stages/1/actions", [], "/stages/1/actions", "at least 1"),
        ("/stages/2/actions/1/name", "Deploy", "/stages/2/actions/1/name", "another action"),
        ("/stages/2/actions/1/inputArtifacts", [{"name": "App"}], "/stages/2/actions/1/inputArtifacts", "has no input"),
        ("/stages/0/actions/0/outputArtifacts", [], "/stages/0/actions/0/outputArtifacts", "has 1 output artifact"),
        ("/stages/2/actions/0/inputArtifacts", [], "/stages/2/actions/0/inputArtifacts", "CodeDeploy action has 1"),
        ("/stages/1/actions/0/outputArtifacts/0/name", "Code", "/stages/1/actions/0/outputArtifacts/0/name", "already"),
        ("/stages/1/actions/0/namespace", "Code", "/stages/1/actions/0/namespace", "an artifact"),
        ("/stages/1/actions/0/namespace", "SourceVariables", "/stages/1/actions/0/namespace", "Git has this"),
        ("/stages/1/actions/0/namespace", "codepipeline", "/stages/1/actions/0/namespace", "CodePipeline's own"),
        (
            "/stages/1/actions/0/configuration/X",
            "#{sourceVariables.CommitId}",
            "/stages/1/actions/0/configuration/X",
            "`SourceVariables`",
        ),
        (
            "/stages/1/actions/0/configuration/X",
            "#{variables.region}",
            "/stages/1/actions/0/configuration/X",
            "declares no variable",
        ),
        ("/pipelineType", "V1", "/executionMode", "V1"),
        ("/name", "x" * 101, "/name", "at most 100"),
        ("/stages/0/actions/0/runOrder", 0, "/stages/0/actions/0/runOrder", "at least 1"),
        ("/stages/0/actions/0/runOrder", "1", "/stages/0/actions/0/runOrder", "whole number"),
        ("/stages/0/actions/0/run_order", 1, "/stages/0/actions/0/run_order", "`runOrder`"),
    ],
)
def test_a_broken_rule_is_said_at_its_place(path: str, value: Any, place: str, sentence: str) -> None:
    assert sentence in mistakes(change(path, value))[place]


def test_more_than_fifty_stages_or_actions_are_refused() -> None:
    pipeline = declared()
    more = [{"name": f"S{n}", "actions": [action("A", "Approval", "Manual")]} for n in range(48)]
    assert "at most 50" in mistakes({**pipeline, "stages": pipeline["stages"] + more})["/stages"]
    many = [action(f"A{n}", "Approval", "Manual") for n in range(51)]
    pipeline["stages"].append({"name": "Many", "actions": many})
    assert "at most 50" in mistakes(pipeline)["/stages/3/actions"]


def test_an_artifact_must_be_made_before_it_is_used() -> None:
    pipeline = declared()
    late = action("Late", "Test", "CodeBuild", inputArtifacts=[{"name": "App"}])
    pipeline["stages"][1]["actions"].append(late)
    found = mistakes(pipeline)["/stages/1/actions/1/inputArtifacts/0/name"]
    assert "Unit, which makes App, is not over when Late starts" in found
    late["runOrder"] = 2
    parse_pipeline(json.dumps(pipeline), "p.json")


def test_a_key_that_stands_twice_is_a_mistake() -> None:
    text = json.dumps(declared()).replace('"version": 3', '"version": 3, "version": 4')
    with pytest.raises(BadFile, match="`version` stands twice"):
        parse_pipeline(text, "p.json")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
paths = st.sampled_from(
    [
        "/stages",
        "/stages/0",
        "/stages/1/actions",
        "/stages/1/actions/0",
        "/stages/1/actions/0/actionTypeId",
        "/stages/1/actions/0/configuration",
        "/stages/1/actions/0/inputArtifacts",
        "/stages/1/actions/0/outputArtifacts/0",
        "/variables",
        "/name",
    ]
)


@settings(deadline=None)  # the machine may be busy
@given(paths, json_values)
def test_whatever_stands_at_a_place_it_is_read_or_refused_with_sentences(path: str, value: Any) -> None:
    found: tuple[Mistake, ...] = ()
    try:
        parse_pipeline(json.dumps(change(path, value)), "p.json")
    except BadFile as error:
        found = error.mistakes
    assert all(m.place.startswith("p.json") and m.problem for m in found)


def test_variables_are_put_into_the_configuration() -> None:
    given_ = {"CustomData": "Ship #{Git.CommitId} of #{Git.BranchName}, run #{codepipeline.PipelineExecutionId}"}
    known = {
        "Git": {"CommitId": "c0ffee", "BranchName": "#{Git.CommitId}"},
        "codepipeline": {"PipelineExecutionId": "7"},
    }
    assert resolve(given_, known) == ({"CustomData": "Ship c0ffee of #{Git.CommitId}, run 7"}, [])


def test_a_variable_without_a_value_is_a_sentence_that_lists_what_there_is() -> None:
    resolved, wrong = resolve({"A": "#{git.CommitId} #{Git.Commit}"}, {"Git": {"CommitId": "c0ffee"}})
    assert resolved == {"A": "#{git.CommitId} #{Git.Commit}"}
    assert [str(m) for m in wrong] == [
        "configuration A: #{git.CommitId}: no action has given the namespace git. Namespaces so far: Git.",
        "configuration A: #{Git.Commit}: the namespace Git has no variable Commit. It has: CommitId.",
    ]


def test_variables_are_put_into_commands_and_environment_variables_too() -> None:
    run = {"name": "RUN", "value": "#{codepipeline.PipelineExecutionId}", "type": "PLAINTEXT"}
    commands = ["make VERSION=#{Git.CommitId}", "echo ${#list} #{Git.Nothing}"]
    step = action("Step", "Compute", "Commands", commands=commands, environmentVariables=[run])
    known = {"Git": {"CommitId": "c0ffee"}, "codepipeline": {"PipelineExecutionId": "7"}}
    resolved, wrong = ActionDeclaration.model_validate(step).resolved(known)
    assert resolved.commands == ("make VERSION=c0ffee", "echo ${#list} #{Git.Nothing}")
    assert resolved.environment_variables == (EnvironmentVariable(name="RUN", value="7"),)
    assert [mistake.place for mistake in wrong] == ["commands 2"]


def test_a_command_can_t_refer_to_what_nobody_gives() -> None:
    pipeline = declared()
    pipeline["stages"][1]["actions"][0] |= {
        "commands": ["echo #{Git.CommitId}"],
        "environmentVariables": [{"name": "A", "value": "#{variables.nowhere}"}],
    }
    found = mistakes(pipeline)
    assert "#{Git.CommitId}: no action has the namespace Git." in found["/stages/1/actions/0/commands/0"]
    assert "no variable nowhere" in found["/stages/1/actions/0/environmentVariables/0/value"]


def test_environment_variables_keep_the_limits_of_aws() -> None:
    pipeline = declared()
    pipeline["stages"][1]["actions"][0]["environmentVariables"] = [
        {"name": "A-B", "value": "x"},
        {"name": "B", "value": ""},
        {"name": "C", "value": "x", "type": "PARAMETER_STORE"},
    ]
    found = mistakes(pipeline)
    place = "/stages/1/actions/0/environmentVariables"
    assert set(found) == {f"{place}/0/name", f"{place}/1/value", f"{place}/2/type"}
