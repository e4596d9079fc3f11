"""The deploy template makes a way for events from EventBridge to a queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

TEMPLATE = Path(__file__).parents[3] / "deploy" / "aws" / "events.yaml"


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..SQS..QueuePolicy")  # moto lets everybody send
def test_an_event_of_codepipeline_reaches_the_queue_and_another_one_does_not(url: str) -> None:
    session = boto3.Session("AKIDEXAMPLE", "a-secret", region_name="eu-west-1")
    stacks, sqs, events = (session.client(each, endpoint_url=url) for each in ("cloudformation", "sqs", "events"))
    stacks.create_stack(StackName="sayso", TemplateBody=TEMPLATE.read_text())
    (stack,) = stacks.describe_stacks(StackName="sayso")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    queue = next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "QueueUrl")
    for source, kind in (("aws.codepipeline", "CodePipeline Stage Execution State Change"), ("shop", "Sale")):
        events.put_events(Entries=[{"Source": source, "DetailType": kind, "Detail": '{"pipeline": "checkout"}'}])
    received: list[dict[str, Any]] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(each["Body"])["source"] for each in received] == ["aws.codepipeline"]
