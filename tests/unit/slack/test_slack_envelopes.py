from __future__ import annotations

import copy
import hashlib
import hmac
import json
import random
import time
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from bot.slack.app import create_slack_app
from bot.slack.endpoint import slack_router
from bot.slack.envelopes import check_event, check_interaction
from tests.unit.slack.office import WrittenDown, catalogue

SECRET = SecretStr("8f742231b10e8888abcd99yyyzzz85a5")
CLICK = {
    "type": "block_actions",
    "user": {"id": "U01ANA", "username": "ana"},
    "team": {"id": "T1"},
    "container": {"type": "message", "channel_id": "C1", "message_ts": "1.1", "is_ephemeral": False},
    "channel": {"id": "C1"},
    "message": {"ts": "1.1"},
    "trigger_id": "t",
    "response_url": "http://127.0.0.1:9/r",
    "actions": [{"type": "button", "action_id": "sayso.approve", "value": '{"verb":"approve"}', "action_ts": "1"}],
}
FORM = {
    "type": "view_submission",
    "user": {"id": "U01ANA"},
    "team": {"id": "T1"},
    "view": {
        "id": "V1",
        "type": "modal",
        "callback_id": "sayso.form.deploy",
        "private_metadata": "{}",
        "state": {"values": {"service": {"sayso.form.service": {"selected_option": {"value": "checkout"}}}}},
    },
}
MENTION = {
    "type": "event_callback",
    "team_id": "T1",
    "event_id": "E",
    "event": {"type": "app_mention", "user": "U01ANA", "text": "<@U0> status", "channel": "C1", "ts": "1.1"},
}
HOME = {"type": "event_callback", "event_id": "E", "event": {"type": "app_home_opened", "user": "U1", "tab": "home"}}
JUNK: list[Any] = [None, 1, True, "x", [], {}, [1], {"a": 1}, "x" * 5000, "\u0000", -1.5]


@pytest.mark.parametrize("payload", [CLICK, FORM])
def test_interactions_as_slack_sends_them_pass(payload: dict[str, Any]) -> None:
    check_interaction(payload | {"something_new": {"of": ["Slack's"]}})


@pytest.mark.parametrize("payload", [MENTION, HOME, {"type": "url_verification", "challenge": "c"}])
def test_events_as_slack_sends_them_pass(payload: dict[str, Any]) -> None:
    check_event(payload | {"authorizations": [{"is_bot": True}]})


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, each in inside for found in ((*path, key), *places(each, (*path, key)))]


def mutated(payload: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    changed = copy.deepcopy(payload)
    *way, last = dice.choice(places(changed))
    inside: Any = changed
    for key in way:
        inside = inside[key]
    if dice.random() < 0.3:
        del inside[last]
    else:
        inside[last] = dice.choice(JUNK)
    return changed


@pytest.mark.parametrize("seed", range(4))
async def test_signed_payloads_with_anything_wrong_in_them_never_give_500(seed: int) -> None:
    dice = random.Random(seed)

    async def nothing(channel: str, ts: str) -> None:
        return None

    async with aiohttp.ClientSession() as session:
        slack = create_slack_app(
            desk=WrittenDown(),
            catalogue=catalogue(),
            release_by_message=nothing,
            bot_token=SecretStr("xoxb-x"),
            signing_secret=SECRET,
            api_url="http://127.0.0.1:9/api/",  # nobody is there: answers afterwards fail, and only they do
            session=session,
            new_incident=lambda: "incident",
        )
        app = FastAPI()
        app.include_router(slack_router(slack.bolt, SECRET, time.time))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot") as client:
            for _ in range(60):
                payload = mutated(dice.choice([CLICK, FORM, MENTION, HOME]), dice)
                body, kind = json.dumps(payload).encode(), "application/json"
                if "user" in payload or "event" not in payload:
                    body, kind = b"payload=" + quote_plus(body).encode(), "application/x-www-form-urlencoded"
                at = str(int(time.time()))
                key = SECRET.get_secret_value().encode()
                signature = hmac.new(key, f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
                headers = {
                    "content-type": kind,
                    "x-slack-request-timestamp": at,
                    "x-slack-signature": f"v0={signature}",
                }
                answer = await client.post("/slack/events", content=body, headers=headers)
                assert answer.status_code in {200, 400, 404}, payload
        await slack.close()
