"""The run that already waits before an environment: finding it, and saying what it contains."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.catalogue import Environment
from bot.core import policy
from bot.core.commands import Coming, Offered
from bot.core.errors import BackendUnavailable, RunNotFound, SaysoError
from bot.core.events import Deployed
from bot.core.model import Actor, ReleaseKind, Revision, Run
from bot.core.policy import Rules
from bot.core.wording import say
from bot.desk.parts import Parts
from bot.store import events, holds, releases

_LOOKED_AT = 3
"""How many of the newest unfinished runs are asked after."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits at a gate before an environment's stage."""

    run: Run
    token: str
    since: datetime | None
    asked_by: str | None
    """Who started it, if that was a person through Sayso."""
    behind: frozenset[str]
    """Everybody who asked for something that this run carries out."""
    newer: Run | None = None
    """A newer run on its way that has not come so far."""


async def waiting_run(
    desk: Parts, service: str, name: str, environment: Environment, *, ref: str | None
) -> Waiting | None:
    """Find the newest run that waits before this environment's stage; with `ref` only one that ships just that.

    Only runs that an earlier release left unfinished are asked after, so a first deploy never waits for a backend.
    Raises `BackendUnavailable` if the backend takes too long: starting another run then would be a guess.
    """
    stages = desk.catalogue.environments_by_stage(service, name)
    if environment.stage is None:
        return None
    async with desk.database.read() as c:
        if await releases.active_in(c, service, name):
            return None  # the database says it better: another release is active
        earlier = [
            release for release in await releases.with_open_runs(c, service) if release.environment in stages.values()
        ]
    run_ids = list(dict.fromkeys(release.run_id for release in earlier if release.run_id))[:_LOOKED_AT]
    backend = desk.backends[environment.backend]
    try:
        async with asyncio.timeout(desk.patience):
            newer = None
            for run_id in run_ids:
                try:
                    run = await backend.observe(environment.target, run_id)
                except RunNotFound:
                    continue
                if found := await _waits_before(desk, environment, stages, run):
                    if ref and not (run.revision and (run.revision.ref == ref or run.revision.id.startswith(ref))):
                        continue
                    return replace(found, newer=newer)
                if newer is None and not run.status.finished:
                    newer = run
    except TimeoutError as error:
        raise BackendUnavailable(say("unavailable.offer", environment=name)) from error
    return None


async def _waits_before(desk: Parts, environment: Environment, stages: dict[str, str], run: Run) -> Waiting | None:
    if run.open_gate is None:
        return None
    order = [stage.name for stage in run.stages]
    stage, action, gate = run.open_gate
    if environment.stage not in order:
        return None
    between = order[order.index(stage.name) : order.index(environment.stage)]
    if order.index(stage.name) > order.index(environment.stage) or any(each in stages for each in between):
        return None
    async with desk.database.read() as c:
        sharing = await releases.of_run(c, environment.backend, run.id)
    starters = [release.requested_by for release in sharing if release.kind is ReleaseKind.DEPLOY]
    if pusher := desk.catalogue.person_known_as(
        run.started_by
    ):  # perhaps nobody of the catalogue when its release was recorded
        starters.append(pusher)
    return Waiting(
        run=run,
        token=gate.token,
        since=action.started,
        asked_by=starters[0] if starters else None,
        behind=frozenset([*(release.requested_by for release in sharing), *starters]),
    )


def may_approve(actor: Actor, rules: Rules, waiting: Waiting) -> SaysoError | None:
    """Tell why this person's tap can't count as the approval; None if it can."""
    try:
        policy.may_decide(actor, rules, waiting.behind, ())
    except SaysoError as error:
        return error
    return None


async def offer(desk: Parts, actor: Actor, service: str, name: str, waiting: Waiting) -> Offered:
    """Say what waits there and whether this person's tap would approve it."""
    rules = desk.catalogue.rules(service, name)
    why_not = may_approve(actor, rules, waiting)
    async with desk.database.read() as c:
        deployed = await events.deployments(c, service, name, limit=1)
        newer = waiting.newer and await _coming(c, desk, waiting.newer, service, name)
        held = (await holds.standing(c, service)).get((service, name))
        current = deployed[0].event.revision if deployed and isinstance(deployed[0].event, Deployed) else None
        contains: dict[str, Revision] = {}
        for other in desk.catalogue.environments_by_stage(service, name).values():
            since = deployed[0].position if deployed else 0
            for entry in await events.deployments(c, service, other):
                if not isinstance(entry.event, Deployed) or entry.position <= since:
                    continue
                if entry.event.run_id == waiting.run.id:
                    contains.clear()  # what came there after this run is not in it
                revision = entry.event.revision
                if revision and revision.id != (current.id if current else None):
                    contains.setdefault(revision.id, revision)
    if waiting.run.revision and waiting.run.revision.id != (current.id if current else None):
        contains = {waiting.run.revision.id: waiting.run.revision} | contains
    return Offered(
        service=service,
        environment=name,
        run_id=waiting.run.id,
        gate=waiting.token,
        revision=waiting.run.revision,
        started_by=waiting.asked_by or waiting.run.trigger,
        waiting_since=waiting.since,
        contains=tuple(
            f"{revision.short} {revision.summary}" + (f" ({revision.author})" if revision.author else "")
            for revision in contains.values()
        ),
        current=current,
        may_approve=why_not is None,
        why_not="" if why_not is None else str(why_not),
        held=held,
        newer=newer,
    )


async def _coming(c: AsyncConnection, desk: Parts, run: Run, service: str, name: str) -> Coming:
    sharing = await releases.of_run(c, desk.catalogue.environment(service, name).backend, run.id)
    started_by = sharing[0].requested_by if sharing else run.trigger
    return Coming(run_id=run.id, revision=run.revision, started_by=started_by)
