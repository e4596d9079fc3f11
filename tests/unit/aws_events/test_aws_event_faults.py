"""The queue's own troubles: said once, and their end once; an event that is read twice is told once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import boto3
import pytest
from boto3.session import Session

from integrations.aws.clients import Clients
from integrations.aws.events.envelopes import About
from integrations.aws.events.hearing import Hearing
from integrations.aws.events.queue import Queue
from integrations.aws.pace import Pace
from tests.support.amazon_side import KEY_ID, REGION, SECRET, event_queue
from tests.support.aws_events import pipelines
from tests.support.faulty_proxy import BROKEN, EXPIRED, LOST, RESET, THROTTLED, Fault, FaultyProxy, faulty_proxy
from tests.support.waiting import until


@dataclass
class Reader:
    """A queue that is read through a proxy."""

    sqs: Any
    url: str
    proxy: FaultyProxy
    heard: list[str] = field(default_factory=list)
    deaf: int = 0
    events: Any = field(default_factory=lambda: (json.dumps(event) for event in pipelines()))

    async def send(self) -> None:
        await asyncio.to_thread(self.sqs.send_message, QueueUrl=self.url, MessageBody=next(self.events))

    async def has_heard(self, number: int) -> None:
        async def look() -> int:
            return len(self.heard)

        await until(look, lambda seen: seen >= number)

    async def has_tried(self, more: int) -> None:
        before = len(self.proxy.seen)

        async def look() -> int:
            return len(self.proxy.seen) - before

        await until(look, lambda tries: tries >= more)


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    with event_queue() as queue:
        async with faulty_proxy(queue.endpoint) as proxy:
            keys = {"region_name": REGION, "aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
            sqs = boto3.client("sqs", endpoint_url=queue.endpoint, **keys)
            sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "1"})
            one = Reader(sqs, queue.url, proxy)

            def news(_: str, about: About) -> None:
                one.heard.append(about.id)

            def deaf() -> None:
                one.deaf += 1

            hearing = Hearing(news, lambda _: None, frozenset({"shop"}), time.monotonic)
            clients = Clients(session=lambda: Session(KEY_ID, SECRET, region_name=REGION), pace=Pace(time.monotonic),
                              clock=lambda: datetime.now(UTC), endpoints={"": proxy.url})  # fmt: skip
            read = Queue(clients, queue.url, REGION, hearing, deaf=deaf, wait=1, longest_pause=0.1)
            reading = asyncio.create_task(read.run())
            yield one
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await clients.close()
            sqs.close()


@pytest.mark.parametrize("fault", [THROTTLED, BROKEN, RESET, EXPIRED], ids=["throttling", "down", "resets", "expired"])
async def test_a_queue_that_can_not_be_read_is_said_once_and_so_is_its_end(
    reader: Reader, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    await reader.send()
    await reader.has_heard(1)
    reader.proxy.fault = lambda _: fault
    await reader.send()
    await reader.has_tried(5)
    assert reader.deaf, "runs are looked at often again"
    reader.proxy.fault = lambda _: None
    await reader.has_heard(2)
    await reader.has_tried(2)
    assert caplog.text.count("can't be read; runs are looked at more often") == 1
    assert caplog.text.count("can be read again") == 1


async def test_a_message_that_comes_again_since_its_deletion_failed_is_told_once(reader: Reader) -> None:
    failures = count()
    reader.proxy.fault = lambda operation: RESET if operation == "DeleteMessageBatch" and next(failures) < 2 else None
    await reader.send()
    await reader.has_heard(1)

    async def deletions() -> int:
        return reader.proxy.seen.count("DeleteMessageBatch")

    await until(deletions, lambda seen: seen > 2)
    assert len(reader.heard) == 1


async def test_an_answer_with_events_that_is_lost_brings_them_again(reader: Reader) -> None:
    lost = iter([LOST])
    reader.proxy.fault = lambda operation: next(lost, None) if operation == "ReceiveMessage" else None
    await reader.send()
    await reader.has_heard(1)
