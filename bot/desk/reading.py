"""The verbs that only look: status, history, where, help."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.commands import Command, Deployment, Deployments, HelpWanted, Releases, Verb
from bot.core.events import Deployed
from bot.core.model import Actor
from bot.core.wording import say
from bot.desk.deciding import may_decide_now
from bot.desk.finding import newest
from bot.desk.parts import Parts
from bot.desk.starting import touched
from bot.store import events, holds, releases

_HISTORY = 10


async def status(desk: Parts, actor: Actor, command: Command) -> Releases:
    """List what is under way; of a named service or place also the last release if nothing is."""
    async with desk.database.read() as c:
        if command.release:
            found = [await releases.get(c, command.release)]
        elif command.service and command.number is not None:
            found = [await releases.by_number(c, command.service, command.number)]
        else:
            found = list(await newest(c, command.service, command.environment))
            found = [release for release in found if release.active] or (found if command.service else [])
        waiting = [release.id for release in found if may_decide_now(desk, actor, release)]
    return Releases(verb=Verb.STATUS, releases=tuple(found), waiting_for_me=tuple(waiting))


async def history(desk: Parts, _actor: Actor, command: Command) -> Releases:
    """List the newest releases of a service, a place, or all."""
    async with desk.database.read() as c:
        found = await releases.recent(c, service=command.service, environment=command.environment, limit=_HISTORY)
    return Releases(verb=Verb.HISTORY, releases=tuple(found))


async def where(desk: Parts, _actor: Actor, command: Command) -> Deployments:
    """Say what runs where, where that is in doubt, and which ways in are held."""
    async with desk.database.read() as c:
        held = await holds.standing(c, command.service)
        found = [
            (await _deployment(c, service, environment)).model_copy(update={"held": held.get((service, environment))})
            for service, declared in desk.catalogue.services.items()
            if command.service in (None, service)
            for environment in declared.environments
            if command.environment in (None, environment)
        ]
    return Deployments(deployments=tuple(found))


async def explain(_desk: Parts, _actor: Actor, command: Command) -> HelpWanted:
    """Leave it to the surface to show its help."""
    return HelpWanted(topic=command.topic)


async def _deployment(c: AsyncConnection, service: str, environment: str) -> Deployment:
    logged = await events.deployments(c, service, environment, limit=1)
    recent = await releases.recent(c, service=service, environment=environment, limit=1)
    doubt = ""
    if recent and not (logged and logged[0].release_id == recent[0].id) and touched(recent[0]):
        latest = recent[0]
        doubt = say("doubt.active" if latest.active else "doubt.failed", label=latest.label)
    if not logged or not isinstance(logged[0].event, Deployed):
        return Deployment(
            service=service, environment=environment, revision=None, release=None, number=None, since=None, doubt=doubt
        )
    by = await releases.get(c, logged[0].release_id)
    return Deployment(
        service=service,
        environment=environment,
        revision=logged[0].event.revision,
        release=by.id,
        number=by.number,
        since=logged[0].at,
        doubt=doubt,
    )
