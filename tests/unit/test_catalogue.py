from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from bot.catalogue import Catalogue, load_catalogue
from bot.catalogue.model import VoiceSettings
from bot.core.errors import BadFile, NotFound
from bot.core.ports import BASE
from bot.core.voice import VoiceRule


class Pipeline(BaseModel):
    """A target with a path in it, as the local backend's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: Path
    projects: dict[str, str] = {}

    @field_validator("pipeline")
    @classmethod
    def _below_the_catalogue(cls, value: Path, info: ValidationInfo) -> Path:
        assert info.context
        base = info.context[BASE]
        assert isinstance(base, Path)
        return base / value


class Remote(BaseModel):
    """A target of another backend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    region: str = "eu-west-1"


TARGETS: dict[str, type[BaseModel]] = {"local": Pipeline, "aws": Remote}

GOOD = """
[slack]
plan_blocks = "never"
[channels.releases]
slack = "C01RELEASES"
[channels.incidents]
slack = "C02INCIDENTS"
[people.ana]
name = "Ana Ruiz"
slack = "U01ANA"
email = "ana@example.com"
logins = ["github:Ana-R", "arn:aws:iam::123456789012:user/ana", "ana@home.example.com"]
[people.ben]
name = "Ben Ito"
slack = "U02BEN"
[people.chi]
name = "Chi Okafor"
[teams.payments]
members = ["ana", "ben"]
[environments.prod]
aliases = ["production", "live"]
production = true
approvers = ["payments"]
deployers = ["payments", "chi"]
[services.checkout]
title = "Checkout"
aliases = ["check out"]
channel = "releases"
[[services.checkout.notify]]
channel = "incidents"
environments = ["prod"]
events = ["failed"]
[[services.checkout.notify]]
channel = "releases"
[services.checkout.target]
pipeline = "pipeline.json"
[services.checkout.environments.staging]
backend = "local"
stage = "Staging"
[services.checkout.environments.prod]
backend = "local"
stage = "Production"
approvals = 2
self_approval = true
[services.checkout.environments.lab]
backend = "local"
pipeline = "lab.json"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sayso.toml"


def load(file: Path, text: str | bytes) -> Catalogue:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_catalogue(file, TARGETS)


def mistakes(file: Path, text: str | bytes) -> dict[str, str]:
    """Give what is wrong by place, without the file's name."""
    with pytest.raises(BadFile) as bad:
        load(file, text)
    found = [
        (each.place.removeprefix("sayso.toml: "), f"{each.problem} {each.fix or ''}") for each in bad.value.mistakes
    ]
    assert len(dict(found)) == len(found), "a place is told twice"
    return dict(found)


def test_a_service_is_known_with_its_environments_rules_and_channels(file: Path) -> None:
    catalogue = load(file, GOOD)
    assert not catalogue.plan_blocks
    checkout = catalogue.service("checkout")
    assert checkout.title == "Checkout"
    assert catalogue.card_channel("checkout") == "C01RELEASES"
    assert [(n.channel, n.environments, n.events) for n in checkout.notify] == [
        ("incidents", frozenset({"prod"}), frozenset({"failed"})),
        ("releases", None, frozenset({"finished", "failed"})),
    ]
    rules = catalogue.rules("checkout", "prod")
    assert rules.production
    assert rules.approvers == frozenset({"ana", "ben"})
    assert rules.deployers == frozenset({"ana", "ben", "chi"})
    assert (rules.approvals, rules.self_approval) == (2, True)
    assert rules.people["chi"] == "Chi Okafor"
    staging = catalogue.rules("checkout", "staging")
    assert (staging.production, staging.approvers, staging.deployers) == (False, None, None)


def test_paths_in_targets_start_from_the_catalogues_folder(file: Path) -> None:
    target = load(file, GOOD).environment("checkout", "lab").target
    assert isinstance(target, Pipeline)
    assert target.pipeline == file.parent / "lab.json"


