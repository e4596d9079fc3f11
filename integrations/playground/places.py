"""Where a person acts: a conversation, a message that they can see, a view that is open for them, an element in it."""

from __future__ import annotations

from typing import Any

from integrations.playground.blocks import interactive_elements
from integrations.playground.inputs import STATELESS, initial
from integrations.playground.outcome import NotPossible
from integrations.playground.playground import Playground
from integrations.playground.workspace import Conversation, Message


class Place:
    """Where an element stands: a message that the person can see, or a view that is open for them."""

    def __init__(self, where: Message | dict[str, Any]) -> None:
        self.where = where
        self.blocks: list[dict[str, Any]] = where.blocks if isinstance(where, Message) else where["blocks"]

    @classmethod
    def message(
        cls, playground: Playground, user: str, channel: str, ts: str, earlier: dict[str, Any] | None = None
    ) -> Place:
        """Find a message; with `earlier` (a copy of it as it was) act on that, like somebody who saw no change yet."""
        conversation = find_conversation(playground, user, channel)
        message = conversation.find(ts)
        if earlier is not None:
            stale = playground.workspace.bot_message(conversation, str(earlier.get("text", "")))
            stale.ts = ts
            stale.blocks = earlier.get("blocks", [])
            stale.thread_ts = earlier.get("thread_ts")
            stale.metadata = earlier.get("metadata")
            stale.visible_to = earlier.get("visible_to")
            return cls(stale)
        if message is None or message.visible_to not in {None, user}:
            raise NotPossible("no_such_message", "That message is gone.")
        return cls(message)

    @classmethod
    def view(cls, playground: Playground, user: str, view_id: str) -> Place:
        """Find a view that is open for this person."""
        found = playground.workspace.find_view(view_id)
        if found is None or found[0] != user:
            raise NotPossible("no_such_view", "That view is closed.")
        return cls(found[1])


def require_person(playground: Playground, user: str) -> None:
    """Refuse an id that nobody here has."""
    if user not in playground.workspace.people:
        known = ", ".join(playground.workspace.people)
        raise NotPossible("no_such_person", f"Nobody here has the id {user}; there are {known}.")


def find_conversation(playground: Playground, user: str, channel: str) -> Conversation:
    """Find a conversation that this person is in."""
    require_person(playground, user)
    conversation = playground.workspace.find_conversation(channel)
    if conversation is None or user not in conversation.members:
        raise NotPossible("no_such_channel", f"There is no channel {channel} that {user} can see.")
    if conversation.archived:
        raise NotPossible("archived", "This channel is archived.")
    return conversation


def find_element(
    blocks: list[dict[str, Any]], action_id: str, block_id: str | None, value: Any, *, choosing: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find a button, or (`choosing`) a menu: its block and itself; `value` tells buttons with one `action_id` apart."""
    for block, element, _ in interactive_elements(blocks):
        is_button = element["type"] in {"button", "icon_button"}
        if element.get("action_id", element["type"]) != action_id or is_button == choosing:
            continue
        if block_id not in {None, block.get("block_id")} or (value is not None and element.get("value") != value):
            continue
        return block, element
    raise NotPossible("no_such_element", f"There is no such button or menu any more ({action_id}).")


def state_values(
    blocks: list[dict[str, Any]], used_block: dict[str, Any], used: dict[str, Any], action: dict[str, Any]
) -> dict[str, Any]:
    """Write `state.values` of everything that can be chosen, the used element as the action says."""
    values: dict[str, Any] = {}
    for block, element, _ in interactive_elements(blocks):
        if element["type"] in STATELESS:
            continue
        one = initial(element)
        if block is used_block and element is used:
            one = {key: action[key] for key in one}
        values.setdefault(block.get("block_id", ""), {})[element.get("action_id", element["type"])] = one
    return values
