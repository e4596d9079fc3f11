"""The device understands and behaves as Amazon's documentation describes; the skill here is a script of answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.core.errors import BadInput
from integrations.playground.echo import Device, NoAnswer, Person, Turn, read_model
from integrations.playground.echo.words import number, words

MODEL = read_model(json.loads((Path(__file__).parent / "sample_model.json").read_text(encoding="utf-8")))
ANA = Person("ana", pin="0471")


class Script:
    """A skill that gives prepared answers and keeps what it was sent; without any left it asks on."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.seen: list[dict[str, Any]] = []

    async def __call__(self, body: dict[str, Any]) -> Any:
        self.seen.append(body)
        answer = self.answers.pop(0) if self.answers else says("And now?")
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def intent(self) -> Any:
        return self.seen[-1]["request"]["intent"]


def says(text: str, *directives: dict[str, Any], end: bool | None = False, **more: Any) -> dict[str, Any]:
    response = {
        "outputSpeech": {"type": "SSML", "ssml": f"<speak>{text}</speak>"},
        "directives": list(directives),
        **more,
    }
    if end is not None:
        response["shouldEndSession"] = end
    return {"version": "1.0", "response": response, "sessionAttributes": {"turn": text}}


def elicit(slot: str, **intent: Any) -> dict[str, Any]:
    return {"type": "Dialog.ElicitSlot", "slotToElicit": slot, **({"updatedIntent": intent} if intent else {})}


PIN = {
    "type": "Connections.StartConnection",
    "uri": "connection://AMAZON.VerifyPerson/2",
    "input": {"requestedAuthenticationConfidenceLevel": {"level": 400, "customPolicy": {"policyName": "VOICE_PIN"}}},
    "token": "plan-1",
}


def entities(behaviour: str, *values: str) -> dict[str, Any]:
    named = [{"id": f"id-{value}", "name": {"value": value, "synonyms": []}} for value in values]
    return {
        "type": "Dialog.UpdateDynamicEntities",
        "updateBehavior": behaviour,
        **({"types": [{"name": "ServiceName", "values": named}]} if values else {}),
    }


async def said(utterance: str, **options: Any) -> Turn:
    return await Device(MODEL, Script(), **options).say(utterance)


@pytest.mark.parametrize(
    ("utterance", "intent", "slots"),
    [
        ("Alexa, ask release desk to deploy checkout to production", "DeployIntent", "checkout prod"),
        ("deploy the check out service to prod, please", "DeployIntent", "checkout prod"),
        ("deploy payments API", "DeployIntent", "payments-api"),
        ("deploy build four eighty one of check out to live", "DeployIntent", "checkout prod 481"),
        ("tell release desk to deploy till", "DeployIntent", "checkout"),
        ("deploy bananas to staging", "DeployIntent", "bananas staging"),
        ("ask release desk what's the status of payments", "StatusIntent", "payments-api"),
        ("ask release desk to know the status", "StatusIntent", ""),
        ("status using release desk", "StatusIntent", ""),
        ("stop", "AMAZON.StopIntent", ""),
        ("stop the deploy", "StopReleaseIntent", ""),
        ("stop payments", "StopReleaseIntent", "payments-api"),
        ("yes please", "AMAZON.YesIntent", ""),
        ("sing a song about the rain in may", "AMAZON.FallbackIntent", ""),
    ],
)
async def test_an_utterance_becomes_the_intent_whose_sample_it_is(utterance: str, intent: str, slots: str) -> None:
    turn = await said(utterance)
    assert (turn.intent, " ".join(turn.slots.values())) == (intent, slots)


async def test_opening_the_skill_is_a_launch_and_the_next_utterance_belongs_to_the_same_session() -> None:
    skill = Script()
    device = Device(MODEL, skill)
    await device.say("Alexa, open release desk")
    await device.say("deploy checkout")
    first, second = skill.seen
    assert first["request"]["type"] == "LaunchRequest"
    assert first["session"]["new"] is True
    assert second["session"]["new"] is False
    assert second["session"]["sessionId"] == first["session"]["sessionId"]
    assert second["session"]["attributes"] == {"turn": "And now?"}


async def test_a_closed_session_forgets_everything() -> None:
    skill = Script(says("Bye", end=True))
    device = Device(MODEL, skill)
    assert not (await device.say("deploy checkout")).open
    await device.say("deploy checkout")
    assert skill.seen[1]["session"]["new"] is True
    assert skill.seen[1]["session"]["attributes"] == {}
    assert skill.seen[0]["session"]["sessionId"] != skill.seen[1]["session"]["sessionId"]


