"""The verbs that close the way into an environment, and open it again."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.catalogue import Environment
from bot.core import policy
from bot.core.commands import Command, Held, Verb
from bot.core.errors import BackendError, Conflict
from bot.core.events import EnvironmentHeld, EnvironmentOpened
from bot.core.holds import sentence
from bot.core.memos import HoldNotice
from bot.core.model import Actor, Hold
from bot.core.ports import Capability
from bot.core.wording import say
from bot.desk.parts import Parts
from bot.store import holds, intents, messages, releases
from bot.store.holds import HoldWish
from bot.store.messages import Purpose

_LOOK = 0.2
"""Seconds between two looks at a wish that another server may be carrying out."""


async def hold(desk: Parts, actor: Actor, command: Command, key: str) -> Held:
    """Write down who wants the way in closed or open; the watcher tells the backend, however long that takes.

    Waits a moment for it, so that the answer says whether it is done; a backend that refuses is a `BackendError`.
    It concerns no release, so nothing can be written with one (`Parts.also`), and it can't be rehearsed.
    """
    if desk.also:
        raise Conflict(say("hold.not_here_yet"))
    service, name, environment = await _place(desk, command)
    policy.may_hold(actor, desk.catalogue.rules(service, name))
    stage = _stage(desk, service, name, environment)
    closed, now = command.verb is Verb.HOLD, desk.clock()
    async with desk.database.write() as c:
        repeated = await intents.recall(c, key) is not None
        if repeated:
            (wish,) = await holds.past(c, service, name, 1)
        else:
            known = (await holds.standing(c, service)).get((service, name))
            if closed and known and known.closed:
                raise Conflict(sentence(known, desk.catalogue.name_of), fix=say("hold.again.fix"))
            wished = Hold(
                environment=name, stage=stage, closed=closed, by=actor.person, reason=command.reason, since=now
            )
            wish = HoldWish(id=await holds.add(c, service, wished), service=service, hold=wished)
            kind = EnvironmentHeld if closed else EnvironmentOpened
            told = kind(environment=name, by=actor.person, reason=command.reason)
            for release in await holds.show(c, service, desk.sharing(service, name), [told], now):
                desk.tell(release)
            await _announce(desk, c, wish)
            await intents.remember(c, key, "", now)
    desk.asked.fire("")
    wish = await _taken(desk, wish)
    if wish.refused:
        raise BackendError(wish.refused)
    async with desk.database.read() as c:
        coming = await releases.active_in(c, service, name)
    return Held(verb=command.verb, service=service, hold=wish.hold, release=coming, repeated=repeated)


async def _place(desk: Parts, command: Command) -> tuple[str, str, Environment]:
    """Find the place: as it is named, or that of the release whose card it was said under."""
    if command.release and not command.service:
        async with desk.database.read() as c:
            release = await releases.get(c, command.release)
        return desk.environment(release.service, release.environment)
    return desk.environment(command.service, command.environment)


async def _announce(desk: Parts, c: AsyncConnection, wish: HoldWish) -> None:
    """Let everybody in the service's channel know; the watcher rewrites it once the backend has answered."""
    channel = desk.catalogue.card_channel(wish.service)
    if channel is None:
        return
    notice = HoldNotice(service=wish.service, name=desk.catalogue.name_of(wish.hold.by), hold=wish.hold)
    await messages.add(
        c,
        message_id=wish.notice,
        release_id=wish.notice,
        purpose=Purpose.MEMO,
        destination=channel,
        event_position=0,
        urgent=True,
        body=notice.model_dump(mode="json"),
        now=wish.hold.since,
    )


def _stage(desk: Parts, service: str, name: str, environment: Environment) -> str:
    if Capability.HOLD not in desk.backends[environment.backend].capabilities:
        raise Conflict(say("hold.not_here", environment=name, backend=environment.backend))
    if environment.stage is None:
        place = f"services.{service}.environments.{name}"
        raise Conflict(
            say("hold.no_stage", environment=name, service=service), fix=say("hold.no_stage.fix", place=place)
        )
    return environment.stage


async def _taken(desk: Parts, wish: HoldWish) -> HoldWish:
    """Wait for as long as a person does until the backend has taken it; else give it as it stands."""
    loop = asyncio.get_running_loop()
    end = loop.time() + desk.patience
    with desk.changed.listen() as ear:
        while True:
            async with desk.database.read() as c:
                wish = await holds.get(c, wish.id)
            if wish.hold.done or loop.time() >= end:
                return wish
            await ear.wait(_LOOK)
