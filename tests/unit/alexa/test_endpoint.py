"""`POST /alexa` over a real socket: signed requests reach the skill, others never do, and the relay does the same."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bot.http import alexa as door
from bot.http.alexa import alexa_router
from skills.release_desk import relay
from tests.support.alexa_world import NOW, OTHER_SKILL, SECRET, SKILL, World
from tests.support.http_world import serving

ROOT = Path(__file__).parents[3]


class Skill:
    """Answers with what it was asked, or with what goes wrong."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.trouble: Exception | None = None

    async def __call__(self, envelope: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(envelope)
        if self.trouble:
            raise self.trouble
        return {"version": "1.0", "response": {"heard": envelope["request"]["requestId"]}}


def app(world: World, dispatch: door.Dispatch) -> FastAPI:
    api = FastAPI()
    api.state.leaving = asyncio.Event()
    api.include_router(alexa_router(world.verifier, dispatch))
    return api


@pytest.fixture
def skill() -> Skill:
    return Skill()


@pytest.fixture
async def url(world: World, skill: Skill) -> AsyncIterator[str]:
    async with serving(app(world, skill)) as address:
        yield address


async def post(address: str, world: World, body: bytes, **how: Any) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        headers = [(key.decode(), value.decode()) for key, value in world.headers(body, **how)]
        return await http.post(f"{address}/alexa", content=body, headers=headers)


async def test_a_signed_request_is_answered_by_the_skill(url: str, world: World, skill: Skill) -> None:
    response = await post(url, world, world.body())
    assert (response.status_code, response.json()["response"]) == (200, {"heard": "1"})
    assert len(skill.seen) == 1


async def test_what_does_not_prove_itself_never_reaches_the_skill(url: str, world: World, skill: Skill) -> None:
    body = world.body(skill=OTHER_SKILL)
    assert (await post(url, world, body)).status_code == 400
    assert (await post(url, world, world.body(), url="https://evil.org/echo.api/c.pem")).status_code == 400
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(f"{url}/alexa", content=world.body())).status_code == 400
        assert (await http.get(f"{url}/alexa")).status_code == 405
    assert skill.seen == []


async def test_a_huge_body_is_turned_away_before_anything_else(url: str, world: World) -> None:
    assert (await post(url, world, b"x" * (door.LARGEST_BODY + 1))).status_code == 413
    assert world.fetched == []


async def test_trouble_in_the_skill_is_said_with_its_number_and_the_request_may_come_again(
    url: str, world: World, skill: Skill
) -> None:
    skill.trouble = RuntimeError("the secret cause")
    answer = (await post(url, world, world.body())).json()["response"]
    assert "inc-" in answer["outputSpeech"]["text"]
    assert "secret" not in answer["outputSpeech"]["text"]
    skill.trouble = None
    assert (await post(url, world, world.body())).json()["response"] == {"heard": "1"}


async def test_a_skill_that_is_too_slow_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(_: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(30)
        return {}

    monkeypatch.setattr(door, "SECONDS", 0.05)
    async with serving(app(world, slow)) as address:
        assert "inc-" in (await post(address, world, world.body())).text


def _settings(url: str, **other: str) -> dict[str, str]:
    return {"SAYSO_URL": url, "ALEXA_SKILL_ID": f"x, {SKILL}", "ALEXA_RELAY_SECRET": SECRET} | other


def _event(skill: str = SKILL, **more: Any) -> dict[str, Any]:
    return {
        "context": {"System": {"application": {"applicationId": skill}}},
        "request": {"type": "LaunchRequest", "requestId": "r1", "timestamp": NOW.isoformat(), "word": "ü", **more},
    }


async def _relayed(event: dict[str, Any], settings: dict[str, str]) -> Any:
    return await asyncio.to_thread(relay.relay, event, settings, NOW.timestamp())


async def test_the_relay_hands_a_request_on_and_gives_the_servers_answer(url: str, skill: Skill) -> None:
    assert (await _relayed(_event(), _settings(url)))["response"] == {"heard": "r1"}
    assert skill.seen == [_event()]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"ALEXA_RELAY_SECRET": "another"}, "HTTP 400"),
        ({"ALEXA_SKILL_ID": "amzn1.ask.skill.ours"}, "not for our skill"),
        ({"ALEXA_RELAY_SECRET": ""}, "Set ALEXA_RELAY_SECRET"),
        ({"SAYSO_URL": "http://sayso.example.com"}, "https"),
        ({"SAYSO_URL": "http://127.0.0.1:9"}, "can't be reached"),
    ],
)
async def test_the_relay_says_why_it_handed_nothing_on(
    url: str, skill: Skill, settings: dict[str, str], why: str
) -> None:
    with pytest.raises(relay.RelayError, match=why):
        await _relayed(_event(), _settings(url, **settings))
    assert skill.seen == []


def test_the_relay_needs_nothing_but_the_standard_library_and_no_other_file() -> None:
    program = f"import runpy, sys; runpy.run_path({str(ROOT / 'skills/release_desk/relay.py')!r})"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=60)
