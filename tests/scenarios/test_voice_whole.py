"""By voice through the whole app: an Echo that signs, the verifier in front of the skill, the desk, and the chat."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from bot.app import open_sayso
from bot.cli.client import Unreachable
from bot.cli.command import build
from bot.core.errors import BadInput, Misconfigured
from bot.core.model import Status, Surface
from bot.settings import Settings
from integrations.playground.echo.amazon import SPEAKER, Endpoint
from integrations.playground.echo.certificates import Authority, Certified, read_certified
from skills.release_desk import relay
from tests.support.commands import sayso
from tests.support.waiting import until
from tests.support.whole_app import RELAY_SECRET, WholeApp, open_whole_app

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
            answer = await http.post(f"{app.door}/alexa", content=content, headers=headers)
            answers[what] = (answer.status_code, answer.text)
        # Whoever tries is not told which check it was.
        assert answers == dict.fromkeys(attacks, (400, answers["not signed"][1]))
        assert (await http.post(f"{app.door}/alexa", content=fresh, headers=signed(fresh))).status_code == 200


async def test_a_signed_request_that_lacks_something_or_has_something_odd_is_never_a_failure(app: WholeApp) -> None:
    await say(app, "deploy alpha to staging")
    asked = json.loads((await app.http.get("ledger")).json()["deliveries"][-1]["body"])
    own = read_certified((app.services.root / "alexa" / "playground-alexa.pem").read_bytes())
    odd = [each for place in _places(asked) for each in (_with(asked, place, None), _with(asked, place, [{"odd": 1}]))]
    odd += [_with(asked, place, ...) for place in _places(asked)]
    async with httpx.AsyncClient(trust_env=False) as http:

        async def ask(number: int, envelope: Any) -> tuple[int, str]:
            if isinstance(envelope.get("request"), dict) and "requestId" in envelope["request"]:
                envelope["request"]["requestId"] = envelope["request"]["requestId"] and f"odd-{number}"
            content = json.dumps(envelope).encode()
            headers = Endpoint("", own, http).headers(content)
            answer = await http.post(f"{app.door}/alexa", content=content, headers=headers, timeout=60)
            return answer.status_code, answer.text

        answers = [await ask(number, envelope) for number, envelope in enumerate(odd)]
    assert {status for status, _ in answers} == {200, 400}
    assert all("response" in json.loads(text) for status, text in answers if status == 200)
    assert await app.releases() == []


def _places(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, inner in value.items():
        yield (*above, key)
        if isinstance(inner, dict):
            yield from _places(inner, (*above, key))


def _with(envelope: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Copy it with another value at a place; `...` takes it out."""
    changed: dict[str, Any] = copy.deepcopy(envelope)
    at = changed
    for key in place[:-1]:
        at = at[key]
    if value is ...:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return changed


async def test_the_lambda_relay_hands_a_request_on_to_the_same_skill(app: WholeApp) -> None:
    await say(app, "status")
    event = json.loads((await app.http.get("ledger")).json()["deliveries"][-1]["body"])
    settings = {"SAYSO_URL": app.door, "ALEXA_SKILL_ID": OURS, "ALEXA_RELAY_SECRET": RELAY_SECRET}
    with pytest.raises(relay.RelayError, match="HTTP 400"):  # that request had its effect already
        await asyncio.to_thread(relay.relay, event, settings, time.time())
    event["request"]["requestId"] = "relayed"
    answer = await asyncio.to_thread(relay.relay, event, settings, time.time())
    assert "Nothing is under way" in answer["response"]["outputSpeech"]["ssml"]
    event["request"]["requestId"] = "forged"
    forged = settings | {"ALEXA_RELAY_SECRET": RELAY_SECRET[::-1]}
    with pytest.raises(relay.RelayError, match="HTTP 400"):
        await asyncio.to_thread(relay.relay, event, forged, time.time())


async def test_roots_that_are_none_are_a_sentence_before_anything_is_served(tmp_path: Path) -> None:
    (tmp_path / "sayso.toml").write_text("")
    (tmp_path / "empty.pem").write_text("")
    for name in ("missing.pem", "empty.pem"):
        settings = {
            "config": tmp_path / "sayso.toml", "data": tmp_path / "data", "alexa_skill_id": OURS,
            "alexa_trust_roots": tmp_path / name,
        }  # fmt: skip
        with pytest.raises(Misconfigured, match=f"{name}, which has no certificates to trust"):
            async with open_sayso(Settings.model_validate(settings)):
                pass


async def test_roots_of_ones_own_are_told_to_whoever_starts_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sayso.toml").write_text("")
    (tmp_path / "own.pem").write_bytes(Authority(datetime.now(UTC)).root_pem)
    settings = {"config": tmp_path / "sayso.toml", "data": tmp_path / "data", "alexa_skill_id": OURS}
    for own in ({}, {"alexa_trust_roots": tmp_path / "own.pem"}):
        caplog.clear()
        async with open_sayso(Settings.model_validate(settings | own)):
            pass
        assert ("own.pem are trusted in place of Amazon's" in caplog.text) is bool(own)


async def test_the_terminal_speaks_to_the_same_skill_and_keeps_its_session(app: WholeApp, tmp_path: Path) -> None:
    page = str(app.http.base_url).removesuffix("_ui/")

    async def typed(*words: str) -> Any:
        return await asyncio.to_thread(sayso, "say", "--playground", page, *words, folder=tmp_path)

    first = await typed("--as", "ana", "pair", "me")
    code = re.search(r"\d{3} \d{3}", first.stdout)
    assert first.returncode == 0 and code, first
    assert first.stdout.startswith("ana: pair me\n  PairIntent\nAlexa: Your code is ")
    await app.say(f"/release pair {code[0]}")
    talk = await asyncio.to_thread(
        sayso, "say", "--playground", page, folder=tmp_path, lines="deploy something\n\nalpha\n"
    )
    assert re.findall(r"ana: (.+)", talk.stdout) == ["deploy something", "alpha"]
    assert "Which service?" in talk.stdout
    assert "service: alpha" in talk.stdout
    assert talk.stdout.endswith("(Alexa listens.)\n")
    assert "(The session has ended.)" in (await typed("cancel")).stdout
    stranger = await typed("--session", "other", "--unrecognised", "deploy", "alpha", "to", "staging")
    assert "don't recognise" in stranger.stdout

    run = CliRunner()
    told = await asyncio.to_thread(run.invoke, build(), ["say", "--playground", page, "--as", "zoe", "status"])
    assert isinstance(told.exception, BadInput)
    assert str(told.exception) == "Nobody here is called zoe; there are ana, ben, chi."
    told = await asyncio.to_thread(run.invoke, build(), ["say", "--playground", "http://127.0.0.1:9", "status"])
    assert isinstance(told.exception, Unreachable)
    assert "No playground answers" in str(told.exception)
    assert await app.releases() == []
