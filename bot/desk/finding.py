"""Which release a command means: by its id, its number, its place, or because only one can be meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.commands import Command
from bot.core.errors import Conflict, NotFound, NotUnderstood
from bot.core.model import Release
from bot.core.wording import names, say
from bot.store import releases


async def meant(c: AsyncConnection, command: Command, *, fits: Callable[[Release], bool], nothing: str) -> Release:
    """Find the release that a command means, locked for a change.

    A named one (id or number) is taken as it is; otherwise it must be the only one that `fits` among the newest of
    each place. `NotFound` says `nothing`, `NotUnderstood` lists the candidates.
    """
    if command.release or command.number is not None:
        return await named(c, command, lock=True)
    candidates = [release for release in await newest(c, command.service, command.environment) if fits(release)]
    if not candidates:
        raise NotFound(nothing)
    if len(candidates) > 1:
        places = names(f"{release.service} {release.environment}" for release in candidates)
        raise NotUnderstood(say("which.release", places=places))
    return await releases.get(c, candidates[0].id, lock=True)


async def named(c: AsyncConnection, command: Command, *, lock: bool = False) -> Release:
    """Read the release that a command names by its id or, with a service, by its number."""
    if command.release:
        return await releases.get(c, command.release, lock=lock)
    if not command.service or command.number is None:
        raise NotUnderstood(say("missing.service_of_number", number=command.number))
    found = await releases.by_number(c, command.service, command.number)
    return await releases.get(c, found.id, lock=lock)


async def newest(c: AsyncConnection, service: str | None, environment: str | None) -> Sequence[Release]:
    """Give the newest release of each place, newest first, active ones always."""
    places: dict[tuple[str, str], Release] = {}
    recent = await releases.recent(c, service=service, environment=environment, limit=100)
    active = [
        release
        for release in await releases.all_active(c)
        if service in (None, release.service) and environment in (None, release.environment)
    ]
    for release in [*active, *recent]:
        places.setdefault((release.service, release.environment), release)
    return list(places.values())


async def must_be_newest(c: AsyncConnection, release: Release) -> None:
    """Raise `Conflict` if another release of the same place came later: what an old card offers would undo that."""
    latest = await releases.recent(c, service=release.service, environment=release.environment, limit=1)
    if latest and latest[0].id != release.id:
        raise Conflict(say("conflict.newer", label=release.label, newer=latest[0].label))
