"""Finds secrets that were written into the catalogue, and takes them out before anything else can print them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bot.catalogue.found import Found
from bot.core.mistakes import Path

_KEY = re.compile(
    r"(?:.*[_-])?(?:token|secret|password|passwd|passphrase|api[_-]?key|access[_-]?key|private[_-]?key)s?",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"xox[a-z]-|xapp-\d|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[oprsu]_\w{20}|\bgithub_pat_\w{20}|\bglpat-|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]*:[^/\s@]+@"
)
"""Slack, AWS, GitHub, GitLab, keys in PEM, and addresses with a password."""

_FIX = "Take it out and give it through the environment (SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET …); then change it."


def take_out(tree: dict[str, Any]) -> list[Found]:
    """Remove everything that looks like a secret from the tree; say where it was, never what."""
    found = []
    for holder, key, path in [*_secrets(tree, ())]:
        del holder[key]
        found.append(Found(path, "secrets don't belong into the catalogue.", _FIX))
    return found


def _secrets(table: dict[str, Any], path: Path) -> Iterator[tuple[dict[str, Any], str, Path]]:
    for key, value in table.items():
        here = (*path, key)
        if isinstance(value, dict):
            yield from _secrets(value, here)
        elif (isinstance(value, str) and _KEY.fullmatch(key)) or any(_VALUE.search(text) for text in _texts(value)):
            yield table, key, here
        elif isinstance(value, list):
            for number, entry in enumerate(value):
                if isinstance(entry, dict):
                    yield from _secrets(entry, (*here, number))


def _texts(value: object) -> Iterator[str]:
    """Give the texts in a value, those in lists too; tables inside lists are looked at by themselves."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
