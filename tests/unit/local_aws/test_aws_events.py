"""Events reach their targets: SQS and EventBridge of a real server, and plain HTTP; in order, at least once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.core.errors import Misconfigured
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.aws.events import Event
from integrations.local.aws.outbox import LONGEST_WAIT, Outbox
from integrations.local.aws.targets import read_targets
from integrations.local.journal import Change
from integrations.local.states import PipelineRows
from tests.playground.serving import listening, served
from tests.support.waiting import until

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def event(number: int, execution: str = "e1") -> Event:
    body = {
        "version": "0", "id": f"{number}", "detail-type": "CodePipeline Pipeline Execution State Change",
        "source": "aws.codepipeline", "account": "000000000000", "time": "2026-01-31T12:00:00Z", "region": "local",
        "resources": ["arn:aws:codepipeline:local:000000000000:shop"], "detail": {"number": number},
    }  # fmt: skip
    return Event(execution, body)


class Town:
    """An outbox over a real database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.waiting: list[Event] = []

    async def describe(self, _: AsyncConnection, __: Change) -> Sequence[Event]:
        return self.waiting

    def outbox(self, *addresses: str) -> Outbox:
        targets = read_targets(SecretStr(",".join(addresses)))
        return Outbox(self.database, targets, self.describe, lambda: self.now, longest_pause=0.1)

    async def note(self, outbox: Outbox, *events: Event) -> None:
        self.waiting = list(events)
        async with self.database.write() as c:
            await outbox.note(c, Change(PipelineRows(()), PipelineRows(()), self.now, None))
        outbox.committed()


@asynccontextmanager
async def running(outbox: Outbox) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    engine = open_engine(f"sqlite:///{tmp_path / 'events.db'}")
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    yield Town(Database(engine))
    await engine.dispose()


