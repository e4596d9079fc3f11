"""What is said to one person: text and blocks within Slack's limits, with untrusted text made harmless."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.core.commands import Command
from bot.core.typed_text import escaped
from bot.core.wording import say
from bot.slack.buttons import action_id, encode

Block = dict[str, Any]
"""A Block Kit object, as JSON."""

SECTION_TEXT = 3000
BUTTON_TEXT = 75
OPTION_TEXT = 75
MESSAGE_BLOCKS = 50
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{2,}")


@dataclass(frozen=True)
class Said:
    """An answer. `text` is mrkdwn, already escaped; it stands for the blocks in notifications and screen readers."""

    text: str
    blocks: tuple[Block, ...] = ()
    public: bool = False
    """It changes nothing and tells nothing private, so a question asked in public may be answered there."""

    @property
    def message(self) -> dict[str, Any]:
        """Give the arguments `text` and, if there are any, `blocks`."""
        return {"text": self.text, "blocks": list(self.blocks)} if self.blocks else {"text": self.text}

    @property
    def as_blocks(self) -> list[Block]:
        """Give blocks in any case, for views."""
        return list(self.blocks) or [section(self.text)]


def plain(text: str, most: int) -> dict[str, Any]:
    """Build a plain_text object, cut to `most` characters; Slack does not parse anything in it."""
    return {"type": "plain_text", "text": clip(text, most) or "-", "emoji": True}


def mrkdwn(text: str) -> dict[str, Any]:
    """Build a mrkdwn object from text that is escaped already."""
    return {"type": "mrkdwn", "text": text}


def section(text: str, block_id: str | None = None) -> Block:
    """Build a section from escaped text."""
    block: Block = {"type": "section", "text": mrkdwn(text)}
    return block | {"block_id": block_id} if block_id else block


def context(*texts: str) -> Block:
    """Build a context line from escaped texts."""
    return {"type": "context", "elements": [mrkdwn(text) for text in texts]}


def header(text: str) -> Block:
    """Build a header from plain text."""
    return {"type": "header", "text": plain(text, 150)}


def clip(text: str, most: int) -> str:
    """Cut text to `most` characters, an ellipsis counted in."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def safe(text: str, most: int = 300) -> str:
    """Make untrusted text harmless in mrkdwn: one line, cut before it is escaped, so that no entity is cut in two."""
    return escaped(clip(" ".join(text.split()), most))


def button(
    label: str, command: Command, *, variant: str = "", style: str | None = None, confirm: tuple[str, str] | None = None
) -> Block:
    """Build a button that carries a command; `confirm` is a title and a sentence that Slack asks first."""
    block: Block = {
        "type": "button",
        "action_id": action_id(command.verb, variant),
        "text": plain(label, BUTTON_TEXT),
        "value": encode(command),
    }
    if style:
        block["style"] = style
    if confirm:
        title, sentence = confirm
        block["confirm"] = {
            "title": plain(title, 100),
            "text": plain(sentence, 300),
            "confirm": plain(label, 30),
            "deny": plain(say("slack.cancel"), 30),
        }
    return block


def actions(*elements: Block) -> Block:
    """Build a row of buttons."""
    return {"type": "actions", "elements": list(elements)}


def channel_link(channel: str) -> str:
    """Point to a channel by id or name."""
    return f"<#{channel}>" if _CHANNEL_ID.fullmatch(channel) else safe("#" + channel.removeprefix("#"))


def when(at: datetime) -> str:
    """Give a time in the reader's own time zone (docs.slack.dev, "Date formatting")."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def paragraphs(lines: Iterable[str]) -> list[Block]:
    """Put escaped lines into as few sections as their limit allows."""
    blocks: list[Block] = []
    text = ""
    for line in lines:
        if text and len(text) + 1 + len(line) > SECTION_TEXT:
            blocks.append(section(text))
            text = ""
        text = f"{text}\n{line}" if text else line
    return [*blocks, section(text)] if text else blocks
