from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from bot.core.errors import BadInput, Unauthenticated
from bot.slack.endpoint import slack_router
from bot.slack.guard import LARGEST_BODY, Replays, check_shape, verify

SECRET = SecretStr("8f742231b10e8888abcd99yyyzzz85a5")
NOW = 1_763_726_400
FORM = "application/x-www-form-urlencoded"
COMMAND = urlencode({"command": "/deploy", "text": "checkout", "user_id": "U1", "trigger_id": "1.2"}).encode()


def signature(body: bytes, timestamp: str, secret: SecretStr = SECRET) -> str:
    basis = f"v0:{timestamp}:".encode() + body
    return "v0=" + hmac.new(secret.get_secret_value().encode(), basis, hashlib.sha256).hexdigest()


def signed(body: bytes, *, at: int | str = NOW, kind: str = FORM) -> dict[str, str]:
    return {
        "content-type": kind,
        "x-slack-request-timestamp": str(at),
        "x-slack-signature": signature(body, str(at)),
    }


async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token="xoxb-x")


class Door:
    """The route over a Bolt app that counts what it lets in."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.broken = False
        # Bolt checks signatures once more, by the machine's clock; the guard is what these tests are about.
        bolt = AsyncApp(
            signing_secret=SECRET.get_secret_value(),
            authorize=authorize,
            request_verification_enabled=False,
            process_before_response=True,
        )

        async def on_command(ack: Any, body: dict[str, Any]) -> Any:
            self.heard.append(str(body.get("command")))
            return await ack("heard")

        async def on_event(body: dict[str, Any]) -> None:
            if self.broken:
                raise OSError("no disk")
            self.heard.append(str(body["event"]["type"]))

        bolt.command("/deploy")(on_command)
        bolt.event("app_mention")(on_event)
        app = FastAPI()
        app.include_router(slack_router(bolt, SECRET, lambda: float(NOW)))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot")

    async def send(self, body: bytes, headers: Any) -> httpx.Response:
        return await self.client.post("/slack/events", content=body, headers=headers)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    one = Door()
    async with one.client:
        yield one


async def test_a_signed_command_is_let_in(door: Door) -> None:
    answer = await door.send(COMMAND, signed(COMMAND))
    assert (answer.status_code, answer.text, door.heard) == (200, "heard", ["/deploy"])


@pytest.mark.parametrize(
    ("what", "headers"),
    [
        ("unsigned", {"content-type": FORM}),
        ("no signature", {"content-type": FORM, "x-slack-request-timestamp": str(NOW)}),
        ("no timestamp", {"content-type": FORM, "x-slack-signature": signature(COMMAND, str(NOW))}),
        ("another secret", signed(COMMAND) | {"x-slack-signature": signature(COMMAND, str(NOW), SecretStr("other"))}),
        ("another body", signed(COMMAND + b"&x=1")),
        ("another version", signed(COMMAND) | {"x-slack-signature": "v1=" + signature(COMMAND, str(NOW))[3:]}),
        ("an empty signature", signed(COMMAND) | {"x-slack-signature": ""}),
        ("a signature that is not ASCII", signed(COMMAND) | {"x-slack-signature": "v0=\xff"}),
        ("301 s old", signed(COMMAND, at=NOW - 301)),
        ("301 s ahead", signed(COMMAND, at=NOW + 301)),
        ("a timestamp of letters", signed(COMMAND, at="abc")),
        ("an empty timestamp", signed(COMMAND, at="")),
        ("a timestamp with a fraction", signed(COMMAND, at=f"{NOW}.0")),
        ("a signed number as timestamp", signed(COMMAND, at=f"+{NOW}")),
        ("a huge timestamp", signed(COMMAND, at="9" * 400)),
        ("two timestamps", [*signed(COMMAND).items(), ("x-slack-request-timestamp", "1")]),
        ("two signatures", [*signed(COMMAND).items(), ("x-slack-signature", "v0=00")]),
    ],
)
async def test_what_does_not_prove_itself_gets_401_and_no_reason(door: Door, what: str, headers: Any) -> None:
    if isinstance(headers, dict):
        headers = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
    answer = await door.send(COMMAND, headers)
    assert answer.status_code == 401, what
    assert answer.text == "This request does not prove who sent it."
    assert door.heard == []


@pytest.mark.parametrize("at", [NOW - 300, NOW + 300])
async def test_three_hundred_seconds_off_is_still_in_time(door: Door, at: int) -> None:
    assert (await door.send(COMMAND, signed(COMMAND, at=at))).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'"text"', "application/json"),
        (b"null", "application/json"),
        (b"", "application/json"),
        (b'{"type": 1}', "application/json"),
        (b'{"type": "event_callback"}', "application/json"),
        (b'{"type": "event_callback", "event": []}', "application/json"),
        (b'{"type": "event_callback", "event": {"text": "\\ud800"}}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"a": "\xff\xfe"}', "application/json"),
        (b"command=/deploy&text=\xff", FORM),
        (b"hello", FORM),
        (b"", FORM),
        (b"payload=", FORM),
        (b"payload=%7B", FORM),
        (b"payload=[]", FORM),
        (b"payload=" + quote_plus('{"user": "U1"}').encode(), FORM),
        (b"payload=" + quote_plus('{"user": {"id": 5}}').encode(), FORM),
        (b"payload=" + quote_plus('{"user": {"id": "U1"}, "actions": {}}').encode(), FORM),
        (b"payload=" + quote_plus('{"user": {"id": "U1"}, "actions": [1]}').encode(), FORM),
        (COMMAND, "text/plain"),
        (COMMAND, "multipart/form-data; boundary=x"),
        (COMMAND, ""),
    ],
)
async def test_signed_nonsense_gets_400(door: Door, body: bytes, kind: str) -> None:
    answer = await door.send(body, signed(body, kind=kind))
    assert answer.status_code == 400
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"x" * 1000])
async def test_unsigned_nonsense_is_not_even_looked_at(door: Door, body: bytes) -> None:
    answer = await door.send(body, {"content-type": "application/json"})
    assert answer.status_code == 401


async def test_a_body_of_a_megabyte_gets_413_whether_signed_or_not(door: Door) -> None:
    body = b"text=" + b"x" * 1_000_000
    assert (await door.send(body, signed(body))).status_code == 413
    assert (await door.send(body, {})).status_code == 413


async def test_a_body_in_chunks_is_measured_as_it_comes(door: Door) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 65536
            yield b"x" * 65536

    answer = await door.client.post("/slack/events", content=endless(), headers=signed(b""))
    assert answer.status_code == 413

    async def halves() -> AsyncIterator[bytes]:
        yield COMMAND[:10]
        yield COMMAND[10:]

    answer = await door.client.post("/slack/events", content=halves(), headers=signed(COMMAND))
    assert (answer.status_code, door.heard) == (200, ["/deploy"])


async def test_the_largest_body_that_is_allowed_is_let_in(door: Door) -> None:
    body = COMMAND + b"&more=" + b"x" * (LARGEST_BODY - len(COMMAND) - 6)
    assert (await door.send(body, signed(body))).status_code == 200
    body += b"x"
    assert (await door.send(body, signed(body))).status_code == 413


async def test_a_replay_gets_200_and_has_no_effect(door: Door) -> None:
    first = await door.send(COMMAND, signed(COMMAND))
    again = await door.send(COMMAND, signed(COMMAND))
    assert (first.text, again.text, again.status_code) == ("heard", "", 200)
    assert door.heard == ["/deploy"]
    later = await door.send(COMMAND, signed(COMMAND, at=NOW + 1))
    assert later.text == "heard"


async def test_slacks_retry_of_a_failed_event_is_let_in_even_within_the_same_second(door: Door) -> None:
    body = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention"}}).encode()
    headers = signed(body, kind="application/json")
    door.broken = True
    assert (await door.send(body, headers)).status_code == 500
    door.broken = False
    again = await door.send(body, headers | {"x-slack-retry-num": "1", "x-slack-retry-reason": "http_error"})
    assert (again.status_code, door.heard) == (200, ["app_mention"])


async def test_url_verification_is_answered(door: Door) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c1", "token": "t"}).encode()
    answer = await door.send(body, signed(body, kind="application/json"))
    assert (answer.status_code, answer.json()) == (200, {"challenge": "c1"})


async def test_nothing_of_a_body_is_logged(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    body = b"text=hunter2"
    await door.send(body, {})
    await door.send(body, signed(body))
    await door.send(COMMAND, signed(COMMAND))
    await door.send(COMMAND, signed(COMMAND))
    assert "hunter2" not in caplog.text
    assert "checkout" not in caplog.text


def test_seen_signatures_are_forgotten_one_by_one_when_there_are_too_many() -> None:
    replays = Replays(most=2)
    assert [replays.first(one) for one in "abab"] == [True, True, False, False]
    assert replays.first("c")
    assert replays.first("a")


@given(st.binary(max_size=200), st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=80)), max_size=5))
def test_whatever_a_stranger_sends_is_refused_and_nothing_else(body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Unauthenticated):
        verify(SECRET, headers, body, now=NOW)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), st.sampled_from(["application/json", FORM]))
def test_the_shape_of_any_bytes_is_judged_without_surprise(body: bytes, kind: str) -> None:
    with suppress(BadInput):
        check_shape(kind, body)