def test_stages_are_mapped_to_the_environments_of_the_same_pipeline(file: Path) -> None:
    catalogue = load(file, GOOD)
    assert catalogue.environments_by_stage("checkout", "prod") == {"Staging": "staging", "Production": "prod"}
    assert catalogue.environments_by_stage("checkout", "lab") == {}


def test_people_are_found_by_their_slack_id(file: Path) -> None:
    catalogue = load(file, GOOD)
    found = catalogue.person_by_slack("U02BEN")
    assert found
    assert (found[0], found[1].name) == ("ben", "Ben Ito")
    assert catalogue.person_by_slack("U404") is None
    assert catalogue.person("ana").email == "ana@example.com"
    assert catalogue.name_of("chi") == "Chi Okafor"
    assert catalogue.name_of("CodePipeline") == "CodePipeline"
    assert catalogue.channel_id("incidents") == "C02INCIDENTS"


@pytest.mark.parametrize(
    ("names", "person"),
    [
        (("github:ana-r",), "ana"),
        (("arn:aws:iam::123456789012:user/ana",), "ana"),
        (("gitlab:ana-r", "ANA@home.example.com"), "ana"),
        (("gitlab:ana-r",), None),
        (("ana",), None),
        ((), None),
    ],
)
def test_people_are_known_by_what_they_are_called_elsewhere(
    file: Path, names: tuple[str, ...], person: str | None
) -> None:
    assert load(file, GOOD).person_known_as(names) == person


def test_an_account_is_one_persons_and_says_where_it_is(file: Path) -> None:
    text = GOOD.replace('name = "Ben Ito"', 'name = "Ben Ito"\nlogins = ["ANA@example.com", "github:ana-r"]')
    found = mistakes(file, text)
    assert "`github:ana-r` stands at people.ana.logins[1] already" in found["people.ben.logins[2]"]
    assert "`ana@example.com` stands at people.ana.email already" in found["people.ben.logins[1]"]
    wrong = mistakes(file, GOOD.replace('"github:Ana-R"', '"Ana R"'))
    assert "expected `github:NAME`" in wrong["people.ana.logins[1]"]


def test_what_the_catalogue_does_not_have_is_said_with_what_it_has(file: Path) -> None:
    catalogue = load(file, GOOD)
    with pytest.raises(NotFound, match="checkout"):
        catalogue.service("cart")
    with pytest.raises(NotFound, match="staging, prod, lab"):
        catalogue.rules("checkout", "qa")
    with pytest.raises(NotFound, match="dan"):
        catalogue.person("dan")
    with pytest.raises(NotFound, match="releases, incidents"):
        catalogue.channel_id("general")


def test_commands_may_speak_of_all_names_in_it(file: Path) -> None:
    words = load(file, GOOD).vocabulary()
    assert words.services["checkout"].all == ("checkout", "Checkout", "check out")
    assert words.environments["checkout"]["prod"].aliases == ("production", "live")
    assert words.production == {("checkout", "prod")}
    assert words.usual_environment("checkout") is None


def test_an_empty_file_is_an_empty_catalogue(file: Path) -> None:
    assert load(file, "") == Catalogue()
    assert load(file, b"\xef\xbb\xbf# only a comment\r\n") == Catalogue()


def test_a_missing_file_is_said_with_the_setting_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="there is no such file") as bad:
        load_catalogue(tmp_path / "nowhere.toml", TARGETS)
    assert str(tmp_path / "nowhere.toml") in str(bad.value)
    assert "SAYSO_CONFIG" in str(bad.value)
    with pytest.raises(BadFile, match="is a directory"):
        load_catalogue(tmp_path, TARGETS)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("[slack]\nplan_blocks = \n", "sayso.toml line 2, column 15", "invalid value"),
        ("[people.ana]\n[people.ana]\n", "sayso.toml line 2, column 12", "people.ana twice"),
        ('name = "ana', "sayso.toml, at its end", "unterminated string"),
        (b"# \xff\n", "sayso.toml line 1", "not UTF-8"),
        ("a = " + "[" * 100_000, "sayso.toml", "nested too deeply"),
    ],
)
def test_what_is_not_toml_is_said_with_its_line_and_column(
    file: Path, text: str | bytes, place: str, problem: str
) -> None:
    found = mistakes(file, text)
    assert list(found) == [place]
    assert problem in found[place]


