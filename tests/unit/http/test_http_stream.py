"""Following a release over a real server: from any position, live, to the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bot.core.model import Status
from bot.store.database import Database
from tests.support.desk_world import World, open_world
from tests.support.http_world import TOKENS, make_api, serving
from tests.support.waiting import until

HEADERS = {"Authorization": f"Bearer {TOKENS['ana']}"}


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_world(database) as opened:
        yield opened


async def read(answer: httpx.Response) -> AsyncIterator[tuple[str, int | None, Any]]:
    """Give name, id and data of each event, and heartbeats as `("", None, None)`."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line.startswith(":"):
            yield "", None, None
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["event"], int(fields["id"]) if "id" in fields else None, json.loads(fields["data"])
            fields = {}


async def test_a_stream_tells_what_was_and_what_comes_and_ends_with_the_release(world: World) -> None:
    async with serving(make_api(world)) as address, httpx.AsyncClient(base_url=address, headers=HEADERS) as http:
        release = await world.deploy("ana", "staging")
        run_id = await world.when_running(release, "Build")
        told: list[tuple[str, int | None, Any]] = []
        async with asyncio.timeout(60), http.stream("GET", f"/api/v1/releases/{release.id}/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            async for event in read(answer):
                told.append(event)
                if event[0] == "stage_started" and event[2]["event"]["stage"] == "Build":
                    world.backend.end(run_id, "Build", "Unit")
                if event[0] == "stage_started" and event[2]["event"]["stage"] == "Staging":
                    world.backend.end(run_id, "Staging", "Deploy")
        names = [name for name, _, _ in told if name not in {"", "release"}]
        assert names == await world.kinds(release)
        assert names[-1] == "release_finished"
        positions = [number for _, number, _ in told if number is not None]
        assert positions == sorted(set(positions))
        versions = [data["version"] for name, _, data in told if name == "release"]
        assert versions == sorted(set(versions))
        last = [data for name, _, data in told if name == "release"][-1]
        assert (last["status"], last["active"]) == ("succeeded", False)


async def test_a_stream_goes_on_behind_the_last_event(world: World) -> None:
    release = await world.ship("ana", "staging")
    log = await world.told(release)
    async with serving(make_api(world)) as address, httpx.AsyncClient(base_url=address, headers=HEADERS) as http:
        path = f"/api/v1/releases/{release.id}/events"
        headers = {"Last-Event-ID": str(log[2].position)}
        async with asyncio.timeout(60), http.stream("GET", path, headers=headers) as answer:
            told = [event async for event in read(answer)]
        assert [number for _, number, _ in told if number] == [entry.position for entry in log[3:]]
        everything = {"Last-Event-ID": str(log[-1].position)}
        assert (await http.get(path, headers=everything)).status_code == 204
        assert (await http.get(path, headers={"Last-Event-ID": "abc"})).status_code == 400


async def test_a_quiet_stream_has_a_heartbeat_and_goes_when_its_client_goes(world: World) -> None:
    release = await world.at_gate("ana")
    async with serving(make_api(world)) as address, httpx.AsyncClient(base_url=address, headers=HEADERS) as http:
        async with asyncio.timeout(60), http.stream("GET", f"/api/v1/releases/{release.id}/events") as answer:
            async for name, _, _ in read(answer):
                if not name:
                    break

        async def listeners() -> int:
            return len(world.changed._ears)

        await until(listeners, lambda count: count == 0)


async def test_a_server_that_ends_does_not_wait_for_its_streams(world: World) -> None:
    release = await world.at_gate("ana")
    async with asyncio.timeout(60), httpx.AsyncClient(headers=HEADERS) as http:
        async with serving(make_api(world)) as address:
            request = http.build_request("GET", f"{address}/api/v1/releases/{release.id}/events")
            answer = await http.send(request, stream=True)
            reading = asyncio.create_task(_all(answer))
            await asyncio.sleep(0)
        told = await reading
        await answer.aclose()
    assert "gate_opened" in [name for name, _, _ in told]


async def _all(answer: httpx.Response) -> list[tuple[str, int | None, Any]]:
    return [event async for event in read(answer)]


async def test_many_streams_of_one_release_hear_the_same(world: World) -> None:
    async with serving(make_api(world)) as address, httpx.AsyncClient(base_url=address, headers=HEADERS) as http:
        release = await world.deploy("ana", "staging")
        run_id = await world.when_running(release, "Build")

        async def follow() -> list[int]:
            async with http.stream("GET", f"/api/v1/releases/{release.id}/events", timeout=60) as answer:
                return [number async for _, number, _ in read(answer) if number]

        following = [asyncio.create_task(follow()) for _ in range(10)]
        world.backend.end(run_id, "Build", "Unit", ok=False)
        await world.when_status(release, Status.FAILED)
        heard = await asyncio.gather(*following)
        assert len({tuple(each) for each in heard}) == 1
        assert len(heard[0]) == len(await world.told(release))
