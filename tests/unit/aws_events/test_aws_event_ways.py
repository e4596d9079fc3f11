"""Events of every kind become nudges, whichever way they come, and nothing else gets in."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest
from boto3.session import Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from bot.core.errors import Misconfigured
from integrations.aws.clients import Clients
from integrations.aws.events.doors import Doors
from integrations.aws.events.envelopes import About, NotAnEvent, read_event
from integrations.aws.events.hearing import Hearing
from integrations.aws.events.queue import Queue
from integrations.aws.events.settings import read_sources
from integrations.aws.events.sns import read_message, signed_text
from integrations.aws.pace import Pace
from tests.support.aws_events import BUILD, DEPLOYMENT, RUN, every_event
from tests.support.waiting import until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:sayso"
SECRET = "a-secret-that-is-long-enough"


class Ear:
    """Takes nudges."""

    def __init__(self) -> None:
        self.nudged: list[tuple[str, bool]] = []
        self.hearing = Hearing(self.hear, {"shop:1": "run-1", "d-1": "run-1"}.get, frozenset({"shop"}), time.monotonic)

    def hear(self, run_id: str, about: About) -> None:
        self.nudged.append((run_id, about.whole))


def event(kind: str, detail: dict[str, Any], **more: Any) -> str:
    return json.dumps({"version": "0", "id": "e1", "detail-type": kind, "detail": detail} | more)


def pipeline_event(**detail: Any) -> str:
    told = {"pipeline": "shop", "execution-id": "run-1", "state": "STARTED", "version": "2.0"} | detail
    return event("CodePipeline Pipeline Execution State Change", told)


PIPELINE_STATES = ["STARTED", "SUCCEEDED", "FAILED", "RESUMED", "STOPPING", "STOPPED", "SUPERSEDED", "CANCELED", "NEW"]


@pytest.mark.parametrize("state", PIPELINE_STATES)
def test_a_pipelines_event_names_its_run_in_every_state(state: str) -> None:
    about = read_event(pipeline_event(state=state))
    assert (about.run_id, about.pipeline, about.whole) == ("run-1", "shop", state != "STARTED")


def test_builds_and_deployments_are_known_by_the_run_that_they_are_part_of() -> None:
    ear = Ear()
    arn = "arn:aws:codebuild:eu-west-1:123456789012:build/shop:1"
    ear.hearing.hear(event("CodeBuild Build State Change", {"build-id": arn, "build-status": "FAILED"}))
    ear.hearing.hear(event("CodeDeploy Deployment State-change Notification", {"deploymentId": "d-1"}, id="e2"))
    ear.hearing.hear(event("CodeDeploy Deployment State-change Notification", {"deploymentId": "d-9"}, id="e3"))
    assert ear.nudged == [("run-1", False), ("run-1", False)]


def test_steps_of_a_build_are_looked_at_now_and_then_only() -> None:
    ear = Ear()
    for number in range(5):
        phase = {"build-id": "x:build/shop:1", "completed-phase": "BUILD"}
        ear.hearing.hear(event("CodeBuild Build Phase Change", phase, id=f"e{number}"))
    assert len(ear.nudged) == 1


def test_an_event_counts_once_and_only_for_pipelines_of_the_catalogue() -> None:
    ear = Ear()
    ear.hearing.hear(pipeline_event())
    ear.hearing.hear(pipeline_event())
    ear.hearing.hear(pipeline_event(pipeline="another").replace("e1", "e2"))
    assert ear.nudged == [("run-1", False)]


def test_notifications_and_events_inside_of_sns_messages_are_read_too() -> None:
    star = json.dumps({"detailType": "CodePipeline Stage Execution State Change",
                       "detail": {"pipeline": "shop", "execution-id": "run-1", "stage": "Build"}})  # fmt: skip
    assert read_event(star).run_id == "run-1"
    assert read_event(json.dumps({"Type": "Notification", "TopicArn": TOPIC, "Message": star})).run_id == "run-1"


@pytest.mark.parametrize("text", ["", "hello", "[1]", "{}", '{"detail": {"a": 1}}', "[" * 100_000])
def test_what_is_no_event_is_refused_in_words(text: str) -> None:
    with pytest.raises(NotAnEvent):
        read_event(text)


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def message(*, version: str = "2", **changed: str) -> dict[str, str]:
    made = {
        "Type": "Notification", "MessageId": "m", "Subject": "a change", "TopicArn": TOPIC,
        "Timestamp": NOW.isoformat(), "Message": pipeline_event(), "SignatureVersion": version,
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
    } | changed  # fmt: skip
    kind: Any = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = KEY.sign(signed_text(read_message(json.dumps(made).encode())), padding.PKCS1v15(), kind)
    return made | {"Signature": base64.b64encode(signature).decode()}


async def send(ear: Ear, path: str, body: Any, got: list[str] | None = None, *, secret: str = "") -> int:
    async def get(url: str) -> bytes:
        if got is not None:
            got.append(url)
        return certificate(KEY)

    doors = Doors(ear.hearing, lambda: NOW, topics=frozenset({TOPIC}), secret=SECRET, get=get)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(doors.app()), base_url="http://sayso") as client:
        answer = await client.post(
            path, content=body if isinstance(body, str) else json.dumps(body), headers={"x-sayso-secret": secret}
        )
        return answer.status_code


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_signed_message_of_an_allowed_topic_nudges(version: str) -> None:
    ear = Ear()
    assert await send(ear, "/sns", message(version=version)) == 204
    assert ear.nudged == [("run-1", False)]


@pytest.mark.parametrize(
    "forged",
    [
        message() | {"Message": pipeline_event(state="FAILED")},
        message() | {"Subject": "another"},
        message() | {"Signature": "AAAA"},
        message(TopicArn=TOPIC + "2"),
        message(Timestamp=(NOW - timedelta(hours=2)).isoformat()),
        message(Timestamp=(NOW + timedelta(hours=2)).isoformat()),
        message(SigningCertURL="https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem"),
        message(SigningCertURL="http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"),
        message(SigningCertURL="https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem"),
        message(SigningCertURL="https://a@sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"),
        message(SigningCertURL="https://sns.eu-west-1.amazonaws.com/a.pem"),
        message(SigningCertURL="https://sns.eu-west-1.amazonaws.com/?Action=GetEndpointAttributes&as=a.pem"),
        message(SigningCertURL="https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem?as=.pem"),
        message() | {"SignatureVersion": "3"},
        {"Type": "Nothing"},
    ],
)
async def test_a_message_that_proves_nothing_is_refused(forged: dict[str, str]) -> None:
    ear = Ear()
    assert await send(ear, "/sns", forged) == 403
    assert ear.nudged == []


async def test_a_subscription_is_confirmed_for_an_allowed_topic_only() -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
    asked = {"Type": "SubscriptionConfirmation", "SubscribeURL": url, "Token": "t"}
    got: list[str] = []
    assert await send(Ear(), "/sns", message(**asked), got) == 204
    assert got[-1] == url
    elsewhere = message(**asked | {"SubscribeURL": "https://evil.example/"})
    assert await send(Ear(), "/sns", elsewhere, got := []) == 403
    assert got == []


async def test_an_api_destination_must_know_the_secret_and_be_short() -> None:
    ear = Ear()
    assert await send(ear, "/eventbridge", pipeline_event()) == 403
    assert await send(ear, "/eventbridge", pipeline_event(), secret=SECRET + "x") == 403
    assert await send(ear, "/eventbridge", "x" * 600_000, secret=SECRET) == 413
    assert ear.nudged == []
    assert await send(ear, "/eventbridge", pipeline_event(), secret=SECRET) == 204
    assert ear.nudged == [("run-1", False)]


async def test_every_kind_of_event_comes_in_by_both_doors() -> None:
    for event in every_event():
        text = json.dumps(event).replace(RUN, "run-1").replace(BUILD, "shop:1").replace(DEPLOYMENT, "d-1")
        for path, body in (("/eventbridge", text), ("/sns", message(Message=text))):
            ear = Ear()
            assert await send(ear, path, body, secret=SECRET) == 204
            assert [run_id for run_id, _ in ear.nudged] == ["run-1"], event["id"]


def test_mistakes_in_the_settings_are_said_all_at_once() -> None:
    given = {"SAYSO_AWS_QUEUES": "q", "SAYSO_AWS_TOPICS": "t", "SAYSO_AWS_DESTINATION_SECRET": "short"}
    with pytest.raises(Misconfigured) as refusal:
        read_sources({name: SecretStr(value) for name, value in given.items()})
    assert all(name in str(refusal.value) for name in given)


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


async def test_an_event_of_eventbridge_comes_by_the_queue_and_a_poisonous_message_goes(
    moto: str, caplog: pytest.LogCaptureFixture
) -> None:
    sqs, bus = (boto3.client(each, region_name="eu-west-1", endpoint_url=moto) for each in ("sqs", "events"))
    url = sqs.create_queue(QueueName="changes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="changes", EventPattern='{"source": ["aws.codepipeline"]}')
    bus.put_targets(Rule="changes", Targets=[{"Id": "q", "Arn": arn}])
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    detail = json.loads(pipeline_event())["detail"]
    bus.put_events(Entries=[{"Source": "aws.codepipeline", "Detail": json.dumps(detail),
                             "DetailType": "CodePipeline Pipeline Execution State Change"}])  # fmt: skip
    ear = Ear()
    clients = Clients(session=Session, pace=Pace(time.monotonic), clock=lambda: datetime.now(UTC), endpoints={"": moto})
    reading = asyncio.create_task(Queue(clients, url, "eu-west-1", ear.hearing, wait=1).run())

    async def left() -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = await asyncio.to_thread(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    await until(left, lambda count: count == 0 and ear.nudged)
    assert ear.nudged == [("run-1", False)]
    assert "not JSON" in caplog.text
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await clients.close()
    for client in (sqs, bus):
        client.close()
