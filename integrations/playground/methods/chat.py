"""`chat.*`: posting, changing and deleting messages."""

from __future__ import annotations

from typing import Any

from integrations.playground.methods.call import Method, MethodCall, SlackRefusal
from integrations.playground.methods.content import MOST_UPDATED_TEXT, read_content, read_metadata, with_warnings
from integrations.playground.workspace import Conversation


async def post_message(call: MethodCall) -> dict[str, Any]:
    """Post into a channel, a thread or a DM."""
    conversation = _where(call)
    content = read_content(call)
    metadata = read_metadata(call)
    thread = _thread(call, conversation)
    message = call.workspace.bot_message(
        conversation,
        content.text,
        blocks=content.blocks,
        attachments=content.attachments,
        thread_ts=thread,
        broadcast=bool(thread and call.flag("reply_broadcast")),
        metadata=metadata,
    )
    call.workspace.add(message)
    answer = {"ok": True, "channel": conversation.id, "ts": message.ts, "message": message.as_json()}
    return with_warnings(answer, content.warnings)


async def post_ephemeral(call: MethodCall) -> dict[str, Any]:
    """Show something to one person only; it is in no history and can't be changed later."""
    conversation = _where(call)
    user = call.text("user")
    if user not in call.workspace.people:
        raise SlackRefusal("user_not_found" if user else "invalid_arguments")
    if user not in conversation.members:
        raise SlackRefusal("user_not_in_channel")
    content = read_content(call)
    message = call.workspace.bot_message(
        conversation,
        content.text,
        blocks=content.blocks,
        attachments=content.attachments,
        thread_ts=_thread(call, conversation),
        visible_to=user,
    )
    call.workspace.add(message)
    return with_warnings({"ok": True, "message_ts": message.ts}, content.warnings)


async def update(call: MethodCall) -> dict[str, Any]:
    """Change a message of the bot's own. Text without blocks takes the blocks away; metadata stays unless given."""
    message = call.own_message("message_not_found", "cant_update_message")
    if len(call.text("text")) > MOST_UPDATED_TEXT:
        raise SlackRefusal("msg_too_long")
    content = read_content(call)
    metadata = read_metadata(call) if call.args.get("metadata") is not None else message.metadata
    only_rich_text = bool(message.blocks) and all(block["type"] == "rich_text" for block in message.blocks)
    if only_rich_text and content.blocks and not any(block["type"] == "rich_text" for block in content.blocks):
        raise SlackRefusal("block_mismatch")
    edited = call.workspace.next_ts() if not content.blocks and not content.attachments else None
    call.workspace.change(
        message,
        text=content.text,
        blocks=content.blocks,
        attachments=content.attachments,
        metadata=metadata,
        edited=edited,
    )
    answer = {
        "ok": True,
        "channel": message.channel,
        "ts": message.ts,
        "text": message.text,
        "message": message.as_json(),
    }
    return with_warnings(answer, content.warnings)


async def delete(call: MethodCall) -> dict[str, Any]:
    """Delete a message of the bot's own."""
    message = call.own_message("message_not_found", "cant_delete_message")
    call.workspace.remove(message)
    return {"ok": True, "channel": message.channel, "ts": message.ts}


async def get_permalink(call: MethodCall) -> dict[str, Any]:
    """Give the address of one message."""
    conversation = call.conversation()
    ts = call.text("message_ts")
    if ts not in conversation.messages:
        raise SlackRefusal("message_not_found")
    link = f"{call.base_url}archives/{conversation.id}/p{ts.replace('.', '')}"
    return {"ok": True, "channel": conversation.id, "permalink": link}


def _where(call: MethodCall) -> Conversation:
    conversation = call.conversation()
    if conversation.archived:
        raise SlackRefusal("is_archived")
    if call.playground.config.bot_user_id not in conversation.members:
        raise SlackRefusal("not_in_channel")
    return conversation


def _thread(call: MethodCall, conversation: Conversation) -> str | None:
    ts = call.text("thread_ts")
    if not ts:
        return None
    parent = conversation.messages.get(ts)
    if parent is None:
        raise SlackRefusal("cannot_reply_to_message")
    return parent.thread_ts or parent.ts


WRITE = frozenset({"chat:write"})
METHODS = {
    "chat.postMessage": Method(post_message, WRITE),
    "chat.postEphemeral": Method(post_ephemeral, WRITE),
    "chat.update": Method(update, WRITE),
    "chat.delete": Method(delete, WRITE),
    "chat.getPermalink": Method(get_permalink, json_body=False),
}
