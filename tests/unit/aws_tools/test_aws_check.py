"""`sayso check --aws`: over HTTP to the local endpoint (CodePipeline) and to moto (STS, IAM, EventBridge, SQS, SNS)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_api._internal.models import moto_api_backend

from bot.core.ports import Review
from integrations.aws.checking.environments import Environment, Identity
from integrations.aws.checking.events import EventPath
from integrations.aws.checking.whole import Checked, check
from integrations.aws.clients import Clients
from integrations.aws.events.settings import Sources
from integrations.aws.pace import Pace
from integrations.aws.permissions import policy
from integrations.aws.target import AwsTarget
from tests.support.aws_world import KEY_ID, SECRET, AwsWorld, aws_session, open_aws_world
from tests.support.canned_aws import canned_aws
from tests.support.faulty_proxy import DENIED, faulty_proxy
from tests.support.moto_world import USER, moto_world

ROOT = Path(__file__).parents[3]
REGION = "us-east-1"
TEMPLATE = ROOT / "deploy" / "aws" / "events.yaml"
TARGET = AwsTarget(pipeline="checkout", region=REGION)
PROD = Environment("checkout", "prod", TARGET, "Release", production=True)
WAYS = {TARGET.place: [PROD]}
CATALOGUE = f"""
[people.ana]
name = "Ana"
[people.ben]
name = "Ben"
[services.checkout.target]
region = "{REGION}"
[services.checkout.environments.prod]
backend = "aws"
pipeline = "checkout"
stage = "Relese"
production = true
[services.search.environments.prod]
backend = "aws"
pipeline = "chekout"
region = "{REGION}"
"""


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with moto_world() as url:
        yield url


@pytest.fixture
def moto(served: str) -> str:
    moto_api_backend.reset()
    return served


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AwsWorld]:
    async with open_aws_world(tmp_path) as found:
        await found.call("create_pipeline", pipeline=found.declaration("checkout"))
        yield found


@pytest.fixture
async def clients(moto: str) -> AsyncIterator[Clients]:
    opened = opened_clients({"": moto})
    yield opened
    await opened.close()


def opened_clients(endpoints: dict[str, str], session: Any = aws_session) -> Clients:
    return Clients(
        session=session, pace=Pace(time.monotonic, 1000, 1000), clock=lambda: datetime.now(UTC), backoff=0.01,
        endpoints=endpoints,
    )  # fmt: skip


def of(moto: str, service: str) -> Any:
    return aws_session().client(service, endpoint_url=moto)


def a_way(moto: str) -> str:
    """Make the rule, the queue and its policy as they stand in the deploy template; gives the queue's address."""
    text = TEMPLATE.read_text()
    for name in ("Events", "Changes"):
        text = text.replace(f"!GetAtt {name}.Arn", f"{name}.Arn").replace(f"!Ref {name}", name)
    made = {name: each["Properties"] for name, each in yaml.safe_load(text)["Resources"].items()}
    events, rule = of(moto, "events"), made["Changes"]
    url = str(of(moto, "sqs").create_queue(QueueName=made["Events"]["QueueName"])["QueueUrl"])
    pattern = json.dumps(rule["EventPattern"])
    arn = events.put_rule(Name=rule["Name"], EventPattern=pattern, State=rule["State"])["RuleArn"]
    queue = f"arn:aws:sqs:{REGION}:{DEFAULT_ACCOUNT_ID}:{made['Events']['QueueName']}"
    events.put_targets(Rule=rule["Name"], Targets=[{"Id": "queue", "Arn": queue}])
    document = json.dumps(made["EventsLetIn"]["PolicyDocument"])
    allow(moto, url, json.loads(document.replace("Changes.Arn", arn).replace("Events.Arn", queue)))
    return url


