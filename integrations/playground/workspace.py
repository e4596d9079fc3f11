"""The workspace's state: conversations, messages, views and files, in memory, every change announced."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from integrations.playground.config import Channel, Persona, PlaygroundConfig
from integrations.playground.feed import Feed
from integrations.playground.mentions import mentions


@dataclass
class Message:
    """One message as Slack keeps it. `visible_to` names the one person who sees an ephemeral."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    broadcast: bool = False
    metadata: dict[str, Any] | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    reactions: list[dict[str, Any]] = field(default_factory=list)
    visible_to: str | None = None
    edited: str | None = None
    revision: int = 1
    bot: bool = False
    origin: dict[str, str] = field(default_factory=dict)
    """Who sent it, in Slack's keys (`bot_id`, `app_id`, `team`, `client_msg_id`)."""

    def as_json(self, *, metadata: bool = True) -> dict[str, Any]:
        """Give the keys that `conversations.history` gives; `metadata` only when asked for."""
        body: dict[str, Any] = {
            "type": "message",
            "user": self.user,
            "ts": self.ts,
            "text": self.text,
            **self.origin,
        }
        optional = {
            "blocks": self.blocks,
            "attachments": self.attachments,
            "thread_ts": self.thread_ts,
            "files": self.files,
            "reactions": self.reactions,
            "metadata": self.metadata if metadata else None,
        }
        body |= {key: copy.deepcopy(value) for key, value in optional.items() if value}
        if self.broadcast:
            body["subtype"] = "thread_broadcast"
        if self.edited:
            body["edited"] = {"user": self.user, "ts": self.edited}
        return body


@dataclass
class Conversation:
    """A channel, or a DM between the bot and one person (`partner`)."""

    id: str
    name: str
    topic: str = ""
    members: set[str] = field(default_factory=set)
    partner: str | None = None
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: dict[str, Message] = field(default_factory=dict)

    @property
    def is_im(self) -> bool:
        """Tell whether it is a DM."""
        return self.partner is not None

    def find(self, ts: str) -> Message | None:
        """Find a message, an ephemeral one too."""
        return self.messages.get(ts) or self.ephemerals.get(ts)

    def replies(self, ts: str) -> list[Message]:
        """List the replies in a thread, oldest first, without its parent."""
        return [message for message in self.messages.values() if message.thread_ts == ts and message.ts != ts]


