"""A deliverer at work between a real database and a real playground, over HTTP."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from bot.catalogue import Catalogue, Notify
from bot.core.events import Event, ReleaseRequested
from bot.core.model import Release
from bot.deliver.deliverer import Deliverer
from bot.signals import Signal
from bot.slack.cards.renderer import SlackRenderer
from bot.slack.content import SlackContent
from bot.slack.sender import LIMITS, SlackMessenger, open_client
from bot.store import messages, record, releases
from bot.store.database import Database
from bot.store.messages import Message
from integrations.playground.config import Channel, Persona
from tests.playground.serving import TOKEN, Town, town
from tests.support import release_looks as looks
from tests.support.desk_world import catalogue as declared
from tests.support.waiting import until

CARDS, OTHER, CLOSED = "C0RELEASES", "C0OTHER", "C0CLOSED"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Office:
    """The deliverer's surroundings, and short words for tests."""

    database: Database
    place: Town
    catalogue: Catalogue
    messenger: SlackMessenger
    renderer: SlackRenderer
    logs: dict[str, str] = field(default_factory=dict)
    signal: Signal = field(default_factory=Signal)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        """Run a deliverer; at the end of the block it is cancelled in the middle of whatever it does."""
        task = asyncio.create_task(self.deliverer().run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def deliverer(self) -> Deliverer[SlackContent]:
        return Deliverer(
            database=self.database,
            catalogue=self.catalogue,
            messenger=self.messenger,
            renderer=self.renderer,
            limits=LIMITS,
            signal=self.signal,
            fetch_log=self.fetch_log,
            clock=now,
            new_id=self.new_id,
        )

    async def fetch_log(self, _release: Release, key: str) -> str:
        return self.logs[key]

    def new_id(self) -> str:
        return f"{next(self.numbers):012d}"

    async def ask(self, *, card: str | None = CARDS, told: bool = True, **changes: Any) -> Release:
        """Record a release with its card."""
        number = next(self.numbers)
        asked = {"id": f"r{number}", "number": number, "environment": f"prod{number}"}
        release = looks.release(**(asked | {"created": now(), "updated": now()} | changes))
        events: list[Event] = [ReleaseRequested(by=release.requested_by, how=release.kind)] if told else []
        async with self.database.write() as c:
            await record.new(c, release, events, card=(self.new_id(), card) if card else None, now=now())
        self.signal.fire(release.id)
        return release

    async def change(self, before: Release, *happened: Event, look: Release | None = None, **changes: Any) -> Release:
        """Record a change: to how another release looks, or in some fields."""
        if look is not None:
            kept = {name: getattr(before, name) for name in ("id", "number", "environment", "created")}
            before_version, before = before.version, look.model_copy(update=kept)
        else:
            before_version = before.version
        after = before.model_copy(update=changes | {"version": before_version + 1, "updated": now()})
        async with self.database.write() as c:
            current = await releases.get(c, after.id)
            await record.change(c, current, after, happened, now())
        self.signal.fire(after.id)
        return after

    async def rows(self, release: Release) -> list[Message]:
        async with self.database.read() as c:
            return await messages.of_release(c, release.id)

    async def quiet(self) -> None:
        """Wait until everything is delivered or given up."""

        async def look() -> list[Message]:
            async with self.database.read() as c:
                return await messages.due(c)

        await until(look, lambda due: not due)

    async def settled(self, release: Release) -> list[Message]:
        """Wait until all that the release's events ask for has been made and delivered; give the rows."""
        before: list[Message] = []
        while True:
            await self.quiet()
            rows = await self.rows(release)
            if rows == before:
                return rows
            before = rows
            await asyncio.sleep(0.3)

    async def standing(self, channel: str = CARDS) -> list[dict[str, Any]]:
        """List what stands in a channel, threads too, oldest first."""
        found = await asyncio.to_thread(self.place.messages, channel)
        return sorted(found, key=lambda message: str(message["ts"]))

    async def top(self, channel: str = CARDS) -> list[dict[str, Any]]:
        return [one for one in await self.standing(channel) if one.get("thread_ts") in {None, one["ts"]}]

    async def below(self, channel: str = CARDS) -> list[dict[str, Any]]:
        return [one for one in await self.standing(channel) if one.get("thread_ts") not in {None, one["ts"]}]

    async def calls(self, method: str) -> list[dict[str, Any]]:
        """List the Web API calls of a method, as the playground saw them."""
        ledger = await asyncio.to_thread(self.place.get, "ledger")
        return [call for call in ledger["calls"] if call["method"] == method]

    async def fault(self, method: str, fault: str, times: int = 1) -> None:
        answer = await asyncio.to_thread(lambda: self.place.post("fault", method=method, fault=fault, times=times))
        assert answer["ok"], answer


def with_notify(found: Catalogue, *notify: Notify) -> Catalogue:
    """Let the shop tell further channels, and have environments enough for many releases."""
    shop = found.services["shop"]
    many = {f"prod{n}": shop.environments["prod"].model_copy(update={"key": f"prod{n}"}) for n in range(1, 400)}
    environments = {**shop.environments, **many}
    service = shop.model_copy(update={"notify": notify, "environments": environments})
    channels = {"releases": CARDS, "other": OTHER, "closed": CLOSED}
    return found.model_copy(update={"services": {"shop": service}, "channels": channels})


@contextmanager
def workspace(**changes: Any) -> Iterator[Town]:
    """Run a playground with the channels and people of these tests."""
    people = [Persona(id=f"U0{name.upper()}", name=name) for name in ("ana", "ben", "chi", "dee")]
    channels = [
        Channel(id=CARDS, name="releases"),
        Channel(id=OTHER, name="other"),
        Channel(id=CLOSED, name="closed", has_bot=False),
    ]
    with town(people=people, channels=channels, **changes) as place:
        yield place


@asynccontextmanager
async def open_office(database: Database, place: Town, *notify: Notify) -> AsyncIterator[Office]:
    """Open an office between this database and this playground."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(SecretStr(TOKEN), f"{place.url}/api/"))
        found = with_notify(declared(), *notify)
        yield Office(database, place, found, SlackMessenger(client), SlackRenderer(found))
