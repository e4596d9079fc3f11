"""What goes wrong around the skill: Amazon's own services, a desk that is slow or broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from bot.store.tables import PAIRING_CODES
from skills.release_desk.progress import Progress
from skills.release_desk.skill import Pace, dispatcher, open_skill
from skills.release_desk.turn import read_turn
from tests.support.desk_world import open_world
from tests.support.envelopes import envelope
from tests.support.voice_world import Room


@asynccontextmanager
async def listening(answer: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve as Alexa's directive service, on loopback; None never answers."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer or b"")
        await reader.read()  # until the other side has had enough
        writer.close()
        await writer.wait_closed()
        served.set()

    served = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
        if heard:
            await served.wait()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 500 No\r\n\r\n", b"what?\r\n", None])
async def test_progress_never_keeps_an_answer_from_being_given(answer: bytes | None) -> None:
    async with listening(answer) as (url, heard), httpx.AsyncClient() as client:
        turn = read_turn(envelope()).model_copy(update={"api_endpoint": url})
        async with asyncio.timeout(30):
            await Progress(client, frozenset({url})).say(turn, "One moment.")
    assert heard[0].startswith(b"POST /v1/directives ")
    assert b"Bearer token" in heard[0]


async def test_a_token_is_sent_to_amazon_only_and_only_where_somebody_listens() -> None:
    async with listening(b"HTTP/1.1 204 No Content\r\n\r\n") as (url, heard), httpx.AsyncClient() as client:
        elsewhere = read_turn(envelope()).model_copy(update={"api_endpoint": url})
        await Progress(client).say(elsewhere, "One moment.")
        ended = elsewhere.model_copy(update={"type": "SessionEndedRequest"})
        await Progress(client, frozenset({url})).say(ended, "One moment.")
    assert heard == []


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(open_engine(f"sqlite:///{tmp_path / 'skill.db'}"))
    await migrate(opened.engine)
    yield opened
    await opened.close()


async def test_what_outlasts_its_answer_is_done_before_the_skill_is_closed(database: Database) -> None:
    held, free = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database.write():
            held.set()
            await free.wait()

    async with open_world(database) as world, asyncio.TaskGroup() as tasks:
        tasks.create_task(hold())
        await held.wait()
        async with open_skill(Room(world).office, pace=Pace(0.01, 0.02)) as skill:
            body = envelope()
            body["request"]["intent"]["name"] = "PairIntent"
            answer = await skill(body)
            free.set()
        assert "still waiting" in answer["response"]["outputSpeech"]["ssml"]
        async with database.read() as c:
            assert await c.scalar(select(func.count()).select_from(PAIRING_CODES)) == 1


async def test_what_is_unexpected_is_left_to_the_host(database: Database) -> None:
    async with open_world(database) as world:
        skill = dispatcher(Room(world).office)
        await world.stop_watching()
        async with database.write() as c:
            await c.exec_driver_sql("DROP TABLE voices")
        with pytest.raises(SQLAlchemyError, match="voices"):
            await skill(envelope("LaunchRequest"))
    with pytest.raises(KeyError):
        await skill({"version": "1.0", "request": {"type": "LaunchRequest"}, "context": {"System": {}}})
