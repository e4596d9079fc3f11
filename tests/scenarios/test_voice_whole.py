"""By voice through the whole app: an Echo that signs, the verifier in front of the skill, the desk, and the chat."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.core.model import Status, Surface
from integrations.playground.echo.amazon import SPEAKER, Endpoint
from integrations.playground.echo.certificates import Authority, Certified, read_certified
from tests.support.commands import sayso
from tests.support.waiting import until
from tests.support.whole_app import WholeApp, open_whole_app

OURS = "amzn1.ask.skill.whole"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[WholeApp]:
    async with open_whole_app(tmp_path / "app", voice=True) as one:
        yield one


async def say(app: WholeApp, text: str, who: str = "ana", **how: Any) -> dict[str, Any]:
    turn = await app.do("echo", persona=who, text=text, **how)
    assert not turn["problem"], turn
    return turn


async def pair(app: WholeApp, who: str = "ana") -> None:
    turn = await say(app, "Alexa, ask release desk to pair me", who)
    code = re.search(r"\d{3} \d{3}", turn["speech"])
    assert code, turn["speech"]
    assert "speaks for you now" in await app.say(f"/release pair {code[0]}", who)


async def test_a_release_is_asked_for_by_voice_proved_by_a_number_in_slack_and_approved_by_somebody_else(
    app: WholeApp,
) -> None:
    assert "I don't know" in (await say(app, "deploy alpha to prod"))["speech"]
    await pair(app)
    asked = await say(app, "deploy alpha to prod")
    assert asked["slots"] == {"service": "alpha", "environment": "prod"}
    assert asked["open"]
    assert await app.releases() == []
    said = (await say(app, "yes"))["speech"]
    number = re.search(r"press (\d\d) ", said)
    assert number, said
    assert await app.releases() == []

    place, button = await until(lambda: _button(app, number[1]), lambda found: found is not None)
    pressed = await app.do("click", persona=app.services.people["ana"], **place, **button)
    assert pressed["outcome"] == "ok", pressed
    (release,) = await until(app.releases, bool)
    assert (release.requested_by, release.surface) == ("ana", Surface.VOICE)
    card = await app.card(release, "approve")
    assert (await app.click(card, "approve", "ben"))["outcome"] == "ok"
    assert (await app.ended(release)).status is Status.SUCCEEDED
    status = await say(app, "status of alpha", recognised=False)
    assert "1" in status["speech"]


async def _button(app: WholeApp, number: str) -> Any:
    """Find the button with this number, as the place and the element that a click names."""
    state = await app.state()
    for channel, messages in state["messages"].items():
        for message in messages:
            for block in message.get("blocks", []):
                for element in block.get("elements", []):
                    if isinstance(element, dict) and (element.get("text") or {}) != "" and _label(element) == number:
                        place = {"channel": channel, "ts": message["ts"]}
                        return place, {"action_id": element["action_id"], "block_id": block["block_id"]}
    return None


def _label(element: dict[str, Any]) -> str:
    text = element.get("text")
    return str(text.get("text", "")) if isinstance(text, dict) else ""


async def test_only_the_echos_own_requests_come_in_and_each_of_them_once(app: WholeApp) -> None:
    await say(app, "status")
    delivered = (await app.http.get("ledger")).json()["deliveries"][-1]
    good, body = delivered["headers"], delivered["body"].encode()
    own = read_certified((app.services.root / "alexa" / "playground-alexa.pem").read_bytes())
    stranger = Authority(datetime.now(UTC)).issue([SPEAKER], rsa_key=True)
    late = (datetime.now(UTC) - timedelta(seconds=160)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fresh = body.replace(b'"requestId": "', b'"requestId": "2')
    old = re.sub(rb'"timestamp": "[^"]+"', f'"timestamp": "{late}"'.encode(), fresh)
    async with httpx.AsyncClient(trust_env=False) as http:

        def signed(content: bytes, by: Certified = own, **headers: str) -> dict[str, str]:
            return Endpoint("", by, http).headers(content) | headers

        elsewhere = "https://s3.amazonaws.com/echo.api/../evil/chain.pem"
        attacks = {
            "replayed": (body, good),
            "tampered with": (fresh, good),
            "not signed": (fresh, {}),
            "signed by another key": (fresh, signed(fresh, stranger)),
            "of a chain elsewhere": (fresh, signed(fresh, SignatureCertChainUrl=elsewhere)),
            "of a chain that is not there": (
                fresh,
                signed(fresh, SignatureCertChainUrl="https://s3.amazonaws.com/echo.api/none.pem"),
            ),
            "too old": (old, signed(old)),
            "for another skill": (
                fresh.replace(OURS.encode(), b"amzn1.ask.skill.other"),
                signed(fresh.replace(OURS.encode(), b"amzn1.ask.skill.other")),
            ),
            "nonsense": (b"[" * 50_000, signed(b"[" * 50_000)),
            "as from a relay": (fresh, {"X-Sayso-Timestamp": "1", "X-Sayso-Signature": "v0=00"}),
        }
        answers = {}
        for what, (content, headers) in attacks.items():
            answers[what] = (await http.post(f"{app.door}/alexa", content=content, headers=headers)).status_code
        assert answers == dict.fromkeys(attacks, 400)
        assert (await http.post(f"{app.door}/alexa", content=fresh, headers=signed(fresh))).status_code == 200


async def test_the_terminal_speaks_to_the_same_skill_and_keeps_its_session(app: WholeApp, tmp_path: Path) -> None:
    page = str(app.http.base_url).removesuffix("_ui/")

    async def typed(*words: str) -> Any:
        return await asyncio.to_thread(sayso, "say", "--playground", page, *words, folder=tmp_path)

    first = await typed("--as", "ana", "pair", "me")
    code = re.search(r"\d{3} \d{3}", first.stdout)
    assert first.returncode == 0 and code, first
    assert first.stdout.startswith("ana: pair me\n  PairIntent\nAlexa: Your code is ")
    await app.say(f"/release pair {code[0]}")
    assert "Which service?" in (await typed("deploy", "something")).stdout
    asked = await typed("alpha")
    assert "service: alpha" in asked.stdout
    assert "(Alexa listens.)" in asked.stdout
    stranger = await typed("--session", "other", "--unrecognised", "deploy", "alpha", "to", "staging")
    assert "don't recognise" in stranger.stdout
    assert "(The session has ended.)" in (await typed("cancel")).stdout
    nobody = await typed("--as", "zoe", "status")
    assert (nobody.returncode, nobody.stderr) == (2, "Nobody here is called zoe; there are ana, ben, chi.\n")
    away = await asyncio.to_thread(sayso, "say", "--playground", "http://127.0.0.1:9", "hello", folder=tmp_path)
    assert away.returncode == 3
    assert "No playground answers" in away.stderr
    assert await app.releases() == []