async def test_resolution_names_the_authority_and_every_value_that_is_meant() -> None:
    skill = Script()
    await Device(MODEL, skill, skill_id="amzn1.ask.skill.desk").say("deploy till")
    [authority] = skill.intent["slots"]["service"]["resolutions"]["resolutionsPerAuthority"]
    assert authority["authority"] == "amzn1.er-authority.echo-sdk.amzn1.ask.skill.desk.ServiceName"
    assert [each["value"]["id"] for each in authority["values"]] == ["checkout", "payments-api"]
    assert skill.intent["slots"]["environment"] == {"name": "environment", "confirmationStatus": "NONE"}


async def test_dynamic_entities_have_an_authority_of_their_own_until_they_are_cleared() -> None:
    skill = Script(says("Hi", entities("REPLACE", "billing")), says("Ok"), says("Gone", entities("CLEAR")), says("Ok"))
    device = Device(MODEL, skill)
    await device.say("open release desk")
    turn = await device.say("deploy billing to staging")
    assert turn.slots["service"] == "id-billing"
    static, dynamic = skill.intent["slots"]["service"]["resolutions"]["resolutionsPerAuthority"]
    assert static["status"]["code"] == "ER_NO_MATCH"
    assert ".dynamic." in dynamic["authority"]
    await device.say("help")
    assert (await device.say("deploy billing to staging")).slots["service"] == "billing"


async def test_a_question_for_a_slot_takes_its_value_and_keeps_the_others() -> None:
    skill = Script(says("Where to?", elicit("environment")), says("Go ahead?"))
    device = Device(MODEL, skill)
    assert (await device.say("deploy checkout")).asks == "slot"
    turn = await device.say("to production please")
    assert turn.slots == {"service": "checkout", "environment": "prod"}
    assert skill.seen[1]["request"]["dialogState"] == "IN_PROGRESS"


async def test_an_answer_may_fill_a_second_slot_and_an_unknown_name_is_still_an_answer() -> None:
    device = Device(MODEL, Script(says("Which?", elicit("service")), says("Which?", elicit("service"))))
    await device.say("deploy")
    assert (await device.say("kumquat")).slots == {"service": "kumquat"}
    assert (await device.say("payments to staging")).slots == {"service": "payments-api", "environment": "staging"}


@pytest.mark.parametrize(
    ("utterance", "intent"),
    [("help", "AMAZON.HelpIntent"), ("cancel", "AMAZON.CancelIntent"), ("what's the status of till", "StatusIntent")],
)
async def test_something_else_leaves_the_dialog(utterance: str, intent: str) -> None:
    skill = Script(says("Which?", elicit("service")), says("This is help."))
    device = Device(MODEL, skill)
    await device.say("deploy")
    assert (await device.say(utterance)).intent == intent
    assert (await device.say("checkout")).intent == "AMAZON.FallbackIntent"


@pytest.mark.parametrize(("utterance", "status"), [("yes", "CONFIRMED"), ("nope", "DENIED")])
async def test_a_confirmation_is_part_of_the_intent(utterance: str, status: str) -> None:
    skill = Script(says("Sure?", {"type": "Dialog.ConfirmIntent"}))
    device = Device(MODEL, skill)
    assert (await device.say("deploy till to staging")).asks == "confirmation"
    await device.say(utterance)
    assert skill.intent["confirmationStatus"] == status
    assert skill.intent["slots"]["environment"]["value"] == "staging"


async def test_who_speaks_stands_in_the_request_and_a_voice_that_is_not_known_does_not() -> None:
    skill = Script()
    device = Device(MODEL, skill, person=ANA)
    await device.say("status")
    assert skill.seen[0]["context"]["System"]["person"] == {
        "personId": "amzn1.ask.person.ANA",
        "authenticationConfidenceLevel": {"level": 300},
    }
    device.person = None
    await device.say("status")
    assert "person" not in skill.seen[1]["context"]["System"]


async def test_the_right_pin_raises_the_level_of_that_one_request() -> None:
    skill = Script(says("Then your PIN.", PIN, end=None), says("Started."))
    device = Device(MODEL, skill, person=ANA)
    asked = await device.say("deploy checkout to production")
    assert asked.asks == "pin"
    assert (await device.say("one two three four")).speech == "That's not the PIN I have. Try again."
    assert (await device.say("oh four seventy one")).speech == "Started."
    resumed = skill.seen[1]
    assert resumed["request"]["cause"]["result"]["status"] == "ACHIEVED"
    assert resumed["request"]["cause"]["token"] == "plan-1"
    assert resumed["context"]["System"]["person"]["authenticationConfidenceLevel"] == {"level": 400}
    await device.say("status")
    assert skill.seen[2]["context"]["System"]["person"]["authenticationConfidenceLevel"] == {"level": 300}


