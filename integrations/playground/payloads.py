"""The payloads that Slack sends to an app, key for key.

Source: docs.slack.dev, "Slash commands", "Interaction payloads" and "Events API".
"""

from __future__ import annotations

import copy
from typing import Any

from integrations.playground.config import PlaygroundConfig
from integrations.playground.workspace import Conversation, Message, Workspace

VERIFICATION_TOKEN = "playground"  # noqa: S105 -- Slack's deprecated token; nothing is decided by it


def slash_command(
    workspace: Workspace, user: str, conversation: Conversation, command: str, text: str, **tickets: str
) -> dict[str, Any]:
    """Write a slash command's form; `tickets` are `response_url` and `trigger_id`."""
    config = workspace.config
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": config.team_id,
        "team_domain": config.team_domain,
        "channel_id": conversation.id,
        "channel_name": "directmessage" if conversation.is_im else conversation.name,
        "user_id": user,
        "user_name": workspace.people[user].name,
        "command": command,
        "text": text,
        "api_app_id": config.app_id,
        "is_enterprise_install": "false",
        **tickets,
    }


def block_actions(
    workspace: Workspace, user: str, where: Message | dict[str, Any], action: dict[str, Any], **extra: Any
) -> dict[str, Any]:
    """Write the payload of a used element, in a message or in a view."""
    body = _interaction(workspace, "block_actions", user)
    body |= _place_parts(workspace, where)
    return body | {"actions": [action], **extra}


def block_suggestion(
    workspace: Workspace,
    user: str,
    where: Message | dict[str, Any],
    element: dict[str, Any],
    *,
    block_id: str,
    value: str,
) -> dict[str, Any]:
    """Write the payload that asks for an external select's options."""
    body = _interaction(workspace, "block_suggestion", user)
    body |= _place_parts(workspace, where)
    return body | {"action_id": element.get("action_id", ""), "block_id": block_id, "value": value}


def view_event(workspace: Workspace, kind: str, user: str, view: dict[str, Any], **extra: Any) -> dict[str, Any]:
    """Write a `view_submission` or `view_closed`."""
    return _interaction(workspace, kind, user) | {"view": view, **extra}


def mention(workspace: Workspace, message: Message, kind: str) -> dict[str, Any]:
    """Write the inner event of a message that mentions the bot (`app_mention`) or is sent to it (`message`)."""
    body = {
        "user": message.user,
        "type": kind,
        "ts": message.ts,
        "client_msg_id": message.origin["client_msg_id"],
        "text": message.text,
        "team": workspace.config.team_id,
        "blocks": copy.deepcopy(message.blocks),
        "channel": message.channel,
        "event_ts": message.ts,
    }
    if kind == "message":
        body["channel_type"] = "im"
    if message.thread_ts:
        body["thread_ts"] = message.thread_ts
    return body


def app_home_opened(workspace: Workspace, user: str) -> dict[str, Any]:
    """Write the inner event of a person who opens the Home tab."""
    body: dict[str, Any] = {
        "type": "app_home_opened",
        "user": user,
        "channel": workspace.open_dm(user).id,
        "tab": "home",
        "event_ts": workspace.next_ts(),
    }
    if view := workspace.homes.get(user):
        body["view"] = view
    return body


def event(config: PlaygroundConfig, inner: dict[str, Any], event_id: str, now: float) -> dict[str, Any]:
    """Wrap an event as the Events API does."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": config.team_id,
        "context_team_id": config.team_id,
        "context_enterprise_id": None,
        "api_app_id": config.app_id,
        "event": inner,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(now),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": config.team_id,
                "user_id": config.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }


def _interaction(workspace: Workspace, kind: str, user: str) -> dict[str, Any]:
    config = workspace.config
    name = workspace.people[user].name
    return {
        "type": kind,
        "user": {"id": user, "username": name, "name": name, "team_id": config.team_id},
        "api_app_id": config.app_id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": config.team_id, "domain": config.team_domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _place_parts(workspace: Workspace, where: Message | dict[str, Any]) -> dict[str, Any]:
    if isinstance(where, Message):
        return _message_parts(workspace, where)
    return {"container": {"type": "view", "view_id": where["id"]}, "view": where}


def _message_parts(workspace: Workspace, message: Message) -> dict[str, Any]:
    conversation = workspace.conversations[message.channel]
    container: dict[str, Any] = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.visible_to is not None,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    parts: dict[str, Any] = {
        "container": container,
        "channel": {"id": message.channel, "name": "directmessage" if conversation.is_im else conversation.name},
        "message": message.as_json(),
    }
    if message.visible_to:
        # Slack does not send an ephemeral message's content along.
        parts["message"] = {"type": "message", "ts": message.ts, "is_ephemeral": True}
    return parts
