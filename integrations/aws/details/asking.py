"""Calls for one look's details, none of which may fail the look: what can't be read is noted."""

from __future__ import annotations

import logging
from typing import Any

from bot.core.errors import BackendError, BackendUnavailable
from bot.core.wording import say
from integrations.aws.answers import Answer
from integrations.aws.clients import Clients
from integrations.aws.refusals import AwsRefused
from integrations.aws.target import Place

log = logging.getLogger(__name__)


class Asking:
    """Asks in one place, and keeps what was refused and what may be had later."""

    def __init__(self, clients: Clients, place: Place) -> None:
        self._clients, self.place = clients, place
        self.missing: list[str] = []
        """Sentences about what can't be read, also not at the next look."""
        self.again = False
        """AWS did not answer: the next look may bring more."""

    async def __call__(
        self, what: str, service: str, operation: str, /, *, gone: frozenset[str] = frozenset(), **given: Any
    ) -> Answer | None:
        """Call an operation; `what` is the key of what it is about, for the sentence if it can't be read.

        `gone` are codes that only mean that there is nothing (yet, or any more): no sentence is kept for them.
        """
        try:
            return await self._clients.call(self.place, service, operation, **given)
        except BackendUnavailable as error:
            log.info("%s:%s brought no details this time: %s", service, operation, error)
            self.again = True
        except BackendError as error:
            if not (isinstance(error, AwsRefused) and error.code in gone):
                self.missing.append(say("aws.missing", what=say(what), why=error.sentence))
        return None
