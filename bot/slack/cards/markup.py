"""Puts text of strangers (commits, tests, logs, reasons) into Slack's markup so that it can't be more than text.

Sources: docs.slack.dev, "Formatting message text" (`& < >` are escaped; `*_~` and backticks format) and "Block Kit".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TypeGuard

from bot.core.typed_text import escaped
from bot.slack.content import Block

SECTION = 2900
"""Characters of a section's text (Slack: 3,000)."""
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
# Slack has no escape for these, so they become signs that look alike and format nothing.
_LOOK_ALIKES = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb"})
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def visible(text: str, *, lines: bool = False) -> str:
    """Take out what can't be seen or moves what can: colours of terminals, control and direction characters."""
    text = _INVISIBLE.sub("", _ANSI.sub("", text)).expandtabs(4)
    kept = "\n" if lines else ""
    text = "".join(
        char if char in kept or unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"} else " " for char in text
    )
    return text if lines else " ".join(text.split())


def clipped(text: str, most: int) -> str:
    """Cut to `most` characters, an ellipsis counted in; no character is cut in two."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    while cut and (unicodedata.combining(text[len(cut)]) or text[len(cut)] == "\u200d" or cut[-1] == "\u200d"):
        cut = cut[:-1]
    return cut.rstrip() + "…"


def words(text: str, most: int = 200) -> str:
    """Write untrusted prose on one line, with nothing in it that Slack would format or resolve."""
    plain = clipped(visible(text), most).translate(_LOOK_ALIKES)
    return escaped(_EDGE_UNDERSCORE.sub("\u02cd", plain))


def prose(text: str, most: int = 200) -> str:
    """Write an untrusted sentence; what it marks as code with one pair of backticks is code."""
    before, mark, rest = clipped(visible(text), most).partition("`")
    inside, end, after = rest.partition("`")
    if not (mark and end and inside.strip()) or "`" in after:
        return words(text, most)
    return f"{words(before, most)} {code(inside, most)} {words(after, most)}".strip()


def bold(text: str, most: int = 100) -> str:
    """Write an untrusted name in bold."""
    return f"*{words(text, most)}*" if text.strip() else ""


def code(text: str, most: int = 100) -> str:
    """Write an untrusted name as code, where Slack formats nothing else."""
    plain = clipped(visible(text), most).replace("`", "\u02cb")
    return f"`{escaped(plain)}`" if plain else ""


def code_block(lines: Iterable[str], most: int) -> str:
    """Write untrusted lines as a block of code of at most `most` characters: the last ones, if there are too many."""
    kept: list[str] = []
    room = most - 10
    for line in reversed(list(lines)):
        written = escaped(clipped(visible(line, lines=True).replace("\n", " ").rstrip(), 300)).replace("`", "\u02cb")
        if len(written) + 1 > room:
            kept.append("…")
            break
        room -= len(written) + 1
        kept.append(written)
    text = "\n".join(reversed(kept)).strip("\n")
    return f"```\n{text}\n```" if text.strip() else ""


def is_web(url: str | None) -> TypeGuard[str]:
    """Tell whether this is an address that Slack can link."""
    return bool(url and url.startswith(("https://", "http://")) and not re.search(r"[\s<>|]", url) and len(url) <= 2000)


def link(url: str | None, label: str) -> str:
    """Link an escaped label; without a web address it is only the label."""
    if not is_web(url):
        return label
    return f"<{url.replace('&', '&amp;')}|{label}>"


def section(text: str) -> Block:
    """Build a section from escaped text; nothing in it is linked by itself."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": whole(text, SECTION), "verbatim": True}}


def context(text: str) -> Block:
    """Build a line of small print from escaped text."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": whole(text, SECTION), "verbatim": True}]}


def whole(text: str, most: int) -> str:
    """Cut escaped text at the end of a line, so that no entity and no formatting is cut in two."""
    if len(text) <= most:
        return text
    kept = text[: most - 8]
    kept = kept[: kept.rfind("\n")] if "\n" in kept else kept.rsplit("&", 1)[0]
    fence = "\n```" if kept.count("```") % 2 else ""
    return kept + fence + "\n…"


def literal(text: str) -> Block:
    """Build a piece of rich text, which Slack shows as it is."""
    return {"type": "text", "text": text}


def rich(elements: list[Block]) -> Block:
    """Build a rich text block of one paragraph."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}
