"""`users.*`, `bots.info`, `team.info` and `auth.test`: who is here."""

from __future__ import annotations

from typing import Any

from integrations.playground.config import Persona
from integrations.playground.methods.call import Method, MethodCall, SlackRefusal


async def auth_test(call: MethodCall) -> dict[str, Any]:
    """Tell whose token it is."""
    config = call.playground.config
    return {
        "ok": True,
        "url": call.base_url,
        "team": config.team_name,
        "user": config.bot_name,
        "team_id": config.team_id,
        "user_id": config.bot_user_id,
        "bot_id": config.bot_id,
        "is_enterprise_install": False,
    }


async def info(call: MethodCall) -> dict[str, Any]:
    """Describe one person, or the bot's own user."""
    user = call.text("user")
    if user == call.playground.config.bot_user_id:
        return {"ok": True, "user": _bot_user(call)}
    if user not in call.workspace.people:
        raise SlackRefusal("user_not_found")
    return {"ok": True, "user": _describe(call, call.workspace.people[user])}


async def list_(call: MethodCall) -> dict[str, Any]:
    """Describe everybody."""
    people = [_describe(call, person) for person in call.workspace.people.values()]
    return {"ok": True, "members": [*people, _bot_user(call)], "response_metadata": {"next_cursor": ""}}


async def lookup_by_email(call: MethodCall) -> dict[str, Any]:
    """Find a person by e-mail address."""
    email = call.text("email").lower()
    found = next((person for person in call.workspace.people.values() if email and person.email.lower() == email), None)
    if found is None:
        raise SlackRefusal("users_not_found")
    return {"ok": True, "user": _describe(call, found)}


async def bots_info(call: MethodCall) -> dict[str, Any]:
    """Describe the bot."""
    config = call.playground.config
    if call.text("bot") != config.bot_id:
        raise SlackRefusal("bot_not_found")
    bot = {
        "id": config.bot_id,
        "app_id": config.app_id,
        "user_id": config.bot_user_id,
        "name": config.bot_title,
        "deleted": False,
    }
    return {"ok": True, "bot": bot}


async def team_info(call: MethodCall) -> dict[str, Any]:
    """Describe the workspace."""
    config = call.playground.config
    return {"ok": True, "team": {"id": config.team_id, "name": config.team_name, "domain": config.team_domain}}


def _describe(call: MethodCall, person: Persona) -> dict[str, Any]:
    profile = {"real_name": person.real_name, "display_name": person.name, "title": person.role}
    if person.email and "users:read.email" in call.playground.config.scopes:
        profile["email"] = person.email
    return {
        "id": person.id,
        "team_id": call.playground.config.team_id,
        "name": person.name,
        "real_name": person.real_name,
        "deleted": False,
        "tz": person.tz,
        "tz_label": person.tz,
        "tz_offset": 0,
        "profile": profile,
        "is_bot": False,
        "is_app_user": False,
        "is_admin": False,
        "is_owner": False,
        "is_restricted": False,
        "updated": 1700000000,
    }


def _bot_user(call: MethodCall) -> dict[str, Any]:
    config = call.playground.config
    persona = Persona(id=config.bot_user_id, name=config.bot_name, title=config.bot_title)
    body = _describe(call, persona) | {"is_bot": True}
    body["profile"] |= {"bot_id": config.bot_id, "api_app_id": config.app_id}
    return body


READ = frozenset({"users:read"})
METHODS = {
    "auth.test": Method(auth_test),
    "users.info": Method(info, READ, json_body=False),
    "users.list": Method(list_, READ, json_body=False),
    "users.lookupByEmail": Method(lookup_by_email, frozenset({"users:read.email"}), json_body=False),
    "bots.info": Method(bots_info, READ, json_body=False),
    "team.info": Method(team_info, frozenset({"team:read"}), json_body=False),
}
