"""Reads and checks what a message says: text, blocks, attachments, metadata; shared by posts, updates and answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from integrations.playground.blocks import check_message_blocks
from integrations.playground.methods.call import MethodCall, SlackRefusal, refuse

MOST_TEXT: Final = 40_000
"""docs.slack.dev, "chat.postMessage": longer text is cut."""
MOST_UPDATED_TEXT: Final = 4_000
"""docs.slack.dev, "chat.update": longer text answers `msg_too_long`."""
MISSING_TEXT: Final = "missing_text_in_message"


@dataclass
class Content:
    """What a message says, checked."""

    text: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """List what Slack only warns of: blocks without a text for notifications and screen readers."""
        return [MISSING_TEXT] if not self.text and (self.blocks or self.attachments) else []


def read_content(call: MethodCall) -> Content:
    """Read text, blocks and attachments; refuses what slack.com refuses."""
    blocks = call.json("blocks", "invalid_blocks_format") or []
    attachments = call.json("attachments", "invalid_attachments") or []
    content = Content(call.text("text"), blocks, attachments)
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise SlackRefusal("invalid_attachments")
    if len(attachments) > 100:
        raise SlackRefusal("too_many_attachments")
    if not content.text.strip() and not blocks and not attachments:
        raise SlackRefusal("no_text")
    refuse(check_message_blocks(blocks, refuse_plan=call.playground.config.refuse_plan_blocks))
    content.text = content.text[:MOST_TEXT]
    return content


def read_metadata(call: MethodCall) -> dict[str, Any] | None:
    """Read `metadata`: an event type and a payload, at most 16 KB (docs.slack.dev, "Message metadata")."""
    metadata = call.json("metadata", "invalid_metadata_format")
    if not metadata:
        return None
    if (
        not isinstance(metadata, dict)
        or set(metadata) - {"event_type", "event_payload", "entities"}
        or not isinstance(metadata.get("event_type"), str)
        or not metadata["event_type"]
        or not isinstance(metadata.get("event_payload"), dict)
    ):
        raise SlackRefusal("invalid_metadata_format")
    if len(json.dumps(metadata)) > 16_384:
        raise SlackRefusal("metadata_too_large")
    return metadata


def with_warnings(answer: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    """Add warnings the way Slack does."""
    if warnings:
        answer["warning"] = ",".join(warnings)
        answer["response_metadata"] = {"warnings": warnings}
    return answer
