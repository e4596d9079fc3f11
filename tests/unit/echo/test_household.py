"""The playground's Echoes over HTTP: sessions of their own, progressive responses, silence, and keys on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bot.cli.doors import free_port
from bot.core.errors import Misconfigured
from integrations.playground.config import EchoConfig
from integrations.playground.echo.keys import open_keys
from tests.playground.serving import Town, listening, served, town
from tests.support.commands import sayso

MODEL = json.loads((Path(__file__).parent / "sample_model.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@dataclass
class Skill:
    """Answers everything with a question, and says something before it where it is told to."""

    progress: list[dict[str, Any]] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> FastAPI:
        api = FastAPI()

        @api.post("/alexa")
        async def alexa(body: dict[str, Any]) -> dict[str, Any]:
            self.seen.append(body)
            system = body["context"]["System"]
            async with httpx.AsyncClient(trust_env=False) as http:
                for each in self.progress:
                    token = each.get("token", system["apiAccessToken"])
                    answer = await http.post(
                        f"{system['apiEndpoint']}/v1/directives",
                        headers={"Authorization": f"Bearer {token}"},
                        json={
                            "header": {"requestId": each.get("request", body["request"]["requestId"])},
                            "directive": {"type": "VoicePlayer.Speak", "speech": each["speech"]},
                        },
                    )
                    self.told.append(answer.status_code)
            speech = {"type": "PlainText", "text": f"You are {system.get('person', {}).get('personId', 'nobody')}."}
            reprompt = {"outputSpeech": {"type": "PlainText", "text": "Are you there?"}}
            return {
                "version": "1.0",
                "response": {"outputSpeech": speech, "reprompt": reprompt, "shouldEndSession": False},
            }

        return api


@pytest.fixture
def skill() -> Skill:
    return Skill()


@pytest.fixture
def place(skill: Skill, tmp_path: Path) -> Iterator[Town]:
    with ExitStack() as stack:
        listener, url = listening()
        stack.enter_context(served(skill.app(), listener))
        echo = EchoConfig(
            skill_url=f"{url}/alexa",
            skill_id="amzn1.ask.skill.test",
            models={"en-US": MODEL, "en-GB": MODEL},
            roots=tmp_path / "keys" / "roots.pem",
            store_port=free_port(),
        )
        yield stack.enter_context(town(echo=echo))


def test_whoever_speaks_is_told_to_the_skill_and_each_echo_has_a_session_of_its_own(place: Town, skill: Skill) -> None:
    assert place.post("echo", persona="ana", text="status")["speech"] == "You are amzn1.ask.person.ANA."
    assert place.post("echo", persona="U02BO", text="status")["speech"] == "You are amzn1.ask.person.BO."
    assert place.post("echo", persona="bo", text="status", recognised=False)["speech"] == "You are nobody."
    place.post("echo", persona="bo", text="status", echo="kitchen")
    place.post("echo", persona="bo", text="status", locale="en-GB")
    first, second, third, kitchen, british = (each["session"] for each in skill.seen)
    assert first["sessionId"] == second["sessionId"] == third["sessionId"]
    assert (first["new"], second["new"], kitchen["new"], british["new"]) == (True, False, True, True)
    assert [each["who"] for each in place.get("state")["echo"]["turns"]] == ["U01ANA", *["U02BO"] * 4]


def test_who_stays_silent_is_asked_once_more_and_then_left(place: Town, skill: Skill) -> None:
    place.post("echo", persona="ana", text="status")
    assert place.post("echo", persona="ana")["speech"] == "Are you there?"
    last = place.post("echo", persona="ana")
    assert (last["speech"], last["open"]) == ("", False)
    assert skill.seen[-1]["request"]["reason"] == "EXCEEDED_MAX_REPROMPTS"


def test_progress_is_said_for_the_request_under_way_with_its_own_token_only(place: Town, skill: Skill) -> None:
    skill.progress = [
        {"speech": "<speak>One moment.</speak>"},
        {"speech": "<speak>A stranger.</speak>", "token": "guessed"},
        {"speech": "<speak>Too late.</speak>", "request": "amzn1.echo-api.request.earlier"},
        {"speech": "<speak>Broken"},
    ]
    assert place.post("echo", persona="ana", text="status")["progress"] == ["One moment."]
    assert skill.told == [204, 401, 404, 400]


def test_what_can_not_be_said_is_a_sentence(place: Town) -> None:
    assert "only en-US, en-GB" in place.post("echo", persona="ana", text="status", locale="fr-FR")["notice"]
    assert "there are ana, bo" in place.post("echo", persona="zoe", text="status")["notice"]
    with town() as without:
        assert without.get("state")["echo"] is None
        assert "There is no Echo here" in without.post("echo", persona="ana", text="status")["notice"]


def test_a_skill_that_is_not_there_is_what_alexa_says_of_it_and_a_terminal_fails(tmp_path: Path) -> None:
    echo = EchoConfig(
        skill_url=f"http://127.0.0.1:{free_port()}/alexa",
        skill_id="amzn1.ask.skill.test",
        models={"en-US": MODEL},
        roots=tmp_path / "roots.pem",
        store_port=free_port(),
    )
    with town(echo=echo) as alone:
        done = sayso("say", "--playground", alone.url, "status", folder=tmp_path)
        wire = alone.get("ledger")["deliveries"]
    assert (done.returncode, done.stderr.count("does not answer")) == (1, 1)
    assert "There was a problem with the requested skill's response." in done.stdout
    assert {each["outcome"] for each in wire} == {"no_answer"}


def test_a_reset_forgets_what_was_said(place: Town, skill: Skill) -> None:
    place.post("echo", persona="ana", text="status")
    place.post("reset")
    assert place.get("state")["echo"]["turns"] == []
    place.post("echo", persona="ana", text="status")
    assert [each["session"]["new"] for each in skill.seen] == [True, True]


def test_keys_are_made_once_kept_to_their_owner_and_made_anew_when_they_are_over(tmp_path: Path) -> None:
    roots = tmp_path / "alexa" / "roots.pem"
    first = open_keys(roots, NOW)
    assert open_keys(roots, NOW).speaker.key_pem == first.speaker.key_pem
    private = [path for path in roots.parent.iterdir() if path != roots]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert b"PRIVATE KEY" not in roots.read_bytes()
    before = roots.read_bytes()
    assert open_keys(roots, NOW + timedelta(days=15)).speaker.key_pem != first.speaker.key_pem
    assert roots.read_bytes() != before


def test_roots_of_somebody_else_are_never_replaced(tmp_path: Path) -> None:
    roots = tmp_path / "company.pem"
    roots.write_text("-----BEGIN CERTIFICATE-----")
    with pytest.raises(Misconfigured, match="is not the playground's own"):
        open_keys(roots, NOW)
    assert roots.read_text() == "-----BEGIN CERTIFICATE-----"
