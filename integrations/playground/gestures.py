"""What a person does in the workspace: says something, clicks, chooses, submits, opens Home."""

from __future__ import annotations

import copy
import html
import uuid
from typing import Any

from integrations.playground import payloads
from integrations.playground.answers import parse_answer, show_answer
from integrations.playground.delivery import Letter, deliver, deliver_event
from integrations.playground.inputs import WrongValue, entry, read_values
from integrations.playground.ledger import Delivered
from integrations.playground.methods.call import SlackRefusal
from integrations.playground.outcome import NotPossible, outcome
from integrations.playground.places import Place, find_conversation, find_element, require_person, state_values
from integrations.playground.playground import Playground
from integrations.playground.tickets import ResponseUrl
from integrations.playground.typed import typed_block, with_mentions
from integrations.playground.workspace import Conversation, Message


async def say(
    playground: Playground, base_url: str, user: str, *, channel: str, text: str, thread_ts: str | None
) -> dict[str, Any]:
    """Say something in a channel, a thread or a DM; what begins with "/" is a slash command."""
    conversation = find_conversation(playground, user, channel)
    if text.startswith("/"):
        if thread_ts:
            command = text.split(maxsplit=1)[0]
            raise NotPossible("not_in_threads", f"{command} is not supported in threads. Sorry!")
        return await _command(playground, base_url, user, conversation, text)
    workspace = playground.workspace
    parent = conversation.messages.get(thread_ts or "")
    if thread_ts and parent is None:
        raise NotPossible("no_such_thread", "That thread is gone.")
    written = with_mentions(playground, text)
    message = Message(
        workspace.next_ts(),
        conversation.id,
        user,
        written,
        blocks=[typed_block(playground, written)],
        thread_ts=(parent.thread_ts or parent.ts) if parent else None,
        origin={"client_msg_id": str(uuid.uuid4()), "team": playground.config.team_id},
    )
    workspace.add(message)
    kind = _event_kind(playground, conversation, written)
    delivered = await _event(playground, kind, payloads.mention(workspace, message, kind)) if kind else None
    return outcome(delivered, playground.config.bot_title, message=workspace.show(message))


def _event_kind(playground: Playground, conversation: Conversation, text: str) -> str | None:
    config = playground.config
    if conversation.is_im:
        return "message" if config.deliver_dm_messages else None
    mentioned = f"<@{config.bot_user_id}>" in text
    return "app_mention" if mentioned and config.bot_user_id in conversation.members else None


async def _command(
    playground: Playground, base_url: str, user: str, conversation: Conversation, line: str
) -> dict[str, Any]:
    name, _, text = line.partition(" ")
    if name not in {command.name for command in playground.config.commands}:
        raise NotPossible(
            "unknown_command",
            f"{name} is not a valid command. Messages that start with “/” are interpreted as commands.",
        )
    url = ResponseUrl(user, conversation.id, playground.now())
    key = playground.response_urls.issue(url)
    tickets = {
        "response_url": f"{base_url}response/{key}",
        "trigger_id": playground.triggers.issue(user, playground.now()),
    }
    # Slack escapes these three characters in a command's text, as in every message.
    escaped = html.escape(text.strip(), quote=False)
    form = payloads.slash_command(playground.workspace, user, conversation, name, escaped, **tickets)
    before = len(playground.workspace.modals.get(user, []))
    delivered = await deliver(playground, Letter("command", line, form))
    answered, notice = None, ""
    answer = parse_answer(delivered.answer) if delivered.outcome == "ok" else None
    if answer:
        try:
            answered = show_answer(playground, url, answer, base_url)
        except SlackRefusal as refusal:
            notice = f"{name} failed with the error “{refusal.error}”."
            delivered.outcome = refusal.error
    shown = playground.workspace.show(answered) if answered else None
    return outcome(
        delivered,
        playground.config.bot_title,
        notice=notice,
        ephemeral=shown if shown and shown["visible_to"] else None,
        message=shown if shown and not shown["visible_to"] else None,
        modal=_new_modal(playground, user, before),
    )