def test_every_mistake_is_told_at_once(file: Path) -> None:
    found = mistakes(
        file,
        """
[slack]
plan_blocks = "alwys"
[chanels.x]
slack = "C01X"
[channels.releases]
slak = "C01RELEASES"
[channels.broken]
slack = "releases"
[people.ana]
slack = "U01ANA"
[people.ben]
name = "Ben"
slack = "U02BEN"
[people.chi]
name = "Chi"
slack = "U02BEN"
[teams.payments]
members = ["ana", "bne"]
[environments.prdo]
production = true
[environments.prod]
production = "yes"
approvers = ["paymets"]
[services.checkout]
channel = "relases"
[[services.checkout.notify]]
channel = "releases"
environments = ["stagin"]
events = ["faild"]
[services.checkout.target]
pipelin = "p.json"
[services.checkout.environments.staging]
backend = "lokal"
[services.checkout.environments.prod]
backend = "local"
aprovals = 2
[services.cart]
[services.till]
aliases = ["checkout"]
environments.staging.backend = "aws"
""",
    )
    expected = {
        "slack.plan_blocks": "`alwys` is not one of auto or never",
        "chanels": "Did you mean `channels`?",
        "channels.releases.slack": "missing",
        "channels.releases.slak": "Did you mean `slack`?",
        "channels.broken.slack": "C01ABCDEF",
        "people.ana.name": "missing",
        "people.chi.slack": "people.ben.slack",
        "teams.payments.members[2]": "Did you mean `ben`?",
        "environments.prdo": "Did you mean `prod`?",
        "environments.prod.production": "expected true or false, but it is text",
        "environments.prod.approvers[1]": "Did you mean `payments`?",
        "services.checkout.channel": "Did you mean `releases`?",
        "services.checkout.notify[1].environments[1]": "Did you mean `staging`?",
        "services.checkout.notify[1].events[1]": "Did you mean `failed`?",
        "services.checkout.target.pipelin": "Did you mean `pipeline`?",
        "services.checkout.environments.staging.backend": "Did you mean `local`?",
        "services.checkout.environments.prod.pipeline": "services.checkout.target",
        "services.checkout.environments.prod.aprovals": "Did you mean `approvals`?",
        "services.cart.environments": "no environment",
        "services.till.aliases": "`checkout` is also a name of `checkout`",
        "services.till.environments.staging.name": "missing",
    }
    assert set(found) == set(expected)
    for place, part in expected.items():
        assert part in found[place], place


PEOPLE = """
[people.ana]
name = "Ana"
[people.ben]
name = "Ben"
[teams.all]
members = ["ana", "ben"]
[services.shop.environments.prod]
backend = "aws"
name = "shop"
"""


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ("production = true", None),
        ("production = true\napprovals = 2", "approvers"),
        ("production = true\napprovals = 3", "approvals"),
        ("production = true\napprovers = []", "approvals"),
        ("approvers = ['ana']\ndeployers = ['ana']", "approvers"),
        ("approvers = ['ana']\ndeployers = ['ana']\nself_approval = true", None),
        ("approvers = ['ana']\ndeployers = ['all']", None),
        ("approvers = ['all']\napprovals = 2\nself_approval = true", None),
        ("deployers = []", "deployers"),
        ("", None),
    ],
)
def test_an_approval_that_nobody_could_give_is_a_mistake(file: Path, rules: str, place: str | None) -> None:
    text = PEOPLE + rules
    if place is None:
        assert load(file, text).rules("shop", "prod")
    else:
        assert list(mistakes(file, text)) == [f"services.shop.environments.prod.{place}"]


