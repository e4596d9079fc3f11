"""Every kind and state of event that AWS documents: what it is about, and whether it is news."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from boto3.session import Session

from bot.core.model import Action, ActionKind, Run, Stage, Status
from integrations.aws.clients import Clients
from integrations.aws.events.envelopes import About, read_event
from integrations.aws.events.hearing import Hearing
from integrations.aws.events.queue import Queue
from integrations.aws.known import shows
from integrations.aws.nudges import Nudges
from integrations.aws.pace import Pace
from tests.support.amazon_side import KEY_ID, REGION, SECRET, event_queue
from tests.support.aws_events import BUILD, DEPLOYMENT, RUN, every_event
from tests.support.waiting import until

EVENTS = every_event()
TEMPLATE = Path(__file__).parents[3] / "deploy" / "aws" / "events.yaml"


@pytest.mark.parametrize("event", EVENTS, ids=[event["id"] for event in EVENTS])
def test_an_event_names_its_run_and_what_it_tells(event: dict[str, Any]) -> None:
    about, detail, kind = read_event(json.dumps(event)), event["detail"], event["detail-type"]
    assert about.id == event["id"]
    if kind.startswith("CodePipeline"):
        assert (about.pipeline, about.run_id, about.external) == ("shop", RUN, "")
        assert (about.stage, about.action, about.state) == (
            detail.get("stage", ""), detail.get("action", ""), detail["state"],
        )  # fmt: skip
        assert about.whole == ("Pipeline Execution" in kind and detail["state"] != "STARTED")
        assert not about.step and not about.over
    else:
        assert about.external == (BUILD if kind.startswith("CodeBuild") else DEPLOYMENT)
        ended = kind in {"CodeBuild Build State Change", "CodeDeploy Deployment State-change Notification"} and (
            detail.get("build-status", detail.get("state")) not in {"IN_PROGRESS", "START", "READY"}
        )
        assert (about.step, about.over, about.whole) == (not ended, ended, False)


def test_the_template_lets_every_kind_through() -> None:
    class Loader(yaml.SafeLoader):
        """Reads CloudFormation's own tags as what they stand before."""

    for tag in ("!Ref", "!GetAtt"):
        Loader.add_constructor(tag, lambda _, node: node.value)
    pattern = yaml.load(TEMPLATE.read_text(), Loader)["Resources"]["Changes"]["Properties"]["EventPattern"]
    assert {event["detail-type"] for event in EVENTS} == set(pattern["detail-type"])
    assert {event["source"] for event in EVENTS} == set(pattern["source"])


async def test_every_kind_comes_by_eventbridge_and_by_sns_through_the_queue() -> None:
    heard: Counter[str] = Counter()
    with event_queue() as queue:
        keys = {"region_name": REGION, "aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
        sqs, bus, sns = (boto3.client(each, endpoint_url=queue.endpoint, **keys) for each in ("sqs", "events", "sns"))
        arn = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        bus.put_rule(
            Name="changes", EventPattern=json.dumps({"detail-type": sorted({e["detail-type"] for e in EVENTS})})
        )
        bus.put_targets(Rule="changes", Targets=[{"Id": "q", "Arn": arn}])
        topic = sns.create_topic(Name="changes")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        for number in range(0, len(EVENTS), 10):
            entries = [{"Source": event["source"], "DetailType": event["detail-type"],
                        "Detail": json.dumps(event["detail"])} for event in EVENTS[number : number + 10]]  # fmt: skip
            assert bus.put_events(Entries=entries)["FailedEntryCount"] == 0
            messages = [{"Id": str(n), "Message": json.dumps(event)}
                        for n, event in enumerate(EVENTS[number : number + 10])]  # fmt: skip
            sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=messages)

        def news(run_id: str, about: About) -> None:
            heard[f"{run_id} {about.stage} {about.action} {about.state} {about.external}"] += 1

        # The moment grows, so that no step is left out for having come too soon after the last one.
        moments = iter(range(0, 10**6, 100))
        hearing = Hearing(news, {BUILD: RUN, DEPLOYMENT: RUN}.get, frozenset({"shop"}), lambda: float(next(moments)))
        clients = Clients(session=lambda: Session(KEY_ID, SECRET, region_name=REGION), pace=Pace(time.monotonic),
                          clock=lambda: datetime.now(UTC), endpoints={"": queue.endpoint})  # fmt: skip
        reading = asyncio.create_task(Queue(clients, queue.url, REGION, hearing, wait=1).run())

        async def count() -> int:
            return heard.total()

        await until(count, lambda total: total == 2 * len(EVENTS))
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await clients.close()
        for client in (sqs, bus, sns):
            client.close()
    told = Counter(
        f"{RUN} {about.stage} {about.action} {about.state} {about.external}"
        for about in (read_event(json.dumps(event)) for event in EVENTS)
    )
    assert heard == told + told


def run(status: Status, stage: Status, action: Status) -> Run:
    one = Action(name="Unit", kind=ActionKind.BUILD, order=1, status=action)
    return Run(id=RUN, pipeline="shop", status=status, stages=(Stage(name="Build", status=stage, actions=(one,)),),
               seen=datetime(2026, 3, 1, tzinfo=UTC))  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=[event["id"] for event in EVENTS])
def test_only_what_a_look_shows_for_good_is_no_news(event: dict[str, Any]) -> None:
    about = read_event(json.dumps(event))
    before = run(Status.QUEUED, Status.QUEUED, Status.QUEUED)
    during = run(Status.RUNNING, Status.RUNNING, Status.RUNNING)
    after = run(Status.SUCCEEDED, Status.SUCCEEDED, Status.SUCCEEDED)
    failed = run(Status.FAILED, Status.FAILED, Status.FAILED)
    own = bool(about.run_id)
    assert not shows(before, about)
    assert not shows(failed, about), "after a retry the same may come again"
    assert shows(during, about) == (own and about.state == "STARTED")
    assert shows(after, about) == (own and about.state in {"STARTED", "SUCCEEDED"})


async def test_a_burst_is_one_nudge_and_an_endless_one_does_not_wait_for_its_end() -> None:
    nudges, loop = Nudges(together=0.1), asyncio.get_running_loop()
    reading = nudges.read()
    began = loop.time()
    for number in range(20):
        loop.call_later(0.02 * number, nudges.put, "run-1")
    assert (await anext(reading)).run_id == "run-1"
    assert loop.time() - began > 0.1, "it waits for those that come together"
    again = await anext(reading)
    assert again.run_id == "run-1"
    nudges.put("run-2", 0.3)
    nudges.put("run-2")
    asked = loop.time()
    assert (await anext(reading)).run_id == "run-2"
    assert loop.time() > asked
    nudges.close()
    assert [nudge async for nudge in reading] == []
