"""Makes what people type readable: Slack's escapes and links, phones' dashes and quotes, invisible characters."""

from __future__ import annotations

import re
import unicodedata

# docs.slack.dev, "Formatting message text": &, < and > are escaped, everything between < and > is a link or a mention.
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))
_LINK = re.compile(r"<([@#!]?)([^<>|\s][^<>|]*)(?:\|([^<>]*))?>")
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_JOINER = "\u200d"
"""Emoji are built with it, so it stays in reasons."""
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_EDGES = "\"'`*_~.,!?;:\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"
"""Quotes, Slack's formatting and final punctuation around a word."""


def readable(text: str) -> str:
    """Give Slack's raw text as its author sees it, on one line: no escapes, links and mentions by their words."""
    text = _ENTITY.sub(lambda found: _ENTITIES[found[0]], _LINK.sub(_link, _INVISIBLE.sub("", text)))
    text = "".join(" " if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} else char for char in text)
    return " ".join(_INVISIBLE.sub("", text).split())


def _link(found: re.Match[str]) -> str:
    sign, target, label = found[1], found[2], found[3] or ""
    if sign == "!":
        return label or "@" + target.partition("^")[0]
    return (sign if not label.startswith(sign) else "") + (label or target)


def escaped(text: str) -> str:
    """Write text so that `readable` gives it back."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def without_mention(text: str, user: str | None) -> str:
    """Take out the mention of this Slack user id, or the first mention if it is not known."""
    if user is None:
        return _MENTION.sub(" ", text, count=1)
    return _MENTION.sub(lambda found: " " if found[1] == user else found[0], text)


def bare(word: str) -> str:
    """Take quotes, formatting and final punctuation off a word."""
    return word.strip(_EDGES + _JOINER)


def plain(word: str) -> str:
    """Give a word or name as it is compared: no case, no quotes around it, a leading long dash as `--`."""
    word = unicodedata.normalize("NFKC", word.replace(_JOINER, "")).casefold()
    rest = word.lstrip(_DASHES)
    if rest != word:
        word = "--" + rest.lstrip("-")
    word = word.replace("\u2019", "'").replace("\u2018", "'")
    return word.strip(_EDGES) or word


def squashed(name: str) -> str:
    """Give a name without spaces, dashes and dots: `Check-out` and `check out` are the same name."""
    return "".join(char for char in plain(name) if char.isalnum())