def test_a_production_that_only_one_person_knows_of_is_a_mistake(file: Path) -> None:
    text = "[people.ana]\nname='Ana'\n[services.a.environments.p]\nbackend='aws'\nname='a'\nproduction=true\n"
    assert "services.a.environments.p.approvers" in mistakes(file, text)


def test_a_stage_can_be_one_environment_only(file: Path) -> None:
    text = """
[services.a.environments.x]
backend = "aws"
name = "pipe"
stage = "Prod"
[services.a.environments.y]
backend = "aws"
name = "pipe"
stage = "Prod"
[services.b.environments.x]
backend = "aws"
name = "pipe"
stage = "Prod"
[services.b.environments.y]
backend = "aws"
name = "pipe"
stage = "Other"
[services.b.environments.z]
backend = "aws"
name = "other"
stage = "Prod"
"""
    found = mistakes(file, text)
    assert list(found) == ["services.a.environments.y.stage", "services.b.environments.x.stage"]
    assert all("services.a.environments.x" in said for said in found.values())


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ("title = 'Shop'", "aliases = ['shop']", "services.b.aliases"),
        ("aliases = ['the shop']", "title = 'The Shop'", "services.b.title"),
        ("aliases = ['b']", "", "services.b"),
        ("aliases = ['web-shop']", "aliases = ['web shop']", "services.b.aliases"),
    ],
)
def test_two_services_can_not_have_one_name(file: Path, first: str, second: str, place: str) -> None:
    text = "".join(
        f"[services.{key}]\n{more}\n[services.{key}.environments.x]\nbackend = 'aws'\nname = '{key}'\n"
        for key, more in (("a", first), ("b", second))
    )
    assert list(mistakes(file, text)) == [place]


def test_two_environments_of_a_service_can_not_have_one_name(file: Path) -> None:
    text = """
[environments.prod]
aliases = ["live"]
[services.a.environments.prod]
backend = "aws"
name = "one"
[services.a.environments.live]
backend = "aws"
name = "two"
"""
    assert list(mistakes(file, text)) == ["services.a.environments.live"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[slack]\ntoken = 'hush'", "slack.token"),
        ("[slack]\nplan_blocks = 'xoxb-1-hush'", "slack.plan_blocks"),
        ("[people.ana]\nname = 'Ana'\nslack = 'xoxb-hush'", "people.ana.slack"),
        ("[people.ana]\nname = 'Ana'\npassword = 'hush'", "people.ana.password"),
        ("[channels]\nx = {slack = 'xapp-1-hush'}", "channels.x.slack"),
        ("[people.ana]\nname = 'A'\n[teams.t]\nmembers = ['ana', 'xoxb-hush']", "teams.t.members"),
        (PEOPLE + "api_key = 'hush'", "services.shop.environments.prod.api_key"),
        (PEOPLE + "url = 'https://ana:hush@git.example/x'", "services.shop.environments.prod.url"),
        ("[services.shop]\nnotify = [{channel = 'x', secret = 'hush'}]", "services.shop.notify[1].secret"),
        ("[services.shop]\nenvironments = 'xoxb-hush'", "services.shop.environments"),
    ],
)
def test_a_secret_in_the_catalogue_is_refused_and_never_repeated(file: Path, text: str, place: str) -> None:
    found = mistakes(file, text)
    assert "secrets don't belong" in found[place]
    assert "SLACK_BOT_TOKEN" in found[place]
    assert "hush" not in str(found)


def test_a_service_may_be_called_after_its_secrets(file: Path) -> None:
    text = PEOPLE + "[services.token.environments.prod]\nbackend = 'aws'\nname = 'token'\n"
    assert "token" in load(file, text).services


def test_shared_keys_go_to_the_environments_whose_backend_knows_them(file: Path) -> None:
    text = """
[services.a.target]
pipeline = "p.json"
region = "eu-north-1"
[services.a.environments.staging]
backend = "local"
[services.a.environments.prod]
backend = "aws"
name = "a"
"""
    target = load(file, text).environment("a", "prod").target
    assert target == Remote(name="a", region="eu-north-1")


