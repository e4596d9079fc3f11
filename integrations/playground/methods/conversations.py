"""`conversations.*` and `reactions.add`: where things are said, and what was said there."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, TypeVar

from integrations.playground.methods.call import Method, MethodCall, SlackRefusal
from integrations.playground.workspace import Conversation, Message

Item = TypeVar("Item")


async def info(call: MethodCall) -> dict[str, Any]:
    """Describe one conversation."""
    conversation = call.conversation()
    body = _describe(call, conversation)
    if call.flag("include_num_members"):
        body["num_members"] = len(conversation.members)
    return {"ok": True, "channel": body}


async def list_(call: MethodCall) -> dict[str, Any]:
    """List the conversations of the kinds asked for (default: public channels)."""
    kinds = set(call.text("types", "public_channel").replace(" ", "").split(","))
    if kinds - {"public_channel", "private_channel", "mpim", "im"}:
        raise SlackRefusal("invalid_types")
    chosen = [
        one
        for one in call.workspace.conversations.values()
        if ("im" if one.is_im else "public_channel") in kinds and not (call.flag("exclude_archived") and one.archived)
    ]
    page, cursor = _page(call, chosen, 100, 1000)
    return {
        "ok": True,
        "channels": [_describe(call, one) for one in page],
        "response_metadata": {"next_cursor": cursor},
    }


async def members(call: MethodCall) -> dict[str, Any]:
    """List the ids of a conversation's members."""
    page, cursor = _page(call, sorted(call.conversation().members), 100, 1000)
    return {"ok": True, "members": page, "response_metadata": {"next_cursor": cursor}}


async def open_(call: MethodCall) -> dict[str, Any]:
    """Open the DM with one person; opening it again gives the same."""
    users = [user for user in call.text("users").split(",") if user]
    if call.text("channel"):
        conversation = call.conversation()
    elif not users:
        raise SlackRefusal("users_list_not_supplied")
    elif len(users) > 1:
        raise SlackRefusal("method_not_supported_for_channel_type", "[ERROR] the playground has no group DMs")
    elif users[0] not in call.workspace.people:
        raise SlackRefusal("user_not_found")
    else:
        conversation = call.workspace.open_dm(users[0])
    body = _describe(call, conversation) if call.flag("return_im") else {"id": conversation.id}
    return {"ok": True, "channel": body}


async def join(call: MethodCall) -> dict[str, Any]:
    """Let the bot join a public channel."""
    conversation = call.conversation()
    if conversation.is_im:
        raise SlackRefusal("method_not_supported_for_channel_type")
    if conversation.archived:
        raise SlackRefusal("is_archived")
    conversation.members.add(call.playground.config.bot_user_id)
    return {"ok": True, "channel": _describe(call, conversation)}


async def history(call: MethodCall) -> dict[str, Any]:
    """Give the messages of a conversation, newest first, without replies in threads."""
    conversation = _readable(call)
    found = [one for one in conversation.messages.values() if one.thread_ts in {None, one.ts} or one.broadcast]
    found = _between(call, found)[::-1]
    page, cursor = _page(call, found, 100, 999)
    return {
        "ok": True,
        "messages": [_with_thread(call, conversation, one) for one in page],
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


async def replies(call: MethodCall) -> dict[str, Any]:
    """Give a thread, oldest first, its parent ahead."""
    conversation = _readable(call)
    parent = conversation.messages.get(call.text("ts"))
    if parent is None:
        raise SlackRefusal("thread_not_found")
    found = [parent, *_between(call, conversation.replies(parent.thread_ts or parent.ts))]
    page, cursor = _page(call, found, 1000, 1000)
    return {
        "ok": True,
        "messages": [_with_thread(call, conversation, one) for one in page],
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


async def react(call: MethodCall) -> dict[str, Any]:
    """Put an emoji under a message."""
    message = call.conversation().messages.get(call.text("timestamp"))
    if message is None:
        raise SlackRefusal("message_not_found")
    name, user = call.text("name"), call.playground.config.bot_user_id
    if not re.fullmatch(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?", name):
        raise SlackRefusal("invalid_name")
    reactions = [dict(one) for one in message.reactions]
    known = next((one for one in reactions if one["name"] == name), None)
    if known and user in known["users"]:
        raise SlackRefusal("already_reacted")
    if known:
        known.update(users=[*known["users"], user], count=known["count"] + 1)
    else:
        reactions.append({"name": name, "users": [user], "count": 1})
    call.workspace.change(message, reactions=reactions)
    return {"ok": True}


def _readable(call: MethodCall) -> Conversation:
    conversation = call.conversation()
    if call.playground.config.bot_user_id not in conversation.members:
        raise SlackRefusal("not_in_channel")
    return conversation


def _between(call: MethodCall, messages: list[Message]) -> list[Message]:
    oldest, latest, inclusive = call.text("oldest", "0"), call.text("latest"), call.flag("inclusive")
    try:
        low, high = float(oldest or 0), float(latest) if latest else float("inf")
    except ValueError as error:
        raise SlackRefusal("invalid_ts_oldest" if latest else "invalid_ts_latest") from error
    return [
        one
        for one in sorted(messages, key=lambda message: message.ts)
        if low < float(one.ts) < high or (inclusive and float(one.ts) in {low, high})
    ]


def _with_thread(call: MethodCall, conversation: Conversation, message: Message) -> dict[str, Any]:
    body = message.as_json(metadata=call.flag("include_all_metadata"))
    if answers := conversation.replies(message.ts):
        body |= {
            "thread_ts": message.ts,
            "reply_count": len(answers),
            "reply_users": list(dict.fromkeys(one.user for one in answers)),
            "latest_reply": answers[-1].ts,
        }
    return body


def _page(call: MethodCall, items: list[Item], default: int, most: int) -> tuple[list[Item], str]:
    limit = call.number("limit", default, most)
    start = 0
    if cursor := call.text("cursor"):
        try:
            start = int(base64.b64decode(cursor, validate=True).decode().removeprefix("offset:"))
        except (binascii.Error, ValueError) as error:
            raise SlackRefusal("invalid_cursor") from error
    end = start + limit
    following = base64.b64encode(f"offset:{end}".encode()).decode() if end < len(items) else ""
    return items[start:end], following


def _describe(call: MethodCall, conversation: Conversation) -> dict[str, Any]:
    shared = {"id": conversation.id, "created": 1700000000, "is_archived": conversation.archived}
    if conversation.is_im:
        return shared | {"is_im": True, "user": conversation.partner, "is_org_shared": False}
    return shared | {
        "name": conversation.name,
        "name_normalized": conversation.name,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": False,
        "is_general": False,
        "is_shared": False,
        "is_member": call.playground.config.bot_user_id in conversation.members,
        "topic": {"value": conversation.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "context_team_id": call.playground.config.team_id,
    }


READ = frozenset({"channels:read", "groups:read", "im:read", "mpim:read"})
HISTORY = frozenset({"channels:history", "groups:history", "im:history", "mpim:history"})
METHODS = {
    "conversations.info": Method(info, READ, json_body=False),
    "conversations.list": Method(list_, READ, json_body=False),
    "conversations.members": Method(members, READ, json_body=False),
    "conversations.open": Method(open_, frozenset({"im:write", "channels:manage", "groups:write", "mpim:write"})),
    "conversations.join": Method(join, frozenset({"channels:join"})),
    "conversations.history": Method(history, HISTORY, json_body=False),
    "conversations.replies": Method(replies, HISTORY, json_body=False),
    "reactions.add": Method(react, frozenset({"reactions:write"})),
}
