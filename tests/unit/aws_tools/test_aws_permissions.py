"""The policy has every operation that the code calls, and none that it doesn't."""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session

from bot.catalogue import load_catalogue
from bot.plugins import backend_plugins, targets
from integrations.aws.discovery import environments_in, written
from integrations.aws.permissions import OF_CHECKS, OF_QUEUES, OF_ROLES, OPERATIONS, policy, queue_arn
from integrations.aws.target import AwsTarget, Place

CODE = Path(__file__).parents[3] / "integrations" / "aws"
ROLE = "arn:aws:iam::123456789012:role/sayso"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/210987654321/sayso-events"
SERVICES = {action.split(":")[0] for action in (*OPERATIONS, *OF_CHECKS, *OF_QUEUES)}


def operations_in_the_code() -> set[str]:
    """Every operation of these services that stands as a string in the code, in IAM's words."""
    session = get_session()
    known: dict[str, set[str]] = {}
    for service in SERVICES:
        for name in session.get_service_model(service).operation_names:
            known.setdefault(name, set()).add(service)
    found = set()
    for path in CODE.rglob("*.py"):
        if path.name in {"permissions.py", "needs.py"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known:
                found |= {f"{service}:{node.value}" for service in known[node.value]}
    return found


def test_the_policy_is_complete_and_the_least() -> None:
    deletes = {"sqs:DeleteMessageBatch"}  # allowed by DeleteMessage
    assert operations_in_the_code() == {*OPERATIONS, *OF_CHECKS, OF_ROLES, "sqs:ReceiveMessage", *deletes}


def test_what_only_the_check_asks_is_printed_when_it_is_wanted() -> None:
    assert resources(policy([target()], checks=True), "iam:SimulatePrincipalPolicy") == ["*"]
    assert resources(policy([target()]), "iam:SimulatePrincipalPolicy") == []


def target(**more: Any) -> AwsTarget:
    return AwsTarget(**{"pipeline": "checkout", "region": "eu-west-1", **more})


def resources(document: dict[str, Any], action: str) -> list[str]:
    return [name for each in document["Statement"] if action in each["Action"] for name in each["Resource"]]


def test_a_verb_is_allowed_on_the_named_pipelines_only() -> None:
    document = policy([target(), target(pipeline="search")], account="123456789012")
    assert resources(document, "codepipeline:StartPipelineExecution") == [
        "arn:aws:codepipeline:eu-west-1:123456789012:checkout",
        "arn:aws:codepipeline:eu-west-1:123456789012:search",
    ]
    assert resources(document, "codepipeline:PutApprovalResult")[0].endswith(":checkout/*/*")
    assert all(each["Effect"] == "Allow" for each in document["Statement"])


def test_a_role_gets_a_policy_of_its_own_and_sayso_may_take_it() -> None:
    both = [target(), target(pipeline="billing", role=ROLE)]
    own, roles = policy(both, [QUEUE]), policy(both, [QUEUE], role=ROLE)
    assert resources(own, "sts:AssumeRole") == [ROLE]
    assert resources(own, "sqs:ReceiveMessage") == ["arn:aws:sqs:eu-west-1:210987654321:sayso-events"]
    assert resources(own, "codepipeline:GetPipeline") == ["arn:aws:codepipeline:eu-west-1:*:checkout"]
    assert resources(roles, "codepipeline:GetPipeline") == ["arn:aws:codepipeline:eu-west-1:123456789012:billing"]
    assert resources(roles, "sts:AssumeRole") == resources(roles, "sqs:ReceiveMessage") == []


def test_other_partitions_have_their_own_arns() -> None:
    china = policy([target(region="cn-north-1")])
    assert resources(china, "codepipeline:GetPipeline") == ["arn:aws-cn:codepipeline:cn-north-1:*:checkout"]
    assert queue_arn("http://127.0.0.1:5000/123456789012/events") == "arn:aws:sqs:*:123456789012:events"


def stage(name: str, *categories: str) -> dict[str, Any]:
    return {"name": name, "actions": [{"name": c, "actionTypeId": {"category": c}} for c in categories]}


SHARED = {"name": "checkout-pipeline", "stages": [
    stage("Source", "Source"), stage("Build", "Build"), stage("DeployToStaging", "Deploy"),
    stage("Production", "Approval", "Deploy"),
]}  # fmt: skip
OWN = [
    {"name": f"SearchApi-{name}", "stages": [stage("Source", "Source"), stage("Deploy", "Deploy")]}
    for name in ("dev", "prod")
]


def test_a_discovered_catalogue_only_misses_the_people(tmp_path: Path) -> None:
    path = tmp_path / "sayso.toml"
    people = '[people.ana]\nname = "Ana"\n[people.ben]\nname = "Ben"\n'
    path.write_text(written(environments_in([SHARED, *OWN]), Place("eu-west-1", ROLE, "an-id")) + people)
    catalogue = load_catalogue(path, targets(backend_plugins()))
    checkout, search = catalogue.services["checkout"], catalogue.services["search-api"]
    assert [(key, each.stage, each.production) for key, each in checkout.environments.items()] == [
        ("staging", "DeployToStaging", False),
        ("production", "Production", True),
    ]
    assert [(key, each.stage, each.production) for key, each in search.environments.items()] == [
        ("dev", None, False),
        ("prod", None, True),
    ]
    assert checkout.environments["production"].target == AwsTarget(
        pipeline="checkout-pipeline", region="eu-west-1", role=ROLE, external_id="an-id"
    )


def test_a_production_without_an_approval_is_pointed_out() -> None:
    text = written(environments_in([SHARED, *OWN]), Place("eu-west-1"))
    assert text.count("No manual approval stands before this") == 1
    assert "No manual approval" in text.split("environments.prod]")[1]


@pytest.mark.parametrize("name", ["Prod", "prod", 'a "quoted" one', "__", "päckchen"])
def test_any_name_gives_a_file_that_can_be_read(name: str) -> None:
    text = written(
        environments_in([{"name": name, "stages": [stage("S", "Source"), stage(name, "Deploy")]}]), Place("x")
    )
    (service,) = tomllib.loads(text)["services"].values()
    (environment,) = service["environments"].values()
    assert json.loads(json.dumps(environment))["pipeline"] == name


def test_two_stages_of_one_name_are_two_environments() -> None:
    found = environments_in([{"name": "a", "stages": [stage("deploy-prod", "Deploy"), stage("ProdDeploy", "Deploy")]}])
    assert [each.environment for each in found] == ["prod", "prod-2"]
