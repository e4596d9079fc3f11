"""Who a message really mentions: what Slack would notify, found in its text and blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

_MENTION: Final = re.compile(r"<(?:!(channel|here|everyone)|!subteam\^([A-Z0-9]+)|([@#])([A-Z0-9]+))(?:\|[^>]*)?>")


def mentions(text: str, blocks: list[dict[str, Any]]) -> list[str]:
    """List `channel`, `here`, `everyone`, user, group and channel ids, in order, each once.

    Only real mentions count: `&lt;!channel&gt;` is text, and so is everything in a `plain_text` object
    (docs.slack.dev, "Formatting message text").
    """
    found: dict[str, None] = {}
    for piece in (text, *_parsed_texts(blocks)):
        for match in _MENTION.finditer(piece):
            found[match[1] or match[2] or match[4]] = None
    for identity in _rich_text_mentions(blocks):
        found[identity] = None
    return list(found)


def _parsed_texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _parsed_texts(item)
    elif isinstance(value, dict):
        if (
            value.get("type") in {"mrkdwn", "markdown"}
            and isinstance(value.get("text"), str)
            and not value.get("verbatim")
        ):
            yield value["text"]
        for item in value.values():
            yield from _parsed_texts(item)


def _rich_text_mentions(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _rich_text_mentions(item)
    elif isinstance(value, dict):
        key = {"broadcast": "range", "user": "user_id", "channel": "channel_id", "usergroup": "usergroup_id"}.get(
            str(value.get("type"))
        )
        if key and isinstance(value.get(key), str):
            yield value[key]
        for item in value.values():
            yield from _rich_text_mentions(item)
