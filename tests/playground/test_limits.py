from __future__ import annotations

import time
from typing import Any

import aiohttp
import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler

from bot.core.errors import BadInput
from integrations.playground.faults import parse_fault
from integrations.playground.rates import POST_BURST, Rates

from .serving import Town, town

CHANNEL = "C01RELEASES"


def test_a_channel_takes_a_short_burst_and_then_a_post_a_second() -> None:
    rates = Rates(speed=1)
    assert [rates.retry_after("chat.postMessage", "C1", 0.0) for _ in range(POST_BURST)] == [0] * POST_BURST
    assert rates.retry_after("chat.postMessage", "C1", 0.0) == 1
    assert rates.retry_after("chat.postMessage", "C2", 0.0) == 0
    assert rates.retry_after("chat.postMessage", "C1", 1.0) == 0
    assert rates.retry_after("chat.postMessage", "C1", 1.0) == 1


def test_updates_are_fifty_in_a_sliding_minute() -> None:
    rates = Rates(speed=1)
    assert all(rates.retry_after("chat.update", "C1", float(n)) == 0 for n in range(50))
    assert rates.retry_after("chat.update", "C1", 50.0) == 10
    assert rates.retry_after("chat.postEphemeral", "C1", 50.0) == 0
    assert rates.retry_after("chat.update", "C1", 60.0) == 0
    assert rates.retry_after("chat.update", "C1", 60.0) == 1


def test_the_workspace_as_a_whole_has_a_cap_on_posts() -> None:
    rates = Rates(speed=1)
    waits = [rates.retry_after("chat.postMessage", f"C{n}", 0.0) for n in range(301)]
    assert waits == [0] * 300 + [60]


def test_speed_makes_the_minute_shorter() -> None:
    rates = Rates(speed=60)
    assert all(rates.retry_after("users.list", None, 0.0) == 0 for _ in range(20))
    assert rates.retry_after("users.list", None, 0.5) == 1
    assert rates.retry_after("users.list", None, 1.0) == 0


async def test_over_the_limit_is_429_with_retry_after_and_the_clients_handler_waits(place: Town) -> None:
    client = place.client()
    for _ in range(POST_BURST):
        await client.chat_postMessage(channel=CHANNEL, text="x")
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=CHANNEL, text="x")
    response = refused.value.response
    assert (response.status_code, response["error"], response.headers["Retry-After"]) == (429, "ratelimited", "1")
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=3))
    assert (await client.chat_postMessage(channel=CHANNEL, text="x"))["ok"]


async def test_limits_can_be_switched_off() -> None:
    with town(strict_rates=False) as place:
        client = place.client()
        for _ in range(3 * POST_BURST):
            await client.chat_postMessage(channel=CHANNEL, text="x")


def fault(place: Town, method: str, name: str, times: int = 1) -> None:
    assert place.post("fault", method=method, fault=name, times=times)["ok"]


async def test_faults_are_used_up_one_call_each(place: Town) -> None:
    client = place.client()
    fault(place, "chat.postMessage", "429:7")
    fault(place, "chat.postMessage", "error:account_inactive")
    fault(place, "chat.postMessage", "503")
    answers: list[Any] = []
    for _ in range(3):
        with pytest.raises(SlackApiError) as refused:
            await client.chat_postMessage(channel=CHANNEL, text="x")
        answers.append((refused.value.response.status_code, refused.value.response.headers.get("Retry-After")))
    assert answers == [(429, "7"), (200, None), (503, None)]
    assert (await client.chat_postMessage(channel=CHANNEL, text="x"))["ok"]
    assert len(place.messages()) == 1
    assert [one["fault"] for one in place.get("ledger")["calls"]] == ["429:7", "error:account_inactive", "503", ""]


async def test_a_lost_answer_leaves_the_message_posted_and_a_reset_does_not(place: Town) -> None:
    client = place.client()
    client.retry_handlers.clear()
    fault(place, "chat.postMessage", "lost")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=CHANNEL, text="arrived")
    fault(place, "*", "reset")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=CHANNEL, text="never")
    assert [one["text"] for one in place.messages()] == ["arrived"]
    assert [one["ok"] for one in place.get("ledger")["calls"]] == [True, False]


async def test_the_official_client_repeats_a_post_whose_answer_was_lost(place: Town) -> None:
    fault(place, "chat.postMessage", "lost")
    await place.client().chat_postMessage(channel=CHANNEL, text="twice")
    assert [one["text"] for one in place.messages()] == ["twice", "twice"]


async def test_a_delay_holds_the_answer_back(place: Town) -> None:
    fault(place, "auth.test", "delay:0.3")
    started = time.monotonic()
    await place.client().auth_test()
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("text", ["", "429", "429:soon", "418", "error:", "delay:x"])
def test_a_fault_that_nobody_knows_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadInput, match="is no"):
        parse_fault(text)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json", "origin": "https://evil.example"}, 403),
        ({"content-type": "application/json", "host": "evil.example"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json"}, 200),
    ],
)
def test_other_sites_cant_use_the_control_api(place: Town, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{place.url}/_ui/reset", content="{}", headers=headers, trust_env=False)
    assert answer.status_code == status


def test_reading_the_state_needs_a_loopback_host(place: Town) -> None:
    answer = httpx.get(f"{place.url}/_ui/state", headers={"host": "evil.example"}, trust_env=False)
    assert answer.status_code == 403


def test_the_page_may_load_nothing_from_elsewhere(place: Town) -> None:
    page = httpx.get(place.url, trust_env=False)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert httpx.get(f"{place.url}/page/app.js", trust_env=False).headers["content-type"].startswith("text/javascript")
    assert httpx.get(f"{place.url}/page/..%2fserver.py", trust_env=False).status_code == 404


async def test_the_feed_tells_what_changes(place: Town) -> None:
    async with httpx.AsyncClient(trust_env=False) as http, http.stream("GET", f"{place.url}/_ui/events") as feed:
        lines = feed.aiter_lines()
        assert "hello" in await anext(lines)
        await place.client().chat_postMessage(channel=CHANNEL, text="news")
        async for line in lines:
            if '"kind": "message"' in line:
                assert '"text": "news"' in line
                return