async def test_three_wrong_pins_are_not_achieved_and_six_lock_the_pin() -> None:
    skill = Script(says("PIN", PIN, end=None), says("No."), says("PIN", PIN, end=None), says("No."))
    device = Device(MODEL, skill, person=ANA)
    for reason in ("NOT_MATCH", "METHOD_LOCKOUT"):
        await device.say("deploy checkout to production")
        for _ in range(3):
            await device.say("1 1 1 1")
        assert skill.seen[-1]["request"]["cause"]["result"]["reason"] == reason


@pytest.mark.parametrize(("person", "status"), [(Person("ben"), "NOT_ENABLED"), (None, "NOT_ACHIEVED")])
async def test_without_a_pin_the_skill_is_told_at_once(person: Person | None, status: str) -> None:
    skill = Script(says("Then your PIN.", PIN, end=None), says("You have no PIN."))
    turn = await Device(MODEL, skill, person=person).say("deploy checkout to production")
    assert turn.speech == "Then your PIN. You have no PIN."
    assert skill.seen[1]["request"]["cause"]["result"]["status"] == status


SCREEN = {"type": "Alexa.Presentation.APL.RenderDocument", "document": {"type": "APL", "version": "2024.1"}}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "no `response`"),
        (says("A & B"), "well-formed"),
        (says("x" * 8001), "8000"),
        (says("Where?", elicit("colour")), "no slot colour"),
        (says("Where?", elicit("environment"), end=True), "shouldEndSession"),
        (says("Where?", elicit("service", name="StatusIntent")), "can't go over"),
        (says("Hi", entities("REPLACE", *map(str, range(101)))), "101"),
        (says("Hi", SCREEN), "no screen"),
        (says("Hi", {"type": "Dialog.Delegate"}), "does not know"),
        (NoAnswer("HTTP 500"), "HTTP 500"),
    ],
)
async def test_an_answer_that_alexa_would_not_take_ends_the_session(answer: Any, why: str) -> None:
    skill = Script(answer)
    turn = await Device(MODEL, skill).say("deploy")
    assert why in turn.problem
    assert not turn.open
    assert skill.seen[-1]["request"]["type"] == "SessionEndedRequest"
    assert skill.seen[-1]["request"]["reason"] == "ERROR"


async def test_a_device_with_a_screen_shows_it() -> None:
    turn = await Device(MODEL, Script(says("Look", SCREEN)), screen=True).say("status")
    assert turn.screen == SCREEN


async def test_alexa_does_not_wait_longer_than_its_patience() -> None:
    async def slow(_: dict[str, Any]) -> Any:
        await asyncio.sleep(60)

    turn = await Device(MODEL, slow, patience=0.01).say("status")
    assert turn.speech == "The requested skill took too long to answer."


async def test_progress_is_heard_only_while_its_request_is_under_way() -> None:
    heard: list[bool] = []

    async def skill(body: dict[str, Any]) -> Any:
        heard.append(device.progress(body["request"]["requestId"], "One moment."))
        heard.append(device.progress("another", "Too late."))
        return says("Done.")

    device = Device(MODEL, skill)
    turn = await device.say("status")
    assert (turn.progress, heard) == (("One moment.",), [True, False])


async def test_silence_is_answered_with_the_reprompt_once_and_then_the_session_ends() -> None:
    again = {"outputSpeech": {"type": "PlainText", "text": "Still there?"}}
    skill = Script(says("Which?", reprompt=again))
    device = Device(MODEL, skill)
    await device.say("deploy")
    assert (await device.wait()).speech == "Still there?"
    assert not (await device.wait()).open
    assert skill.seen[-1]["request"]["reason"] == "EXCEEDED_MAX_REPROMPTS"


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("481", "en-US", 481),
        ("four eight one", "en-US", 481),
        ("four eighty one", "en-GB", 481),
        ("four hundred and eighty one", "en-IN", 481),
        ("one thousand two hundred", "en-US", 1200),
        ("twenty twenty four", "en-US", 2024),
        ("vierhunderteinundachtzig", "de-DE", 481),
        ("zwölf", "de-DE", 12),
        ("many", "en-US", None),
    ],
)
def test_numbers_are_read_as_people_say_them(text: str, locale: str, value: int | None) -> None:
    assert number(words(text), locale) == value


def test_what_is_no_interaction_model_is_refused_with_every_wrong_place() -> None:
    with pytest.raises(BadInput, match=r"languageModel\.invocationName"):
        read_model({"interactionModel": {"languageModel": {"intents": []}}})
