"""The interaction model and the package that are made from the command table and the catalogue."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli.command import build
from bot.core.command_table import spec_of
from bot.core.errors import BadFile
from bot.core.vocabulary import Names, Vocabulary
from skills.release_desk.intents import ANSWER, BUILT_IN, DEPLOY, INTENTS, Slot
from skills.release_desk.limits import mistakes
from skills.release_desk.model import interaction_model
from skills.release_desk.package import package
from skills.release_desk.phrases import LANGUAGE_OF, as_said, samples

WORDS = Vocabulary(
    services={
        "checkout": Names(key="checkout", title="Checkout", aliases=("shop-till",)),
        "payments-api": Names(key="payments-api", spoken=("payments A P I",)),
    },
    environments={
        "checkout": {"prod": Names(key="prod", title="prod", aliases=("production", "live"))},
        "payments-api": {"prod": Names(key="prod", title="prod", aliases=("real",))},
    },
)
URL = "https://sayso.example/alexa"
SAYSO_TOML = """
[people.ana]
name = "Ana"
[services.checkout.target]
pipeline = "checkout/pipeline.json"
[services.checkout.environments.staging]
backend = "local"
stage = "Staging"
"""


def language_model(locale: str, words: Vocabulary = WORDS) -> dict[str, Any]:
    found: dict[str, Any] = interaction_model(words, locale)["interactionModel"]["languageModel"]
    return found


@pytest.mark.parametrize("locale", LANGUAGE_OF)
def test_every_locale_has_every_intent_and_keeps_alexas_limits(locale: str) -> None:
    intents = {each["name"] for each in language_model(locale)["intents"]}
    assert intents == {*(each.name for each in INTENTS), *BUILT_IN}
    assert list(mistakes(interaction_model(WORDS, locale), locale)) == []


def test_the_words_and_aliases_of_the_command_table_begin_english_utterances() -> None:
    for intent in INTENTS:
        spec = spec_of(intent.verb) if intent.verb else None
        for word in (spec.verb, *spec.aliases) if spec else ():
            assert any(each.startswith(word) for each in samples(intent, "en")), f"{intent.name}: {word}"


def test_an_environment_that_services_share_is_one_value_with_all_of_its_names() -> None:
    _, environments = language_model("en-US")["types"]
    assert [each["id"] for each in environments["values"]] == ["prod"]
    name = environments["values"][0]["name"]
    assert {name["value"], *name["synonyms"]} == {"prod", "production", "live", "real"}


def test_what_is_for_the_ear_comes_first_and_dashes_are_not_spoken() -> None:
    services, _ = language_model("en-US")["types"]
    by_id = {each["id"]: each["name"] for each in services["values"]}
    assert by_id["payments-api"] == {"value": "payments A P I", "synonyms": ["payments api"]}
    assert by_id["checkout"]["synonyms"] == ["shop till"]


@pytest.mark.parametrize("locale", LANGUAGE_OF)
def test_what_is_asked_for_has_a_prompt_and_sample_answers(locale: str) -> None:
    model = interaction_model(WORDS, locale)["interactionModel"]
    prompts = {each["id"] for each in model["prompts"]}
    samples_of = {
        (intent["name"], slot["name"]): slot.get("samples", [])
        for intent in model["languageModel"]["intents"]
        for slot in intent.get("slots", ())
    }
    asked = [(each["name"], slot) for each in model["dialog"]["intents"] for slot in each["slots"]]
    assert {name for name, _ in asked} == {"DeployIntent", "RollBackIntent"}
    for name, slot in asked:
        if slot["elicitationRequired"]:
            assert slot["prompts"]["elicitation"] in prompts
            assert samples_of[name, slot["name"]]


def test_a_catalogue_name_that_is_too_long_is_named_with_its_place() -> None:
    words = WORDS.model_copy(update={"services": {"long": Names(key="long", aliases=("x" * 141,))}})
    with pytest.raises(BadFile, match=re.escape("en-US: ServiceName.long")):
        package(words, URL)


def test_a_service_without_a_name_that_can_be_spoken_is_a_mistake_with_its_mending() -> None:
    words = WORDS.model_copy(update={"services": {"42": Names(key="42")}})
    with pytest.raises(BadFile, match=r"services\.42: has no name that can be spoken Add one"):
        package(words, URL)


def test_a_sentence_that_means_two_things_is_a_mistake() -> None:
    model = interaction_model(WORDS, "en-US")
    model["interactionModel"]["languageModel"]["intents"][1]["samples"].append("approve it")
    [found] = mistakes(model, "en-US")
    assert (found.place, "StatusIntent" in found.problem) == ("en-US: ApproveIntent", True)


def test_what_was_heard_is_put_together_again() -> None:
    said = {Slot.SERVICE: "check out", Slot.ENVIRONMENT: "live", Slot.BUILD: "12"}
    assert as_said(DEPLOY, said, "en") == "deploy build 12 of check out to live"
    assert as_said(DEPLOY, {Slot.SERVICE: "kasse", Slot.ENVIRONMENT: "live"}, "de") == "deploye kasse nach live"
    assert as_said(ANSWER, {Slot.BUILD: "3"}, "en") == "Answer 3"


def test_the_manifest_asks_for_who_speaks_and_names_the_endpoint() -> None:
    manifest = json.loads(package(WORDS, URL)["skill.json"])["manifest"]
    assert {"name": "alexa::person_id:read"} in manifest["permissions"]
    assert manifest["apis"]["custom"]["endpoint"]["uri"] == URL
    assert manifest["events"]["endpoint"]["uri"] == URL
    assert set(manifest["publishingInformation"]["locales"]) == set(LANGUAGE_OF)


def test_the_command_writes_the_package_and_says_when_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared, out = tmp_path / "sayso.toml", tmp_path / "skill-package"
    declared.write_text(SAYSO_TOML)
    monkeypatch.setenv("SAYSO_CONFIG", str(declared))
    monkeypatch.setenv("SAYSO_PUBLIC_URL", "https://bot.example")
    run = CliRunner()
    command = ["alexa", "build", "--out", str(out)]
    assert run.invoke(build(), [*command, "--check"]).exit_code == 1
    assert run.invoke(build(), command).exit_code == 0
    assert run.invoke(build(), [*command, "--check"]).exit_code == 0
    assert "https://bot.example/alexa" in (out / "skill.json").read_text()
    relay = "arn:aws:lambda:eu-west-1:123456789012:function:sayso-alexa-relay"
    assert run.invoke(build(), [*command[:2], "--out", str(tmp_path / "relayed"), "--lambda", relay]).exit_code == 0
    made = json.loads((tmp_path / "relayed" / "skill.json").read_text())["manifest"]
    assert made["apis"]["custom"]["endpoint"] == made["events"]["endpoint"] == {"uri": relay}
    assert "is not the ARN" in str(run.invoke(build(), [*command, "--lambda", "sayso-relay"]).exception)
    declared.write_text(
        SAYSO_TOML.replace(
            "[services.checkout.target]", '[services.checkout]\naliases = ["till"]\n[services.checkout.target]'
        )
    )
    old = run.invoke(build(), [*command, "--check"])
    assert (old.exit_code, "en-US.json" in old.output) == (1, True)
