"""Carries out one call for one message, and writes down what is known afterwards."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic

from bot.core.errors import (
    BackendUnavailable,
    ContentRefused,
    DeliveryError,
    Gone,
    NotFound,
    RateLimited,
    SaysoError,
    Unreachable,
)
from bot.core.events import ActionFinished, LoggedEvent
from bot.core.memos import MEMO
from bot.core.model import LogTail, Release
from bot.core.ports import Content, Messenger, Posted
from bot.deliver.pacer import Operation
from bot.deliver.planning import Job
from bot.deliver.telling import Renderer, Style, Telling
from bot.store import events, messages, releases
from bot.store.database import Database
from bot.store.messages import Message, Purpose

FetchLog = Callable[[Release, str], Awaitable[str]]
"""Gives an action's whole log by its key (`LogTail.key`); raises `SaysoError`."""
LONGEST_WAIT = 60.0
MOST_TRIES = 10
"""After so many failures for a reason that we don't understand, a message is given up."""
_NO_LONGER_TRUE = "what it tells is no longer so"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to, as far as pacing goes."""

    called: bool = True
    """False: it turned out that there was nothing to call for."""
    rest: float | None = None
    """Seconds for which the chat wants no more calls of this kind."""


class Sending(Generic[Content]):
    """Does one call after the other; knows which style the chat takes and what each card shows."""

    def __init__(
        self,
        database: Database,
        messenger: Messenger[Content],
        renderer: Renderer[Content],
        *,
        fetch_log: FetchLog,
        clock: Callable[[], datetime],
        random: random.Random,
        style: Style,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may` tells at any moment whether we are still the one who delivers; asked right before a call."""
        self._database = database
        self._messenger = messenger
        self._renderer = renderer
        self._fetch_log = fetch_log
        self._clock = clock
        self._random = random
        self._style = style
        self._may = may
        self._styles: dict[str, Style] = {}
        self._shown: dict[str, Content] = {}
        self._links: dict[Posted, str] = {}

    async def carry_out(self, job: Job) -> Outcome:
        """Do the job. A failure is noted, never raised; only when not even that works does its error come out."""
        message = job.message
        try:
            return Outcome(called=await self._do(job))
        except RateLimited as error:
            await self._surely_not_posted(job)
            return Outcome(rest=error.retry_after)
        except Unreachable as error:
            if not error.ambiguous:
                await self._surely_not_posted(job)
            self._shown.pop(message.id, None)
            await self._postpone(message, error.sentence)
        except ContentRefused as error:
            await self._surely_not_posted(job)
            await self._simplify(message, error)
        except (Gone, NotFound) as error:
            await self._give_up(message, str(error))
        except BackendUnavailable as error:
            await self._postpone(message, error.sentence)
        except (SaysoError, DeliveryError) as error:
            await self._give_up(message, str(error))
        except Exception:  # noqa: BLE001 -- logged with its trace
            # A mistake of ours about one message must not stop the others; it is tried a few times, then given up.
            _log.exception("Message %s (%s) could not be sent", message.id, message.purpose)
            self._shown.pop(message.id, None)
            if message.tries + 1 < MOST_TRIES:
                await self._postpone(message, "")
            else:
                await self._skip(message, "an unexpected error, see the log")
        return Outcome()

    def forget(self) -> None:
        """Know no longer what the cards show: somebody else has delivered meanwhile."""
        self._shown.clear()

    async def bury(self, message: Message, reason: str) -> None:
        """Note that a message is never sent."""
        async with self._database.write() as c:
            await messages.bury(c, message.id, reason)

    async def _do(self, job: Job) -> bool:
        """Do it; False if no call was needed."""
        match job.wish.operation:
            case Operation.OPEN:
                return await self._open(job.message)
            case Operation.FIND:
                return await self._find(job)
            case Operation.POST:
                return await self._post(job)
            case Operation.UPLOAD:
                return await self._upload(job)
            case Operation.EDIT:
                return await self._edit(job)

    async def _open(self, message: Message) -> bool:
        key = message.destination.removeprefix("person:")
        address = self._renderer.address(key)
        if address is None:
            raise Gone(f"{key} has no account in this chat in the catalogue.")
        channel = await self._messenger.open_direct(address)
        async with self._database.write() as c:
            await messages.opened(c, message.id, channel)
        return True

    async def _find(self, job: Job) -> bool:
        message = job.message
        assert message.posting_since is not None
        found = await self._messenger.find(
            message.id, _channel(message), since=message.posting_since - timedelta(minutes=1), thread=job.thread
        )
        async with self._database.write() as c:
            if found is None:
                await messages.not_posted(c, message.id)
            else:
                # What changes is due for an edit all the same: nobody knows which version was posted.
                changes = message.purpose in {Purpose.CARD, Purpose.MEMO}
                version = message.delivered if changes else message.desired
                await messages.posted(c, message.id, found.channel, found.ts, version)
        return True

    async def _post(self, job: Job) -> bool:
        message = job.message
        if message.purpose is Purpose.MEMO:
            return await self._post_memo(message)
        release, event = await self._load(message)
        link = await self._link(job.card) if message.purpose in {Purpose.NOTICE, Purpose.DIRECT} else None
        content = self._renderer.render(self._telling(message, release, event, link))
        if content is None:
            await self.bury(message, _NO_LONGER_TRUE)
            return False
        if not await self._begin_post(message):
            return False
        place = await self._messenger.post(_channel(message), content, message_id=message.id, thread=job.thread)
        is_card = message.purpose is Purpose.CARD
        async with self._database.write() as c:
            version = release.version if is_card else message.desired
            await messages.posted(c, message.id, place.channel, place.ts, version)
        if is_card:
            self._remember(message, release, content)
        return True

    async def _post_memo(self, message: Message) -> bool:
        content = self._memo(message)
        if not await self._begin_post(message):
            return False
        place = await self._messenger.post(_channel(message), content, message_id=message.id)
        async with self._database.write() as c:
            await messages.posted(c, message.id, place.channel, place.ts, message.desired)
        return True

    def _memo(self, message: Message) -> Content:
        return self._renderer.memo(MEMO.validate_python(message.body), self._style_of(message))

    async def _begin_post(self, message: Message) -> bool:
        async with self._database.write() as c:
            fresh = await messages.begin_post(c, message.id, self._clock())
        # If it is another's turn by now, that one searches the chat for this message before it posts it itself.
        return fresh and self._may()

    async def _upload(self, job: Job) -> bool:
        message = job.message
        release, entry = await self._load(message)
        tail = _log_of(release, entry)
        if tail is None or tail.key is None or entry is None or not isinstance(entry.event, ActionFinished):
            await self.bury(message, _NO_LONGER_TRUE)
            return False
        text = await self._fetch_log(release, tail.key)
        if len(text.splitlines()) <= len(tail.lines):
            await self.bury(message, "the card's excerpt is the whole log")
            return False
        if not await self._begin_post(message):
            return False
        name = f"{release.service}-{release.number}-{entry.event.stage}-{entry.event.action}"
        place = await self._messenger.upload(
            _channel(message), name=name, text=text, message_id=message.id, thread=job.thread
        )
        async with self._database.write() as c:
            await messages.posted(c, message.id, place.channel, place.ts, message.desired)
        return True

    async def _edit(self, job: Job) -> bool:
        message = job.message
        assert message.ts is not None
        if message.purpose is Purpose.MEMO:
            if not self._may():
                return False
            await self._messenger.edit(Posted(channel=_channel(message), ts=message.ts), self._memo(message))
            async with self._database.write() as c:
                await messages.delivered(c, message.id, message.desired)
            return True
        release, event = await self._load(message)
        content = self._renderer.render(self._telling(message, release, event, None))
        # Versions that look alike are not worth a call.
        different = content is not None and content != self._shown.get(message.id)
        if not self._may():
            return False
        if content is not None and different:
            self._shown.pop(message.id, None)  # until the answer is here nobody knows what it shows
            await self._messenger.edit(Posted(channel=_channel(message), ts=message.ts), content)
            self._remember(message, release, content)
        async with self._database.write() as c:
            await messages.delivered(c, message.id, release.version)
        return different

    async def _load(self, message: Message) -> tuple[Release, LoggedEvent | None]:
        async with self._database.read() as c:
            release = await releases.get(c, message.release_id)
            if message.purpose is Purpose.CARD:
                return release, None
            found = await events.after(c, message.event_position - 1, release_id=release.id, limit=1)
        return release, found[0] if found else None

    def _telling(self, message: Message, release: Release, event: LoggedEvent | None, link: str | None) -> Telling:
        return Telling(message.purpose, message.destination, release, event, self._style_of(message), link)

    def _style_of(self, message: Message) -> Style:
        return max(self._style, self._styles.get(message.id, Style.RICH))

    def _remember(self, message: Message, release: Release, content: Content) -> None:
        if release.status.finished:
            self._shown.pop(message.id, None)
        else:
            self._shown[message.id] = content

    async def _link(self, card: Posted | None) -> str | None:
        if card is None:
            return None
        if card not in self._links:
            try:
                link = await self._messenger.link(card)
            except DeliveryError as error:
                _log.info("No link to a card: %s", error)
                return None
            if len(self._links) >= 500:
                self._links.clear()
            self._links[card] = link
        return self._links[card]

    async def _surely_not_posted(self, job: Job) -> None:
        if job.wish.operation in {Operation.POST, Operation.UPLOAD}:
            async with self._database.write() as c:
                await messages.not_posted(c, job.message.id)

    async def _postpone(self, message: Message, why: str) -> None:
        if why and not message.tries:
            _log.warning("%s (a %s waits and will be tried again)", why, message.purpose)
        wait = min(LONGEST_WAIT, 0.5 * 2 ** min(message.tries, 10)) * self._random.uniform(0.75, 1.25)
        async with self._database.write() as c:
            await messages.postpone(c, message.id, self._clock() + timedelta(seconds=wait), message.tries + 1)

    async def _simplify(self, message: Message, error: ContentRefused) -> None:
        style = self._style_of(message)
        if style is Style.TEXT:
            await self._skip(message, str(error))
            return
        simpler = Style(style + 1)
        if error.unsupported and simpler > self._style:
            _log.warning("This workspace does not take our richest messages; simpler ones from now on. %s", error)
            self._style = simpler
        else:
            _log.warning("A %s was refused and is tried in simpler words. %s", message.purpose, error)
            self._styles[message.id] = simpler

    async def _skip(self, message: Message, reason: str) -> None:
        """Give up this version of a card that stands already, for the next one may be taken; bury anything else."""
        if message.ts is None:
            await self._give_up(message, reason)
            return
        _log.error("A %s of release %s misses a version: %s", message.purpose, message.release_id, reason)
        async with self._database.write() as c:
            await messages.delivered(c, message.id, message.desired)

    async def _give_up(self, message: Message, reason: str) -> None:
        _log.error("A %s of release %s is given up: %s", message.purpose, message.release_id, reason)
        await self.bury(message, reason)


def _channel(message: Message) -> str:
    return message.channel or message.destination


def _log_of(release: Release, entry: LoggedEvent | None) -> LogTail | None:
    """Find the log of the action that the event tells of, unless it has been run again since."""
    if entry is None or not isinstance(entry.event, ActionFinished) or release.run is None:
        return None
    stage = release.run.stage(entry.event.stage)
    if stage is None or stage.attempt != entry.event.attempt:
        return None
    return next((action.log for action in stage.actions if action.name == entry.event.action), None)
