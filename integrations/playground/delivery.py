"""Brings commands, interactions and events to the bot as Slack does: signed, within three seconds, events retried."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from integrations.playground.ledger import Delivered
from integrations.playground.playground import Playground
from integrations.playground.signing import signature_headers

USER_AGENT: Final = "Slackbot 1.0 (+https://api.slack.com/robots)"
FORM: Final = "application/x-www-form-urlencoded"
ENVELOPES: Final = {"command": "slash_commands", "interaction": "interactive", "event": "events_api"}


@dataclass
class Letter:
    """What is to be delivered. `kind` is `command`, `interaction`, `event` or `probe`; `what` names it for people."""

    kind: str
    what: str
    payload: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Write it as Slack does: a form, a form with one JSON field, or JSON."""
        if self.kind == "command":
            return urlencode(self.payload).encode()
        if self.kind == "interaction":
            return urlencode({"payload": json.dumps(self.payload)}).encode()
        if self.what == "ssl_check":
            return urlencode(self.payload).encode()
        return json.dumps(self.payload).encode()

    @property
    def content_type(self) -> str:
        """Say what the body is."""
        return FORM if self.kind in {"command", "interaction"} or self.what == "ssl_check" else "application/json"


async def deliver(playground: Playground, letter: Letter) -> Delivered:
    """Deliver once and wait for the acknowledgement; over the websocket if the bot is connected that way."""
    if playground.sockets.connected and letter.kind in ENVELOPES:
        return await _deliver_over_socket(playground, letter)
    body = letter.body()
    secret = playground.config.signing_secret.get_secret_value()
    headers = {
        "Content-Type": letter.content_type,
        "User-Agent": USER_AGENT,
        "Accept": "application/json,*/*",
        **signature_headers(secret, int(playground.now()), body),
        **letter.headers,
    }
    return await send(playground, letter.kind, letter.what, headers, body)


async def send(playground: Playground, kind: str, what: str, headers: dict[str, str], body: bytes) -> Delivered:
    """Send these very bytes and headers, and write down what came back."""
    delivered = Delivered(
        playground.ledger.next_number(), playground.now(), kind, what, headers=headers, body=body.decode()
    )
    started = time.perf_counter()
    patience = playground.config.patience
    try:
        async with asyncio.timeout(patience):
            response = await playground.http.post(
                playground.config.bot_url, content=body, headers=headers, timeout=patience
            )
    except (TimeoutError, httpx.TimeoutException):
        delivered.outcome = "operation_timeout"
    except httpx.HTTPError as error:
        delivered.outcome, delivered.answer = "dispatch_failed", f"{type(error).__name__}: {error}"
    else:
        delivered.status, delivered.answer = response.status_code, response.text
        delivered.headers["answer:content-type"] = response.headers.get("content-type", "")
        delivered.headers["answer:x-slack-no-retry"] = response.headers.get("x-slack-no-retry", "")
        if response.status_code != 200:
            delivered.outcome = "dispatch_failed"
    delivered.ms = round((time.perf_counter() - started) * 1000, 2)
    playground.ledger.add_delivery(delivered)
    return delivered


async def _deliver_over_socket(playground: Playground, letter: Letter) -> Delivered:
    delivered = Delivered(
        playground.ledger.next_number(),
        playground.now(),
        letter.kind,
        letter.what,
        transport="socket",
        body=json.dumps(letter.payload),
    )
    started = time.perf_counter()
    envelope = {}
    if letter.kind == "event":
        envelope = {
            "retry_attempt": int(letter.headers.get("X-Slack-Retry-Num", 0)),
            "retry_reason": letter.headers.get("X-Slack-Retry-Reason", ""),
        }
    patience = playground.config.patience
    try:
        answer = await playground.sockets.deliver(ENVELOPES[letter.kind], letter.payload, patience, **envelope)
    except TimeoutError:
        delivered.outcome = "operation_timeout"
    except ConnectionError as error:
        delivered.outcome, delivered.answer = "dispatch_failed", str(error)
    else:
        delivered.status = 200
        delivered.answer = answer if isinstance(answer, str) else json.dumps(answer) if answer else ""
    delivered.ms = round((time.perf_counter() - started) * 1000, 2)
    playground.ledger.add_delivery(delivered)
    return delivered


async def deliver_event(playground: Playground, letter: Letter) -> Delivered:
    """Deliver an event; if it is not acknowledged, try three times more in the background, unless the bot objects."""
    first = await deliver(playground, letter)
    if _wants_retry(first):
        playground.in_background(_retry(playground, letter, first))
    return first


async def _retry(playground: Playground, letter: Letter, failed: Delivered) -> None:
    for number, seconds in enumerate(playground.config.event_retry_delays, start=1):
        await asyncio.sleep(seconds / playground.config.speed)
        reason = "http_timeout" if failed.outcome == "operation_timeout" else "http_error"
        if failed.outcome == "dispatch_failed" and failed.status == 0:
            reason = "connection_failed"
        headers = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
        failed = await deliver(playground, Letter(letter.kind, letter.what, letter.payload, headers))
        if not _wants_retry(failed):
            return


def _wants_retry(delivered: Delivered) -> bool:
    return delivered.outcome != "ok" and delivered.headers.get("answer:x-slack-no-retry") != "1"