async def use_element(
    playground: Playground,
    base_url: str,
    user: str,
    place: Place,
    *,
    action_id: str,
    block_id: str | None,
    value: Any,
    choosing: bool,
    given: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Click a button (`choosing` is false; `value` tells buttons with one `action_id` apart), or choose in a select."""
    where = place.where
    blocks = place.blocks
    block, element = find_element(blocks, action_id, block_id, None if choosing else value, choosing=choosing)
    action = _action(playground, block, element, value, choosing=choosing)
    thread = where.thread_ts if isinstance(where, Message) else None
    view_id = None if isinstance(where, Message) else str(where["id"])
    extra: dict[str, Any] = {"trigger_id": playground.triggers.issue(user, playground.now(), view_id)}
    values = read_values(blocks, given)[0] if given else state_values(blocks, block, element, action)
    if isinstance(where, Message):
        url = ResponseUrl(user, where.channel, playground.now(), original=where.ts, thread_ts=thread)
        extra |= {
            "response_url": f"{base_url}response/{playground.response_urls.issue(url)}",
            "state": {"values": values},
        }
    else:
        where = copy.deepcopy(where) | {"state": {"values": values}}
    before = len(playground.workspace.modals.get(user, []))
    payload = payloads.block_actions(playground.workspace, user, where, action, **extra)
    delivered = await deliver(playground, Letter("interaction", f"block_actions {action_id}", payload))
    return outcome(delivered, playground.config.bot_title, modal=_new_modal(playground, user, before))


async def open_home(playground: Playground, user: str) -> dict[str, Any]:
    """Open the app's Home tab; gives what it shows right after the acknowledgement."""
    require_person(playground, user)
    delivered = await _event(playground, "app_home_opened", payloads.app_home_opened(playground.workspace, user))
    return outcome(delivered, playground.config.bot_title, home=playground.workspace.homes.get(user))


async def suggest(
    playground: Playground, user: str, place: Place, *, action_id: str, block_id: str | None, query: str
) -> dict[str, Any]:
    """Ask the bot for an external select's options."""
    where = place.where
    blocks = place.blocks
    block, element = find_element(blocks, action_id, block_id, None, choosing=True)
    payload = payloads.block_suggestion(
        playground.workspace, user, where, element, block_id=block["block_id"], value=query
    )
    delivered = await deliver(playground, Letter("interaction", f"block_suggestion {action_id}", payload))
    answer = (parse_answer(delivered.answer) or {}) if delivered.outcome == "ok" else {}
    options = list(answer.get("options") or [])
    options += [option for group in answer.get("option_groups") or [] for option in group.get("options", [])]
    return outcome(delivered, playground.config.bot_title, options=options)


async def _event(playground: Playground, what: str, inner: dict[str, Any]) -> Delivered:
    event_id = playground.workspace.next_id("Ev")
    body = payloads.event(playground.config, inner, event_id, playground.now())
    return await deliver_event(playground, Letter("event", what, body))


def _action(
    playground: Playground, block: dict[str, Any], element: dict[str, Any], value: Any, *, choosing: bool
) -> dict[str, Any]:
    action: dict[str, Any] = {
        "type": element["type"],
        "action_id": element.get("action_id", element["type"]),
        "block_id": block.get("block_id", ""),
        "action_ts": playground.workspace.next_ts(),
    }
    if not choosing:
        return action | {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    try:
        return (
            action
            | entry(element, value)
            | ({"placeholder": element["placeholder"]} if "placeholder" in element else {})
        )
    except WrongValue as wrong:
        raise NotPossible("wrong_value", str(wrong)) from wrong


def _new_modal(playground: Playground, user: str, before: int) -> dict[str, Any] | None:
    stack = playground.workspace.modals.get(user, [])
    return stack[-1] if len(stack) > before else None
