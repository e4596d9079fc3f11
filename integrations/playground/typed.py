"""Turns what a person types into a message, as Slack's composer does."""

from __future__ import annotations

import html
import re
from typing import Any

from integrations.playground.playground import Playground


def with_mentions(playground: Playground, typed: str) -> str:
    """Escape what was typed; `@name`, `#channel`, `@here` and `@channel` become real mentions."""
    text = html.escape(typed, quote=False)
    config, workspace = playground.config, playground.workspace
    names = {person.name.lower(): f"<@{person.id}>" for person in config.people}
    names |= {config.bot_name.lower(): f"<@{config.bot_user_id}>", "channel": "<!channel>", "here": "<!here>"}
    channels = {one.name: f"<#{one.id}|{one.name}>" for one in workspace.conversations.values() if not one.is_im}
    text = re.sub(r"(?<![\w@<])@([\w.-]*\w)", lambda found: names.get(found[1].lower(), found[0]), text)
    return re.sub(r"(?<![\w#<&])#([\w-]+)", lambda found: channels.get(found[1], found[0]), text)


def typed_block(playground: Playground, text: str) -> dict[str, Any]:
    """Give the rich text block that Slack adds to what a person writes."""
    elements: list[dict[str, Any]] = []
    for piece in re.split(r"(<[@!][A-Za-z0-9]+>)", text):
        if match := re.fullmatch(r"<@([A-Z0-9]+)>", piece):
            elements.append({"type": "user", "user_id": match[1]})
        elif match := re.fullmatch(r"<!(channel|here)>", piece):
            elements.append({"type": "broadcast", "range": match[1]})
        elif piece:
            elements.append({"type": "text", "text": html.unescape(re.sub(r"<#[A-Z0-9]+\|([^>]+)>", r"#\1", piece))})
    return {
        "type": "rich_text",
        "block_id": playground.workspace.next_id("b"),
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }
