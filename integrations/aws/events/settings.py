"""Reads the settings that say where events come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.core.errors import Misconfigured
from bot.core.wording import say

QUEUES, TOPICS, SECRET = "SAYSO_AWS_QUEUES", "SAYSO_AWS_TOPICS", "SAYSO_AWS_DESTINATION_SECRET"
SHORTEST_SECRET = 16
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where events come from; with none of it runs are only looked at now and then."""

    queues: tuple[str, ...] = ()
    """URLs."""
    topics: frozenset[str] = frozenset()
    """ARNs of the topics that may send to the door for SNS."""
    secret: str | None = None
    """What an API destination must send."""

    @property
    def doors(self) -> bool:
        """Tell whether events may come in by HTTP."""
        return bool(self.topics or self.secret)


def read_sources(secrets: Mapping[str, SecretStr]) -> Sources:
    """Read the settings; raises `Misconfigured` with every mistake."""
    wrong: list[str] = []
    queues, topics = _listed(secrets, QUEUES), _listed(secrets, TOPICS)
    for number, url in enumerate(queues, start=1):
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/").count("/") != 1:
            wrong.append(say("aws.events.queue", number=number))
    for number, topic in enumerate(topics, start=1):
        if not _TOPIC.fullmatch(topic):
            wrong.append(say("aws.events.topic", number=number))
    secret = secrets[SECRET].get_secret_value() if SECRET in secrets else None
    if secret is not None and len(secret) < SHORTEST_SECRET:
        wrong.append(say("aws.events.short", n=SHORTEST_SECRET))
    if wrong:
        raise Misconfigured("\n".join(wrong))
    return Sources(tuple(dict.fromkeys(queues)), frozenset(topics), secret)


def _listed(secrets: Mapping[str, SecretStr], name: str) -> list[str]:
    text = secrets[name].get_secret_value() if name in secrets else ""
    return [part.strip() for part in text.split(",") if part.strip()]
