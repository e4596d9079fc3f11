from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.core.command_table import COMMANDS

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "deploy" / "slack" / "manifest.yaml"

HISTORY = {"channels:history", "groups:history", "im:history"}
NEEDED = {
    # docs.slack.dev/reference/methods: the bot scopes that let us call each method where we use it.
    "auth_test": set[str](),
    "apps_connections_open": set[str](),
    "chat_getPermalink": set[str](),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_history": HISTORY,
    "conversations_open": {"im:write"},
    "conversations_replies": HISTORY,
    "files_completeUploadExternal": {"files:write"},
    "files_getUploadURLExternal": {"files:write"},
    "files_upload_v2": {"files:write"},
    "views_open": set[str](),
    "views_publish": set[str](),
    "views_push": set[str](),
    "views_update": set[str](),
}
EVENTS = {"app_mention": {"app_mentions:read"}, "app_home_opened": set[str]()}
FAMILIES = "apps|auth|bots|chat|conversations|files|pins|reactions|team|usergroups|users|views"


@pytest.fixture
def manifest() -> dict[str, Any]:
    loaded = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def called_methods() -> set[str]:
    """Every Web API method that the bot calls, as slack_sdk names it (`client.chat_update(...)`)."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot").rglob("*.py"))
    return set(re.findall(rf"client\.((?:{FAMILIES})_\w+)\(", code))


def test_every_method_that_the_bot_calls_is_allowed_by_the_scopes(manifest: dict[str, Any]) -> None:
    granted = set(manifest["oauth_config"]["scopes"]["bot"])
    for method in called_methods():
        assert method in NEEDED, f"{method}: look up its scopes, and ask for them in the manifest"
        assert NEEDED[method] <= granted, f"{method} needs {NEEDED[method]}"


def test_the_manifest_asks_for_exactly_the_scopes_that_are_needed(manifest: dict[str, Any]) -> None:
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    needed = {"commands"}.union(*NEEDED.values(), *(EVENTS[event] for event in events))
    assert needed == set(manifest["oauth_config"]["scopes"]["bot"])
    assert "user" not in manifest["oauth_config"]["scopes"]


def test_every_scope_says_what_it_is_for() -> None:
    lines = MANIFEST.read_text(encoding="utf-8").split("    bot:\n")[1].split("\nsettings:")[0].strip().splitlines()
    assert all(re.fullmatch(r"\s*- \S+ # .{5,}", line) for line in lines)


def test_the_manifest_registers_exactly_our_commands(manifest: dict[str, Any]) -> None:
    registered = {each["command"]: each for each in manifest["features"]["slash_commands"]}
    assert set(registered) == {spec.slash for spec in COMMANDS}
    for each in registered.values():
        assert each["usage_hint"]
        assert each["should_escape"] is False


def test_commands_buttons_and_events_arrive_at_one_address(manifest: dict[str, Any]) -> None:
    urls = {each["url"] for each in manifest["features"]["slash_commands"]}
    urls.add(manifest["settings"]["event_subscriptions"]["request_url"])
    urls.add(manifest["settings"]["interactivity"]["request_url"])
    assert urls == {"https://YOUR-HOST/slack/events"}


def test_texts_keep_slacks_limits(manifest: dict[str, Any]) -> None:
    # docs.slack.dev/reference/app-manifest: name 35, description 140 characters.
    about = manifest["display_information"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
