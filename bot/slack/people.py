"""Who somebody in Slack is in the catalogue, and what to tell a stranger."""

from __future__ import annotations

import re

from bot.catalogue import Catalogue
from bot.core.errors import SaysoError
from bot.core.model import Actor, Surface
from bot.core.wording import say
from bot.slack.said import Said


class Stranger(SaysoError):
    """I don't know you yet, so I can't do that for you."""

    def __init__(self, user_id: str, handle: str) -> None:
        """Keep the lines for sayso.toml that would introduce this person."""
        key = re.sub(r"[^a-z0-9]+", "-", handle.lower()).strip("-")[:40] or user_id.lower()
        shown = re.sub(r"[^\w .-]+", "", handle)[:40].strip() or user_id
        self.lines = f'[people.{key}]\nname = "{shown}"\nslack = "{user_id}"'
        super().__init__(say("slack.stranger"), fix=f"{say('slack.stranger.fix')}\n{self.lines}")


def actor(catalogue: Catalogue, user_id: str, conversation: str | None, handle: str = "") -> Actor:
    """Find who this is; `Stranger` if the catalogue has nobody with this Slack user id."""
    found = catalogue.person_by_slack(user_id)
    if found is None:
        raise Stranger(user_id, handle)
    key, person = found
    return Actor(person=key, name=person.name, surface=Surface.SLACK, conversation=conversation)


def introduce(stranger: Stranger) -> Said:
    """Tell a stranger, privately, what to ask for."""
    return Said(f"👋 {stranger.sentence} {say('slack.stranger.fix')}\n```{stranger.lines}```")
