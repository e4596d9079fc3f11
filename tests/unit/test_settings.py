"""Settings from the environment: defaults, and one sentence for every mistake."""

from __future__ import annotations

import os
import re

import pytest

from bot.core.errors import Misconfigured
from bot.settings import Settings, read_settings

ANA = "ana:0123456789abcdef"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("SAYSO_", "SLACK_", "ALEXA_")):
            monkeypatch.delenv(name)


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def test_nothing_needs_to_be_set() -> None:
    settings = read_settings()
    assert (str(settings.config), settings.host, settings.port) == ("sayso.toml", "127.0.0.1", 8080)
    assert settings.database_shown.endswith("/sayso-data/sayso.db")
    assert settings.secrets == ()


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, SAYSO_PORT="", SLACK_BOT_TOKEN="", SAYSO_DATABASE_URL="").port == 8080


def test_tokens_belong_to_people(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, SAYSO_API_TOKENS=f"{ANA}, ben:fedcba9876543210,ana:another-of-anas-own,")
    assert [token.person for token in settings.api_tokens] == ["ana", "ben", "ana"]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SAYSO_PORT": "eighty"}, "SAYSO_PORT is not a number from 0 to 65535 (0: any free port)."),
        ({"SAYSO_PORT": "65536"}, "SAYSO_PORT is not a number from 0 to 65535 (0: any free port)."),
        ({"SAYSO_DATABASE_URL": "nonsense"}, "SAYSO_DATABASE_URL is not a database URL."),
        ({"SAYSO_PUBLIC_URL": "example.com"}, "SAYSO_PUBLIC_URL is not an address that begins with http"),
        ({"SLACK_API_URL": "slack"}, "SLACK_API_URL is not an address that begins with http"),
        ({"SAYSO_API_TOKENS": "ana"}, "SAYSO_API_TOKENS: entry 1 is not PERSON:TOKEN."),
        ({"SAYSO_API_TOKENS": f"{ANA},:x"}, "SAYSO_API_TOKENS: entry 2 is not PERSON:TOKEN."),
        ({"SAYSO_API_TOKENS": "ana:short"}, "SAYSO_API_TOKENS: the token of ana is shorter than 16 characters."),
        ({"SAYSO_API_TOKENS": f"{ANA},ben:0123456789abcdef"}, "SAYSO_API_TOKENS has the same token twice."),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_BOT_TOKEN is set, but neither SLACK_SIGNING_SECRET"),
        ({"SLACK_SIGNING_SECRET": "abc"}, "SLACK_SIGNING_SECRET is set, but SLACK_BOT_TOKEN is not."),
        ({"SLACK_APP_TOKEN": "xapp-1"}, "SLACK_APP_TOKEN is set, but SLACK_BOT_TOKEN is not."),
        ({"SLACK_BOT_TOKEN": "xapp-1", "SLACK_SIGNING_SECRET": "abc"}, "SLACK_BOT_TOKEN does not begin with xoxb-."),
        ({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xoxb-1"}, "SLACK_APP_TOKEN does not begin with xapp-."),
    ],
)
def test_every_mistake_is_a_sentence_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Misconfigured) as wrong:
        read(monkeypatch, **variables)
    assert str(wrong.value).startswith(sentence)


def test_all_mistakes_are_said_at_once_and_no_secret_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured) as wrong:
        read(monkeypatch, SAYSO_PORT="x", SAYSO_API_TOKENS="ana:hunter2", SAYSO_DATABASE_URL="hunter2")
    assert len(str(wrong.value).splitlines()) == 3
    assert "hunter2" not in str(wrong.value)
    assert wrong.value.__suppress_context__, "pydantic's own error has the values in it"


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch,
        SAYSO_DATABASE_URL="postgresql://sayso:hunter2secret@db/sayso",
        SAYSO_API_TOKENS="ana:hunter2hunter2hunter2",
        SLACK_BOT_TOKEN="xoxb-hunter2",
        SLACK_SIGNING_SECRET="hunter2",
    )
    for shown in (repr(settings), str(settings), settings.database_shown, settings.model_dump_json()):
        assert "hunter2" not in shown
    assert len(settings.secrets) == 4


def test_sharing_the_work_needs_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match="SAYSO_RUNNER is cluster, which needs PostgreSQL"):
        read(monkeypatch, SAYSO_RUNNER="cluster")
    url = "postgresql://sayso@db.example.com/sayso"
    monkeypatch.setenv("SAYSO_SERVE_WORKS", "no")
    sharing = read(monkeypatch, SAYSO_DATABASE_URL=url, SAYSO_LABELS="linux, gpu,").sharing
    assert sharing is not None
    assert (sharing.labels, sharing.works, sharing.lease) == (frozenset({"linux", "gpu"}), False, 15)


def test_alone_there_is_nobody_to_share_with() -> None:
    assert read_settings().sharing is None


def test_a_wrong_label_runner_or_lease_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured) as told:
        read(monkeypatch, SAYSO_RUNNER="kubernetes", SAYSO_LABELS="Linux", SAYSO_LEASE="0")
    assert str(told.value).splitlines() == [
        "SAYSO_RUNNER is not one of local and cluster.",
        "SAYSO_LABELS is not a list of labels in lower case, separated by commas, as linux,gpu.",
        "SAYSO_LEASE is not a number of seconds from 2 to 300.",
    ]


SKILL = "amzn1.ask.skill.0f1e"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ALEXA_SKILL_ID": "release-desk"}, "ALEXA_SKILL_ID is not a list of skill ids"),
        ({"ALEXA_RELAY_SECRET": "0123456789abcdef"}, "ALEXA_RELAY_SECRET is set, but ALEXA_SKILL_ID is not."),
        ({"ALEXA_TRUST_ROOTS": "roots.pem"}, "ALEXA_TRUST_ROOTS is set, but ALEXA_SKILL_ID is not."),
        ({"ALEXA_SKILL_ID": SKILL, "ALEXA_RELAY_SECRET": "short"}, "ALEXA_RELAY_SECRET is shorter than 16 characters."),
        ({"ALEXA_SKILL_ID": SKILL, "ALEXA_CHAIN_STORE": "127.0.0.1:8444"}, "it needs ALEXA_TRUST_ROOTS, too."),
        (
            {"ALEXA_SKILL_ID": SKILL, "ALEXA_TRUST_ROOTS": "r", "ALEXA_CHAIN_STORE": "s3.example.com:443"},
            "ALEXA_CHAIN_STORE is not a port on this machine",
        ),
        ({"ALEXA_TOKEN_URL": "http://api.amazon.com/auth/o2/token"}, "ALEXA_TOKEN_URL gets secrets"),
        ({"ALEXA_API_URL": "http://127.0.0.1.example.com"}, "ALEXA_API_URL gets secrets"),
    ],
)
def test_what_alexa_needs_is_whole_and_its_own_store_is_no_way_around_the_usual_roots(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Misconfigured, match=re.escape(sentence)) as told:
        read(monkeypatch, **variables)
    assert "short" not in str(told.value).replace("shorter", "")


def test_the_relays_secret_is_masked_and_the_store_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch,
        ALEXA_SKILL_ID=f"{SKILL}, {SKILL}2",
        ALEXA_RELAY_SECRET="0123456789abcdef",
        ALEXA_TRUST_ROOTS="roots.pem",
        ALEXA_CHAIN_STORE="127.0.0.1:8444",
    )
    assert settings.alexa_skill_id == (SKILL, f"{SKILL}2")
    assert settings.secrets == ("0123456789abcdef",)
    assert settings.chain_store == ("127.0.0.1", 8444)
