"""What the desk's verbs work with, and the transaction shape that they share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.catalogue import Catalogue, Environment
from bot.core.errors import NotFound, SaysoError
from bot.core.model import Release
from bot.core.ports import Backend
from bot.core.wording import names, say
from bot.signals import Signal
from bot.store import intents, releases
from bot.store.database import Database

Also = Callable[[AsyncConnection, Release], Awaitable[None]]
"""What is to be written with a command, or to prevent it: gets the release as the command leaves it."""


class AlreadyDone(SaysoError):
    """This command was carried out before."""

    def __init__(self, release: Release) -> None:
        """Carry the release that the first delivery made or changed."""
        super().__init__()
        self.release = release


@dataclass(frozen=True, slots=True)
class Parts:
    """The desk's surroundings."""

    database: Database
    catalogue: Catalogue
    backends: Mapping[str, Backend]
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    asked: Signal
    """Fired with a release's id when something is to be done for it; the watcher listens."""
    changed: Signal
    """Fired with a release's id when it looks different; the deliverer and streams listen."""
    patience: float = 1.5
    """Seconds for asking a backend while a person waits; Slack gives three for everything."""
    also: Also | None = None
    """Runs last in the transaction of a change; if it raises, nothing has changed."""

    def environment(self, service: str | None, environment: str | None) -> tuple[str, str, Environment]:
        """Look both names up; `NotFound` names what is missing."""
        if not service:
            raise NotFound(say("missing.service"), fix=say("missing.service.fix"))
        if not environment:
            known = names(self.catalogue.service(service).environments)
            raise NotFound(say("missing.environment", service=service, environments=known))
        return service, environment, self.catalogue.environment(service, environment)

    def sharing(self, service: str, environment: str) -> frozenset[str]:
        """Name the service's environments on the same pipeline, this one among them."""
        return frozenset({environment, *self.catalogue.environments_by_stage(service, environment).values()})

    @asynccontextmanager
    async def change(self, key: str) -> AsyncIterator[AsyncConnection]:
        """Open the one transaction of a command; `AlreadyDone` if its key was seen before."""
        async with self.database.write() as c:
            known = await intents.recall(c, key)
            if known is not None:
                raise AlreadyDone(await releases.get(c, known))
            yield c
            if self.also:
                changed = await intents.recall(c, key)
                assert changed is not None, "every change remembers its key"
                await self.also(c, await releases.get(c, changed))

    def tell(self, release: Release) -> None:
        """Wake whoever works on this release; call after the commit."""
        self.asked.fire(release.id)
        self.changed.fire(release.id)
