"""The skill at its edges: what a request says, what an answer may hold, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from sqlalchemy.exc import SQLAlchemyError

from bot.core.commands import Releases, Verb
from bot.core.errors import Refused
from bot.core.model import Action, ActionKind, FailedTest, Gate, Release, Run, Stage, Status, Surface, TestReport
from bot.core.vocabulary import Names, Vocabulary
from bot.core.wording import LANGUAGES, say
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from skills.release_desk import screen, speech
from skills.release_desk.intents import Slot
from skills.release_desk.limits import mistakes
from skills.release_desk.model import interaction_model
from skills.release_desk.phrases import LANGUAGE_OF
from skills.release_desk.progress import Progress
from skills.release_desk.skill import dispatcher
from skills.release_desk.tongue import Tongue, readable, together
from skills.release_desk.turn import Turn, read_turn
from skills.release_desk.writing import MOST_ENTITIES, dynamic_entities
from tests.support.desk_world import open_world
from tests.support.voice_world import Room

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
EVIL = "a<b>&\"'c</speak>"
WORDS = Vocabulary(
    services={"shop": Names(key="shop", title=EVIL)}, environments={"shop": {"prod": Names(key="prod", title=EVIL)}}
)
MANY = Vocabulary(
    services={f"service-{n}": Names(key=f"service-{n}", aliases=(f"alias-{n}", f"other-{n}")) for n in range(500)},
    environments={f"service-{n}": {"prod": Names(key="prod", aliases=("live",))} for n in range(500)},
)


def envelope(kind: str = "IntentRequest", *, slots: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    system = {
        "application": {"applicationId": "amzn1.ask.skill.x"},
        "user": {"userId": "house"},
        "person": {"personId": "ana", "authenticationConfidenceLevel": {"level": 300}},
        "apiEndpoint": "https://api.amazonalexa.com",
        "apiAccessToken": "token",
    }
    request = {"type": kind, "requestId": "r1", "timestamp": "2026-11-25T12:00:00Z", "locale": "en-US", **more}
    if kind == "IntentRequest":
        request["intent"] = {"name": "DeployIntent", "slots": slots or {}}
    return {"version": "1.0", "session": {"attributes": {}}, "context": {"System": system}, "request": request}


def slot(value: str, *authorities: tuple[str, list[str]]) -> dict[str, Any]:
    found = [
        {
            "authority": authority,
            "status": {"code": "ER_SUCCESS_MATCH" if ids else "ER_NO_MATCH"},
            "values": [{"value": {"name": each.title(), "id": each}} for each in ids],
        }
        for authority, ids in authorities
    ]
    return {"name": "service", "value": value, "resolutions": {"resolutionsPerAuthority": found}}


def release(status: Status = Status.FAILED, **more: Any) -> Release:
    failures = (FailedTest(name="TestPrices.test_rounds<up>", message="x"),)
    tests = TestReport(passed=2, failed=1, skipped=1, failures=failures)
    gate = Gate(token="g", message="go?")
    stages = (
        Stage(
            name="IntegrationTests",
            status=Status.FAILED,
            actions=(Action(name="Unit", kind=ActionKind.TEST, status=Status.FAILED, tests=tests),),
        ),
        Stage(
            name="Approval",
            status=Status.WAITING if status is Status.WAITING else Status.QUEUED,
            actions=(Action(name="Ask", kind=ActionKind.APPROVAL, status=Status.WAITING, gate=gate),),
        ),
        Stage(name="Production", status=Status.QUEUED),
    )
    run = Run(id="run", pipeline="shop", status=status, stages=stages, seen=NOW)
    return Release(
        id="r", number=12, service="shop", environment="prod", requested_by="ana", surface=Surface.VOICE,
        backend="memory", stage="Production", status=status, active=not status.finished, run=run, created=NOW,
        updated=NOW, **more,
    )  # fmt: skip


def well_formed(ssml: str) -> str:
    return "".join(ET.fromstring(f"<speak>{ssml}</speak>").itertext())


# What a request says.


def test_the_confidence_that_amazons_own_model_drops_is_read_from_the_request() -> None:
    assert read_turn(envelope()).voice.level == 300


def test_todays_names_count_before_those_of_the_model_and_what_matched_nothing_has_no_id() -> None:
    static, dynamic = "amzn1.er-authority.echo-sdk.x", "amzn1.er-authority.echo-sdk.dynamic.x"
    both = read_turn(envelope(slots={"service": slot("store", (static, ["old"]), (dynamic, ["shop", "books"]))}))
    assert both.slots[Slot.SERVICE].ids == ("shop", "books")
    only_old = read_turn(envelope(slots={"service": slot("store", (static, ["old"]), (dynamic, []))}))
    assert only_old.slots[Slot.SERVICE].ids == ("old",)
    assert read_turn(envelope(slots={"service": slot("bananas", (static, []))})).slots[Slot.SERVICE].ids == ()
    assert read_turn(envelope(slots={"colour": slot("blue")})).slots == {}


def test_the_token_of_a_request_is_not_shown() -> None:
    assert "token'" not in repr(read_turn(envelope()))


@pytest.mark.parametrize("kept", [None, 7, "x", {"memory": []}, {"memory": {"question": "<b>"}}, {"memory": {"x": 1}}])
def test_a_session_that_is_not_ours_is_forgotten(kept: Any) -> None:
    body = envelope()
    body["session"]["attributes"] = kept if isinstance(kept, dict) else {"memory": kept}
    assert read_turn(body).memory.model_dump() == Turn.model_fields["memory"].default.model_dump()


# What an answer may hold.


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", Status)
def test_whatever_a_release_is_called_the_speech_is_whole(status: Status, language: str) -> None:
    tongue = Tongue(language, WORDS)
    found = Releases(verb=Verb.STATUS, releases=(release(status),), waiting_for_me=("r",) * (status is Status.WAITING))
    for said in (speech.status(found, tongue, None), speech.tests(release(status), tongue)):
        assert "a b 'c speak" in well_formed(said)
        assert not re.search(r"[0-9a-f]{8}", said)
    assert well_formed(tongue.say("alexa.unknown", word=EVIL)) in {f"I don't know {EVIL}.", f"{EVIL} kenne ich nicht."}


def test_a_failure_has_its_cause_and_claims_no_more_than_is_known() -> None:
    tongue = Tongue("en", Vocabulary())
    assert speech.how(release(), tongue) == "failed at integration tests, one test failed, prod wasn't touched"
    old = release(unreachable_since=NOW)
    assert speech.how(old, tongue).endswith("so look at prod before you go on")
    nothing_seen = release().model_copy(update={"run": None})
    assert speech.how(nothing_seen, tongue) == "failed"
    elsewhere = release().model_copy(update={"stage": "Somewhere"})
    assert "touched" not in speech.how(elsewhere, tongue)


def test_the_first_failing_test_is_named_as_words() -> None:
    assert readable(speech.tests(release(), Tongue("en", Vocabulary()))) == (
        "shop 12: 1 of 4 tests failed. The first is rounds<up>."
    )


def test_skipped_tests_did_not_pass() -> None:
    shown = release()
    assert shown.run
    stage = shown.run.stages[0]
    good = stage.actions[0].model_copy(update={"tests": TestReport(passed=3, skipped=1)})
    run = shown.run.model_copy(
        update={"stages": (stage.model_copy(update={"actions": (good,)}), *shown.run.stages[1:])}
    )
    said = speech.tests(shown.model_copy(update={"run": run}), Tongue("en", Vocabulary()))
    assert said == "shop 12: all 3 tests passed, and one was skipped."


def test_a_speech_that_is_too_long_is_cut_and_still_whole() -> None:
    sentence = '<lang xml:lang="en-US">One &amp; two.</lang>'
    cut = together(*[sentence] * 1000)
    assert len(cut) < 8000
    assert well_formed(cut).endswith("two.")


def test_a_refusal_is_spoken_without_hashes_or_what_can_only_be_typed() -> None:
    tongue = Tongue("de", Vocabulary())
    error = Refused("x", f"Run 9f1c2d3a4b of “{EVIL}” is #3.", fix=say("conflict.stop_first"))
    said = tongue.error(error)
    assert well_formed(said) == f"Run of {EVIL} is 3. Stoppe es zuerst."
    assert said.startswith('<lang xml:lang="en-US">')


def test_the_names_of_a_large_catalogue_are_cut_to_what_one_answer_may_bring() -> None:
    types = {each["name"]: each["values"] for each in dynamic_entities(MANY)}
    assert sum(1 + len(each["name"]["synonyms"]) for values in types.values() for each in values) == MOST_ENTITIES
    assert [each["id"] for each in types["EnvironmentName"]] == ["prod"]


@pytest.mark.parametrize("locale", LANGUAGE_OF)
def test_a_large_catalogue_keeps_the_limits_of_a_model(locale: str) -> None:
    assert list(mistakes(interaction_model(MANY, locale), locale)) == []


def test_the_screen_shows_only_what_the_page_has() -> None:
    document, page = screen.document(), screen.page(release(Status.WAITING), Tongue("en", Vocabulary()))
    assert (document["type"], document["mainTemplate"]["parameters"]) == ("APL", ["payload"])
    bound = set(re.findall(r"\$\{([\w.]+)\}", json.dumps(document)))
    of_page = {f"payload.{screen.PAGE}.{name}" for name in page}
    of_stage = {f"data.{name}" for name in page["stages"][0]}
    assert bound == of_page | of_stage
    assert page["stages"][0] == {
        "sign": "✕",
        "colour": "#f87171",
        "text": "integration tests",
        "status": "failed",
    }
    assert (page["tests"], page["gate"]) == ("2 of 4 tests passed", "go?")


# What goes wrong.


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


async def test_what_is_unexpected_is_left_to_the_host(tmp_path: Path) -> None:
    database = Database(open_engine(f"sqlite:///{tmp_path / 'skill.db'}"))
    await migrate(database.engine)
    async with open_world(database) as world:
        skill = dispatcher(Room(world).office)
        await world.stop_watching()
        async with database.write() as c:
            await c.exec_driver_sql("DROP TABLE voices")
        with pytest.raises(SQLAlchemyError, match="voices"):
            await skill(envelope("LaunchRequest"))
    with pytest.raises(KeyError):
        await skill({"version": "1.0", "request": {"type": "LaunchRequest"}, "context": {"System": {}}})
    await database.close()
