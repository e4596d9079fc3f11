"""The skill at its edges: what a request says, and what an answer may hold."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bot.core.commands import Releases, Verb
from bot.core.errors import Refused
from bot.core.model import Action, ActionKind, FailedTest, Gate, Release, Run, Stage, Status, Surface, TestReport
from bot.core.vocabulary import Names, Vocabulary
from bot.core.wording import LANGUAGES, say
from skills.release_desk import screen, speech
from skills.release_desk.intents import Slot
from skills.release_desk.limits import mistakes
from skills.release_desk.model import interaction_model
from skills.release_desk.phrases import LANGUAGE_OF
from skills.release_desk.tongue import Tongue, readable, together
from skills.release_desk.turn import Turn, read_turn
from skills.release_desk.writing import MOST_ENTITIES, dynamic_entities
from tests.support.envelopes import envelope

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
EVIL = "a<b>&\"'c</speak>"
WORDS = Vocabulary(
    services={"shop": Names(key="shop", title=EVIL)}, environments={"shop": {"prod": Names(key="prod", title=EVIL)}}
)
MANY = Vocabulary(
    services={f"service-{n}": Names(key=f"service-{n}", aliases=(f"alias-{n}", f"other-{n}")) for n in range(500)},
    environments={f"service-{n}": {"prod": Names(key="prod", aliases=("live",))} for n in range(500)},
)


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