class Desk:
    """Takes events by POST, or answers what the test says."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.answers: list[int] = []

    async def take(self, request: Request) -> Response:
        status = self.answers.pop(0) if self.answers else 204
        if status < 300:
            self.taken.append(await request.json())
        return Response(status_code=status)

    @property
    def numbers(self) -> list[int]:
        return [each["detail"]["number"] for each in self.taken]


@pytest.fixture
def desk() -> Iterator[tuple[Desk, str]]:
    listener, url = listening()
    made = Desk()
    with served(Starlette(routes=[Route("/events", made.take, methods=["POST"])]), listener):
        yield made, f"{url}/events"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


async def numbers(made: Desk) -> list[int]:
    return made.numbers


async def test_events_are_posted_in_order_and_only_once_if_all_goes_well(town: Town, desk: tuple[Desk, str]) -> None:
    outbox = town.outbox(desk[1])
    async with running(outbox):
        for first in range(0, 120, 40):
            await town.note(outbox, *(event(number) for number in range(first, first + 40)))
        await until(lambda: numbers(desk[0]), lambda seen: len(seen) == 120)
    assert desk[0].numbers == list(range(120))


async def test_a_target_that_fails_gets_all_later_in_order_and_holds_up_nobody_else(
    town: Town, desk: tuple[Desk, str]
) -> None:
    desk[0].answers = [503, 429, 204, 500]
    outbox = town.outbox(desk[1], "http://127.0.0.1:9/nobody")
    async with running(outbox):
        await town.note(outbox, *(event(number) for number in range(5)))
        await until(lambda: numbers(desk[0]), lambda seen: len(seen) == 5)
    assert desk[0].numbers == [0, 1, 2, 3, 4]


async def test_what_was_not_taken_is_sent_after_a_restart(town: Town, desk: tuple[Desk, str]) -> None:
    await town.note(town.outbox(desk[1]), event(1), event(2))
    async with running(town.outbox(desk[1])):
        await until(lambda: numbers(desk[0]), lambda seen: seen == [1, 2])


async def test_two_servers_on_one_database_send_each_event_once(fresh_postgres: str, desk: tuple[Desk, str]) -> None:
    engines = [open_engine(fresh_postgres) for _ in range(2)]
    await migrate(engines[0], MIGRATIONS, VERSION_TABLE)
    towns = [Town(Database(engine)) for engine in engines]
    outboxes = [each.outbox(desk[1]) for each in towns]
    async with running(outboxes[0]), running(outboxes[1]):
        for number in range(0, 40, 2):
            for place in (0, 1):
                await towns[place].note(outboxes[place], event(number + place))
        await until(lambda: numbers(desk[0]), lambda seen: len(seen) >= 40)
    assert desk[0].numbers == list(range(40))
    for engine in engines:
        await engine.dispose()


async def test_what_is_refused_or_too_old_is_dropped_and_said(
    town: Town, desk: tuple[Desk, str], caplog: pytest.LogCaptureFixture
) -> None:
    desk[0].answers = [422]
    outbox = town.outbox(desk[1])
    await town.note(outbox, event(1))
    town.now -= LONGEST_WAIT + timedelta(seconds=1)
    await town.note(outbox, event(2, "e2"))
    town.now = NOW
    await town.note(outbox, event(3))
    async with running(outbox):
        await until(lambda: numbers(desk[0]), lambda seen: seen == [3])
    said = [record.message for record in caplog.records if "dropped" in record.message]
    assert len(said) == 2
    assert "run e1" in said[0] and "HTTP 422" in said[0]
    assert "run e2" in said[1] and "did not take it" in said[1]


async def test_a_queue_takes_the_whole_event_and_a_fifo_queue_keeps_each_run_in_order(town: Town, aws: str) -> None:
    sqs = boto3.client("sqs", endpoint_url=aws)
    plain = sqs.create_queue(QueueName="events")["QueueUrl"]
    ordered = sqs.create_queue(QueueName="events.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    outbox = town.outbox(f"sqs+{plain}", f"sqs+{ordered}")

    async def received(url: str) -> list[Any]:
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]}
        answer = await asyncio.to_thread(lambda: sqs.receive_message(**asked, VisibilityTimeout=0))
        return list(answer.get("Messages", []))

    async with running(outbox):
        await town.note(outbox, event(1, "e1"), event(2, "e2"))
        messages = await until(lambda: received(plain), lambda seen: len(seen) == 2)
        grouped = await until(lambda: received(ordered), lambda seen: len(seen) == 2)
    assert json.loads(messages[0]["Body"]) == dict(event(1, "e1").body)
    assert [each["Attributes"]["MessageGroupId"] for each in grouped] == ["e1", "e2"]
    sqs.close()


async def test_a_bus_takes_events_of_sayso_which_a_rule_can_match(town: Town, aws: str) -> None:
    sqs, events = boto3.client("sqs", endpoint_url=aws), boto3.client("events", endpoint_url=aws)
    queue = sqs.create_queue(QueueName="matched")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="releases")
    events.put_rule(Name="all", EventBusName="releases", EventPattern='{"source": ["sayso.codepipeline"]}')
    events.put_targets(Rule="all", EventBusName="releases", Targets=[{"Id": "queue", "Arn": arn}])
    outbox = town.outbox(f"events+{aws}/releases")

    async def received() -> list[Any]:
        answer = await asyncio.to_thread(lambda: sqs.receive_message(QueueUrl=queue))
        return list(answer.get("Messages", []))

    async with running(outbox):
        await town.note(outbox, event(7))
        [message] = await until(received, lambda seen: len(seen) == 1)
    told = json.loads(message["Body"])
    assert told["detail-type"] == "CodePipeline Pipeline Execution State Change"
    assert told["detail"] == {"number": 7}
    sqs.close()
    events.close()


@pytest.mark.parametrize(
    "address", ["sqs", "ftp://host/path", "sqs+https://", "sns+https://host/topic", "", "https://host"]
)
def test_what_is_no_address_of_a_target_is_said_at_start(address: str) -> None:
    with pytest.raises(Misconfigured, match="SAYSO_AWS_EVENTS: entry 2 is no address"):
        read_targets(SecretStr(f"https://example.com/events,{address}"))
