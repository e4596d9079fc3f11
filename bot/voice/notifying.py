"""Tells people through their Echo when a release of theirs finishes, fails or waits, if they asked for it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from datetime import timedelta

from bot.core.errors import NotFound
from bot.core.events import Event, GateOpened, LoggedEvent, ReleaseFinished
from bot.core.model import Release
from bot.core.voice import VoiceRule
from bot.core.wording import LANGUAGES, in_language, say
from bot.store import events, messages, releases, voices
from bot.store.leases import Leases
from bot.voice.parts import Parts
from bot.voice.proactive import NotSent, NotWanted, ProactiveEvents

LISTENER = "notifications"
"""The cursor's name, and the lease of whoever tells."""
LOOK = 30.0
TOO_OLD = timedelta(minutes=30)
"""What happened longer ago is not worth hearing any more."""
_AT_ONCE = 100
_REST = 5.0
_log = logging.getLogger(__name__)


class Notifier:
    """Runs until it is cancelled.

    Reads the event log from a cursor of its own, which moves once an event is told or given up. An event that was told
    right before a crash is told again under the same reference, which Alexa takes only once.
    """

    def __init__(self, parts: Parts, alexa: ProactiveEvents, leases: Leases) -> None:
        self._parts = parts
        self._alexa = alexa
        self._leases = leases

    async def run(self) -> None:
        """Tell until cancelled."""
        with self._parts.changed.listen() as ear:
            while True:
                try:
                    if await self._leases.claim({LISTENER}):
                        while await self.take_in():
                            pass
                except Exception:  # noqa: BLE001 -- logged with its trace; it looks again
                    _log.exception("Notifications could not be read; trying again")
                    await asyncio.sleep(_REST)
                    continue
                await ear.wait(min(LOOK, self._leases.every))

    async def take_in(self) -> int:
        """Take in the next events; gives how many there were."""
        async with self._parts.database.read() as c:
            logged = await events.after(c, await messages.position(c, LISTENER), limit=_AT_ONCE)
        for entry in logged:
            if await self._tell(entry) or entry is logged[-1]:
                async with self._parts.database.write() as c:
                    await messages.move(c, LISTENER, entry.position)
        return len(logged)

    async def _tell(self, entry: LoggedEvent) -> bool:
        """Tell whoever wants to hear of it; gives whether there was anybody to tell."""
        if not isinstance(entry.event, ReleaseFinished | GateOpened):
            return False
        if self._parts.clock() - entry.at > TOO_OLD:
            return False
        async with self._parts.database.read() as c:
            try:
                release = await releases.get(c, entry.release_id)
            except NotFound:
                return False
            addresses = await voices.addresses(c, release.requested_by)
        if not addresses or not self._worth_it(entry.event, release):
            return False
        for address, locale in addresses:
            # A reference is public to whoever reads the skill's log, so it tells nothing of the account.
            own = hashlib.sha256(f"{address} {entry.position}".encode()).hexdigest()[:32]
            try:
                await self._alexa.alert(
                    address, who=_words(entry.event, release, locale), locale=locale, reference=f"sayso-{own}"
                )
            except NotWanted:
                async with self._parts.database.write() as c:
                    await voices.no_address(c, address)
            except NotSent as error:
                _log.warning("A notification about %s is given up: %s", release.label, error)
        return True

    def _worth_it(self, event: Event, release: Release) -> bool:
        try:
            place = self._parts.catalogue.environment(release.service, release.environment)
        except NotFound:
            return False
        if place.may_voice is VoiceRule.DENY:
            return False
        found = release.run.open_gate if release.run else None
        return not isinstance(event, GateOpened) or (found is not None and found[2].token == event.token)


def _words(event: Event, release: Release, locale: str) -> str:
    """Give what Alexa names as the message's sender: `Sayso: shop 12 for prod failed`."""
    status = event.status if isinstance(event, ReleaseFinished) else "waiting"
    words = say(
        f"voice.alert.{status}",
        service=release.service,
        number=release.number,
        environment=release.environment,
    )
    lang = locale.partition("-")[0]
    return (in_language(words, lang) if lang in LANGUAGES else None) or words
