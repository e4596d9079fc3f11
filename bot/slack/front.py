"""What the listeners share: the desk, the catalogue, the ways to answer, and one rule for every error."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from slack_sdk.web.async_client import AsyncWebClient

from bot.catalogue import Catalogue
from bot.core.commands import Answer, Command, HelpWanted, Releases, Verb
from bot.core.errors import SaysoError
from bot.core.model import Actor
from bot.core.typed_text import escaped
from bot.core.vocabulary import Vocabulary
from bot.core.voice import Numbers
from bot.core.wording import say
from bot.slack.answers import problem, render
from bot.slack.once import Once
from bot.slack.people import Stranger, actor, introduce
from bot.slack.replies import Replies
from bot.slack.said import Said

_log = logging.getLogger(__name__)
_LONGEST_KEY = 180


class Desk(Protocol):
    """What Slack needs of the desk."""

    async def do(self, actor: Actor, command: Command, key: str) -> Answer:
        """Carry a command out; returns only once it is committed."""
        ...

    async def inbox(self, actor: Actor) -> Releases:
        """List what is under way and which of it waits for this person."""
        ...


@dataclass(frozen=True)
class Front:
    """Everything a listener needs."""

    desk: Desk
    catalogue: Catalogue
    words: Vocabulary
    client: AsyncWebClient
    replies: Replies
    release_by_message: Callable[[str, str], Awaitable[str | None]]
    """Finds the release whose card is this message: channel and `ts`."""
    new_incident: Callable[[], str]
    numbers: Numbers | None = None
    """Takes the numbers that confirm something spoken; None without a voice desk."""
    home_openers: set[str] = field(default_factory=set)
    """Slack users who have looked at their Home tab since the start: theirs is drawn anew after what they do."""
    answered_events: Once[None] = field(default_factory=Once)

    def actor(self, user: str, conversation: str | None, handle: str = "") -> Actor:
        """Find who this is; `Stranger` for somebody whom the catalogue doesn't know."""
        return actor(self.catalogue, user, conversation, handle)

    async def ask(self, who: Callable[[], Actor], command: Command, key: str) -> Said:
        """Take a command to the desk and say the answer. Help is given to strangers, too."""
        if command.verb is Verb.HELP:
            return render(HelpWanted(topic=command.topic), command, self.catalogue)
        return render(await self.desk.do(who(), command, key), command, self.catalogue)

    async def answered(self, work: Awaitable[Said | None]) -> Said | None:
        """Give the answer, or the sentence for whatever was raised instead; an unexpected error is logged once."""
        try:
            return await work
        except SaysoError as error:
            return sorry(error)
        except Exception as error:  # noqa: BLE001  # the one handler of this surface: nothing may end in silence
            return self.incident(error)

    def incident(self, error: Exception) -> Said:
        """Log an unexpected error under a number, and give the sentence that names it."""
        number = self.new_incident()
        _log.error("incident %s in Slack", number, exc_info=error)
        return Said("❌ " + escaped(say("incident", number=number)))


def sorry(error: SaysoError) -> Said:
    """Say why not."""
    return introduce(error) if isinstance(error, Stranger) else problem(error)


def wish(*parts: str) -> str:
    """Make the desk's idempotency key of Slack's own ids for one click, command or event."""
    return ":".join(("slack", *parts))[:_LONGEST_KEY]
