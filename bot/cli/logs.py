"""The server's log: plain lines on stderr, secrets masked wherever they stand."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable

from bot.core.wording import say

SHORTEST_MASKED = 6
"""Characters: shorter secrets would mask half of every word."""


class Masking(logging.Formatter):
    """Formats a line, its traceback included, and then takes every secret out of it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")
        # The longest first, so that no part of one stays behind when a shorter one is contained in it.
        self._secrets = sorted((each for each in secrets if len(each) >= SHORTEST_MASKED), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Give the line without secrets."""
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, say("log.masked"))
        return line


def configure(secrets: Iterable[str], level: int = logging.INFO) -> None:
    """Send everything to stderr, libraries only from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Masking(secrets))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("bot", "integrations", "skills"):
        logging.getLogger(ours).setLevel(level)
    logging.captureWarnings(capture=True)