VOICE = """
[people.ana]
name = "Ana"
slack = "U01ANA"
[environments.prod]
spoken = ["the real thing"]
voice = "read"
[services.payments]
spoken = ["payments A P I"]
[services.payments.environments.prod]
backend = "aws"
name = "payments"
[services.payments.environments.staging]
backend = "aws"
name = "staging"
voice = "pin"
"""


def test_voice_has_rules_for_each_environment_and_names_for_the_ear(file: Path) -> None:
    known = load(file, VOICE)
    assert known.voice == VoiceSettings(accounts=False, confidence=300, pin_confidence=400, notifications=True)
    places = known.services["payments"].environments
    assert (places["prod"].may_voice, places["staging"].may_voice) == (VoiceRule.READ, VoiceRule.PIN)
    words = known.vocabulary()
    assert words.services["payments"].spoken == ("payments A P I",)
    assert words.environments["payments"]["prod"].spoken == ("the real thing",)
    assert "payments A P I" not in words.services["payments"].all


@pytest.mark.parametrize(("production", "rule"), [("true", VoiceRule.CHAT), ("false", VoiceRule.ALLOW)])
def test_production_needs_a_tap_where_nothing_is_said_about_voice(file: Path, production: str, rule: VoiceRule) -> None:
    text = f"[services.a.environments.x]\nbackend = 'aws'\nname = 'a'\nproduction = {production}\nself_approval = true"
    assert load(file, PEOPLE + text).environment("a", "x").may_voice is rule


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("[environments.prod]\nvoice = 'maybe'", "environments.prod.voice", "confirm-in-chat"),
        ("[environments.prod]\nspoken = ['pay_ments']", "environments.prod.spoken[1]", "can't be said"),
        ("[voice]\nconfidence = 500", "voice.pin_confidence", "prove less"),
        ("[voice]\naccount = true", "voice.account", "accounts"),
        ("[services.b]\nspoken = ['pay ments']\n[services.b.environments.prod]\nbackend = 'aws'\nname = 'b'",
         "services.b.spoken", "also a name of `payments`"),
    ],
)  # fmt: skip
def test_mistakes_about_voice_are_told_at_their_place(file: Path, text: str, place: str, words: str) -> None:
    found = mistakes(file, "[services.payments.environments.prod]\nbackend = 'aws'\nname = 'p'\n" + text)
    assert words in found[place]


def test_a_tap_that_nobody_could_give_is_a_mistake(file: Path) -> None:
    text = "[people.chi]\nname = 'Chi'\n[services.a.environments.x]\nbackend = 'aws'\nname = 'a'\n"
    assert "Slack account" in mistakes(file, text + "voice = 'confirm-in-chat'")["services.a.environments.x.voice"]


def test_a_name_that_could_not_be_typed_is_a_mistake(file: Path) -> None:
    found = mistakes(file, "[services.'check@out'.environments.'#1']\nbackend = 'aws'\nname = 'x'")
    assert list(found) == ["services.check@out"]


words = st.sampled_from(
    ["slack", "channels", "people", "teams", "environments", "services", "ana", "prod", "shop", "members", "target",
     "name", "backend", "local", "aws", "stage", "notify", "channel", "events", "approvers", "aliases", "title", ""]
)  # fmt: skip
values: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-3, 30) | words | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


def as_toml(value: Any) -> str:
    """Write a value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(key)} = {as_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value if not 0xD800 <= ord(char) < 0xE000) + '"'
    return str(value).lower()


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(words, values, max_size=4))
def test_any_toml_at_all_is_a_catalogue_or_a_list_of_mistakes(file: Path, tree: dict[str, Any]) -> None:
    text = "\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in tree.items())
    file.write_text(text, encoding="utf-8")
    try:
        load_catalogue(file, TARGETS)
    except BadFile as bad:
        assert bad.mistakes  # noqa: PT017