def allow(moto: str, queue: str, document: Any) -> None:
    of(moto, "sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(document)})


def permit(moto: str, document: Any) -> None:
    iam = of(moto, "iam")
    iam.create_user(UserName=USER)
    iam.put_user_policy(UserName=USER, PolicyName="sayso", PolicyDocument=json.dumps(document))


async def follow(clients: Clients, sources: Sources, *, public_url: str | None = None) -> Review:
    who = {TARGET.place: Identity(DEFAULT_ACCOUNT_ID, f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:user/{USER}")}
    return await EventPath(clients, who, public_url).review(WAYS, sources)


def said(found: Review | Checked) -> str:
    return "\n".join(map(str, found.mistakes))


async def test_a_person_is_told_everything_that_is_missing_at_once(world: AwsWorld, moto: str, tmp_path: Path) -> None:
    (tmp_path / "sayso.toml").write_text(CATALOGUE)
    queue = of(moto, "sqs").create_queue(QueueName="events")["QueueUrl"]
    permit(moto, {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["codepipeline:Get*", "codepipeline:List*", "sqs:*"], "Resource": "*"},
    ]})  # fmt: skip
    environment = {
        "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET,
        "SAYSO_AWS_ENDPOINT_URL": f"{moto},codepipeline={world.url}", "SAYSO_AWS_QUEUES": queue,
        "AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(ROOT), "COLUMNS": "400",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.cli", "check", "--aws", cwd=tmp_path, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, error = (text.decode() for text in await process.communicate())
    assert (process.returncode, error) == (2, "")
    assert told.startswith("sayso.toml is good: 2 services.")
    for words in (
        "There is no pipeline chekout in us-east-1. Did you mean checkout?",
        "The pipeline checkout has no stage Relese. Its stages: Source, Release. Did you mean `Release`?",
        "codepipeline:StartPipelineExecution on arn:aws:codepipeline:us-east-1:123456789012:checkout. Nobody can",
        "codepipeline:PutApprovalResult on arn:aws:codepipeline:us-east-1:123456789012:checkout/Release/Approve",
        f"No rule of EventBridge sends to arn:aws:sqs:{REGION}:123456789012:events",
    ):
        assert words in " ".join(told.split()), told
    assert "codepipeline:GetPipeline" not in told


async def test_with_the_policy_and_the_stack_of_the_deploy_folder_nothing_is_missing(
    world: AwsWorld, moto: str
) -> None:
    queue = a_way(moto)
    permit(moto, policy([TARGET], [queue], account=DEFAULT_ACCOUNT_ID, checks=True))
    clients = opened_clients({"": moto, "codepipeline": world.url})
    found = await check(clients, [PROD], Sources(queues=(queue,)), None)
    await clients.close()
    assert (found.mistakes, found.warnings) == ([], [])
    assert found.who[TARGET.place].account == DEFAULT_ACCOUNT_ID


async def test_where_nobody_may_simulate_what_only_reads_is_tried_and_the_rest_is_named(
    world: AwsWorld, moto: str
) -> None:
    queue = a_way(moto)  # there is no such user, so IAM can't say what it may do
    clients = opened_clients({"": moto, "codepipeline": world.url})
    found = await check(clients, [PROD], Sources(queues=(queue,)), None)
    await clients.close()
    assert found.mistakes == []
    [pipelines, queues] = map(str, found.warnings)
    assert "codepipeline:StartPipelineExecution" in pipelines and "can't be told without doing it" in pipelines
    assert "codepipeline:GetPipelineState" not in pipelines
    assert "sqs:DeleteMessage and sqs:ReceiveMessage" in queues


async def test_a_read_that_aws_denies_is_named_also_where_nobody_may_simulate(world: AwsWorld, moto: str) -> None:
    async with faulty_proxy(world.url.removesuffix("/aws")) as proxy:
        proxy.fault = lambda operation: DENIED if operation in {"GetPipelineState", "GetPipelineExecution"} else None
        clients = opened_clients({"": moto, "codepipeline": f"{proxy.url}/aws"})
        found = await check(clients, [PROD], Sources(), None)
        await clients.close()
    told = said(found)
    arn = f"arn:aws:codepipeline:{REGION}:{DEFAULT_ACCOUNT_ID}:checkout"
    assert f"codepipeline:GetPipelineExecution and codepipeline:GetPipelineState on {arn}. Their releases can't" in told


async def test_what_a_role_lacks_is_said_of_the_role(moto: str) -> None:
    role = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/teams/deployer"
    target = TARGET.model_copy(update={"role": role, "external_id": "x-1"})
    may = policy([target], role=role)
    for statement in may["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != "codepipeline:StartPipelineExecution"]
    iam = of(moto, "iam")
    iam.create_role(RoleName="deployer", Path="/teams/", AssumeRolePolicyDocument="{}")
    iam.put_role_policy(RoleName="deployer", PolicyName="sayso", PolicyDocument=json.dumps(may))
    approve = {"name": "Approve", "actionTypeId": {"category": "Approval", "provider": "Manual"}}
    declared = {"name": "checkout", "version": 1, "pipelineType": "V2", "stages": [
        {"name": "Source", "actions": []}, {"name": "Release", "actions": [approve]}]}  # fmt: skip
    with canned_aws({"GetPipeline": {"pipeline": declared}}, []) as url:
        clients = opened_clients({"": moto, "codepipeline": url})
        found = await check(clients, [PROD._replace(target=target)], Sources(), None)
        await clients.close()
    [mistake] = found.mistakes
    assert mistake.place == f"AWS in {REGION} as {role}"
    assert "codepipeline:StartPipelineExecution" in mistake.problem
    assert mistake.fix == f"Give the role what `sayso aws policy --role {role}` prints."


async def test_without_credentials_that_is_said_once_and_nothing_else(
    moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    clients = opened_clients({"": moto}, boto3.session.Session)
    found = await check(clients, [PROD], Sources(), None)
    await clients.close()
    [mistake] = found.mistakes
    assert mistake.place == "AWS in us-east-1"
    assert "no AWS credentials. Until then nothing of checkout prod can be started" in mistake.problem


async def test_a_rule_that_is_asleep_or_holds_back_approvals_is_named(moto: str, clients: Clients) -> None:
    sources, events = Sources(queues=(a_way(moto),)), of(moto, "events")
    assert await follow(clients, sources) == Review()
    events.disable_rule(Name="sayso-changes")
    assert "The rule sayso-changes is disabled: of checkout prod no events come" in said(await follow(clients, sources))
    narrow = {"source": ["aws.codepipeline"], "detail": {"state": ["FAILED", "SUCCEEDED"]}}
    events.put_rule(Name="sayso-changes", EventPattern=json.dumps(narrow), State="ENABLED")
    held = said(await follow(clients, sources))
    assert "holds back events of the pipeline checkout: the start of a run and that an approval waits" in held
    other = {"source": ["aws.codepipeline"], "detail": {"pipeline": ["search"]}}
    events.put_rule(Name="sayso-changes", EventPattern=json.dumps(other), State="ENABLED")
    assert "its failure" in said(await follow(clients, sources))


async def test_a_queue_that_lets_nobody_in_or_has_the_wrong_key_or_is_not_there_is_named(
    moto: str, clients: Clients
) -> None:
    queue = a_way(moto)
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": "*"}  # fmt: skip
    elsewhere = statement | {"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-east-1:1:rule/other"}}}
    allow(moto, queue, {"Statement": [elsewhere]})
    assert "does not let EventBridge do sqs:SendMessage" in said(await follow(clients, Sources(queues=(queue,))))
    allow(moto, queue, {"Statement": [statement]})
    assert said(await follow(clients, Sources(queues=(queue,)))) == ""
    of(moto, "sqs").set_queue_attributes(QueueUrl=queue, Attributes={"KmsMasterKeyId": "alias/aws/sqs"})
    assert "EventBridge can't use" in said(await follow(clients, Sources(queues=(queue,))))
    gone = await follow(clients, Sources(queues=(f"{queue}-typo",)))
    assert f"There is no {queue}-typo" in said(gone)


async def test_pipelines_of_a_region_without_a_queue_and_no_way_at_all_are_pointed_out(
    moto: str, clients: Clients
) -> None:
    none = await follow(clients, Sources())
    assert none.mistakes == ()
    assert "Nothing brings AWS's events" in str(none.warnings[0])
    irish = boto3.Session("AKID", "secret", region_name="eu-west-1").client("sqs", endpoint_url=moto)
    irish.create_queue(QueueName="far")
    far = f"https://sqs.eu-west-1.amazonaws.com/{DEFAULT_ACCOUNT_ID}/far"  # boto3 sends to the endpoint all the same
    found = await follow(clients, Sources(queues=(far,)))
    assert "No queue or topic is in us-east-1" in "\n".join(map(str, found.warnings))


async def test_a_topic_must_be_subscribed_confirmed_and_let_events_in(moto: str, clients: Clients) -> None:
    sns, events = of(moto, "sns"), of(moto, "events")
    topic = sns.create_topic(Name="sayso")["TopicArn"]
    pattern = {"source": ["aws.codepipeline"]}
    events.put_rule(Name="to-topic", EventPattern=json.dumps(pattern), State="ENABLED")
    events.put_targets(Rule="to-topic", Targets=[{"Id": "t", "Arn": topic}])
    sources, url = Sources(topics=frozenset({topic})), "https://sayso.example"
    found = said(await follow(clients, sources, public_url=url))
    assert f"does not send to {url}/aws-events/sns" in found
    assert "does not let EventBridge do sns:Publish for the rule to-topic" in found
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=f"{url}/aws-events/sns")
    statement = {"Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com"]}, "Action": "sns:Publish",
                 "Resource": topic}  # fmt: skip
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy",
                             AttributeValue=json.dumps({"Statement": statement}))  # fmt: skip
    assert said(await follow(clients, sources, public_url=url)) == ""
    gone = Sources(topics=frozenset({f"{topic}-typo"}))
    assert "There is no arn:aws:sns" in said(await follow(clients, gone))