class Workspace:
    """One team: its people and everything that was said. Changes only through its methods, which announce them."""

    def __init__(self, config: PlaygroundConfig, feed: Feed) -> None:
        self.config = config
        self.feed = feed
        self.people: dict[str, Persona] = {person.id: person for person in config.people}
        self.conversations: dict[str, Conversation] = {}
        self.modals: dict[str, list[dict[str, Any]]] = {}
        self.homes: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self._last_ts = 0
        self._ids = 0
        for channel in config.channels:
            self._add_channel(channel)

    def _add_channel(self, channel: Channel) -> None:
        members = set(self.people) | ({self.config.bot_user_id} if channel.has_bot else set())
        self.conversations[channel.id] = Conversation(
            channel.id, channel.name, channel.topic, members, archived=channel.archived
        )

    def now(self) -> float:
        """Read the workspace's clock, seconds since 1970."""
        return self.config.clock()

    def next_ts(self) -> str:
        """Stamp a message: unique, ordered, in Slack's form `1763695200.000100`."""
        self._last_ts = max(int(self.now() * 1_000_000), self._last_ts + 100)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def bot_message(self, conversation: Conversation, text: str, **fields: Any) -> Message:
        """Make a message of the bot, not yet added."""
        config = self.config
        origin = {"bot_id": config.bot_id, "app_id": config.app_id, "team": config.team_id}
        return Message(self.next_ts(), conversation.id, config.bot_user_id, text, bot=True, origin=origin, **fields)

    def next_id(self, prefix: str) -> str:
        """Make an id in Slack's form, as `V0000000A`."""
        self._ids += 1
        return f"{prefix}{self._ids:08X}"

    def find_conversation(self, name: str) -> Conversation | None:
        """Find by id, by `#name` or `name`, or by a person's id, which means their DM."""
        if name in self.conversations:
            return self.conversations[name]
        if name in self.people:
            return self.open_dm(name)
        bare = name.removeprefix("#")
        return next((one for one in self.conversations.values() if one.name == bare and not one.is_im), None)

    def open_dm(self, user: str) -> Conversation:
        """Open (or find) the DM between the bot and this person."""
        key = f"D{user[1:]}"
        if key not in self.conversations:
            members = {user, self.config.bot_user_id}
            self.conversations[key] = Conversation(key, self.people[user].name, members=members, partner=user)
            self.feed.publish("conversation", conversation=self.describe(self.conversations[key]))
        return self.conversations[key]

    def add(self, message: Message) -> Message:
        """Put a message into its conversation; block ids that are missing are given, as Slack does."""
        self._name_blocks(message)
        conversation = self.conversations[message.channel]
        (conversation.ephemerals if message.visible_to else conversation.messages)[message.ts] = message
        self._announce(message)
        parent = conversation.messages.get(message.thread_ts or "")
        if parent and parent is not message:
            self._announce(parent)
        return message

    def change(self, message: Message, **fields: Any) -> None:
        """Change a message in place."""
        for name, value in fields.items():
            setattr(message, name, value)
        self._name_blocks(message)
        message.revision += 1
        self._announce(message)

    def remove(self, message: Message) -> None:
        """Take a message away."""
        conversation = self.conversations[message.channel]
        conversation.messages.pop(message.ts, None)
        conversation.ephemerals.pop(message.ts, None)
        self.feed.publish("message_removed", channel=message.channel, ts=message.ts)
        if parent := conversation.messages.get(message.thread_ts or ""):
            self._announce(parent)

    def show_modals(self, user: str, stack: list[dict[str, Any]]) -> None:
        """Set a person's stack of open modals, the last on top."""
        self.modals[user] = stack
        self.feed.publish("modals", user=user, views=stack)

    def show_home(self, user: str, view: dict[str, Any]) -> None:
        """Set what a person sees on the app's Home tab."""
        self.homes[user] = view
        self.feed.publish("home", user=user, view=view)

    def find_view(self, view_id: str | None, external_id: str | None = None) -> tuple[str, dict[str, Any]] | None:
        """Find an open modal or a Home tab, and whose it is."""
        views = [(user, view) for user, stack in self.modals.items() for view in stack] + list(self.homes.items())
        for user, view in views:
            if (view_id and view["id"] == view_id) or (external_id and view.get("external_id") == external_id):
                return user, view
        return None

    def name_view_blocks(self, blocks: list[dict[str, Any]]) -> None:
        """Give block ids where they are missing."""
        for block in blocks:
            block.setdefault("block_id", self.next_id("b"))

    def _name_blocks(self, message: Message) -> None:
        self.name_view_blocks(message.blocks)

    def _announce(self, message: Message) -> None:
        self.feed.publish("message", message=self.show(message))

    def show(self, message: Message) -> dict[str, Any]:
        """Give a message as the page needs it: Slack's keys, and what Slack keeps to itself."""
        replies = self.conversations[message.channel].replies(message.ts) if not message.visible_to else []
        return message.as_json() | {
            "channel": message.channel,
            "bot": message.bot,
            "visible_to": message.visible_to,
            "revision": message.revision,
            "broadcast": message.broadcast,
            "mentions": mentions(message.text, message.blocks),
            "reply_count": len(replies),
            "reply_users": list(dict.fromkeys(reply.user for reply in replies)),
            "latest_reply": replies[-1].ts if replies else None,
        }

    def describe(self, conversation: Conversation) -> dict[str, Any]:
        """Give a conversation as the page needs it, without its messages."""
        return {
            "id": conversation.id,
            "name": conversation.name,
            "topic": conversation.topic,
            "is_im": conversation.is_im,
            "partner": conversation.partner,
            "has_bot": self.config.bot_user_id in conversation.members,
            "archived": conversation.archived,
        }

    def snapshot(self) -> dict[str, Any]:
        """Give everything that the page shows, as JSON."""
        config = self.config
        return {
            "number": self.feed.number,
            "team": {"id": config.team_id, "name": config.team_name, "domain": config.team_domain},
            "bot": {"id": config.bot_user_id, "name": config.bot_name, "title": config.bot_title},
            "intro": config.intro,
            "people": [person.model_dump() for person in config.people],
            "commands": [command.model_dump() for command in config.commands],
            "suggestions": list(config.suggestions),
            "conversations": [self.describe(one) for one in self.conversations.values()],
            "messages": {
                one.id: [self.show(message) for message in (*one.messages.values(), *one.ephemerals.values())]
                for one in self.conversations.values()
            },
            "modals": self.modals,
            "homes": self.homes,
        }
