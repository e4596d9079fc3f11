"""The verbs that make a release: deploy, promote, roll back."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.catalogue import Environment
from bot.core import policy
from bot.core.commands import Accepted, Command, Offered, Verb
from bot.core.errors import Conflict, NotFound
from bot.core.events import ApprovalGiven, Deployed, Event, ReleaseRequested
from bot.core.history import last_good
from bot.core.model import Actor, Decision, Release, ReleaseKind, Status, Surface
from bot.core.ports import Capability
from bot.core.wording import say
from bot.desk import offering
from bot.desk.finding import must_be_newest, named
from bot.desk.parts import Parts
from bot.store import events, holds, intents, record, releases
from bot.store.intents import Arguments, Task


async def deploy(desk: Parts, actor: Actor, command: Command, key: str) -> Accepted | Offered:
    """Record the wish to ship a revision; or, if a run already waits before this environment, offer that one."""
    service, name, environment = desk.environment(command.service, command.environment)
    policy.may_deploy(actor, desk.catalogue.rules(service, name))
    waiting = await offering.waiting_run(desk, service, name, environment, ref=command.ref)
    if waiting and not command.fresh:
        return await offering.offer(desk, actor, service, name, waiting)
    now = desk.clock()
    async with desk.change(key) as c:
        release = await _release(desk, c, actor, command, kind=ReleaseKind.DEPLOY, environment=environment)
        release = release.model_copy(update={"ref": command.ref})
        await _record(desk, c, release, key)
        if waiting:
            replaced = Arguments(run_id=waiting.run.id, abandon=True, reason=say("stop.replaced", label=release.label))
            await intents.add(c, release.id, Task.STOP, replaced, now)
        await intents.add(c, release.id, Task.START, Arguments(), now)
    desk.tell(release)
    return Accepted(verb=Verb.DEPLOY, release=release)


async def promote(desk: Parts, actor: Actor, command: Command, key: str) -> Accepted:
    """Ship exactly the waiting run that was offered; the tap counts as an approval where this person may approve."""
    service, name, environment = desk.environment(command.service, command.environment)
    rules = desk.catalogue.rules(service, name)
    policy.may_deploy(actor, rules)
    waiting = await offering.waiting_run(desk, service, name, environment, ref=None)
    now = desk.clock()
    async with desk.change(key) as c:
        if waiting is None or waiting.run.id != command.run_id or waiting.token != command.gate:
            raise Conflict(say("conflict.not_waiting", service=service, environment=name))
        own_yes = offering.may_approve(actor, rules, waiting) is None
        said = Decision(approved=True, by=actor.person, comment=command.reason, at=now)
        decisions = (said,) if own_yes else ()
        release = await _release(desk, c, actor, command, kind=ReleaseKind.PROMOTE, environment=environment)
        release = release.model_copy(
            update={
                "requested_by": waiting.asked_by if decisions and waiting.asked_by else actor.person,
                "run_asked_by": tuple(sorted(waiting.behind)),
                "run_id": waiting.run.id,
                "run": waiting.run,
                "revision": waiting.run.revision,
                "status": Status.WAITING,
                "gate": waiting.token,
                "approvals": decisions,
            }
        )
        told: list[Event] = [
            ApprovalGiven(token=waiting.token, decision=decision, given=1, needed=rules.approvals)
            for decision in decisions
        ]
        await _record(desk, c, release, key, told)
        if decisions and rules.approvals <= 1:
            yes = Arguments(gate=waiting.token, decision=decisions[0])
            await intents.add(c, release.id, Task.DECIDE, yes, now)
    desk.tell(release)
    return Accepted(verb=Verb.PROMOTE, release=release, given=len(decisions), needed=rules.approvals)


async def roll_back(desk: Parts, actor: Actor, command: Command, key: str) -> Accepted:
    """Bring an environment back to what it ran well before."""
    seen = None
    if command.release or command.number is not None:
        async with desk.database.read() as c:
            seen = await named(c, command)
        command = command.model_copy(update={"service": seen.service, "environment": seen.environment})
    service, name, environment = desk.environment(command.service, command.environment)
    policy.may_deploy(actor, desk.catalogue.rules(service, name))
    backend = desk.backends[environment.backend]
    now = desk.clock()
    async with desk.change(key) as c:
        active = await releases.active_in(c, service, name)
        if active:
            raise Conflict(
                say("conflict.active", label=active.label, service=service, environment=name),
                fix=say("conflict.stop_first"),
            )
        if seen:
            await must_be_newest(c, seen)
        good = await _last_good(c, service, name)
        if good is None:
            raise NotFound(say("unknown.last_good", service=service, environment=name))
        release = await _release(desk, c, actor, command, kind=ReleaseKind.ROLLBACK, environment=environment)
        release = release.model_copy(update={"revision": good.revision})
        if environment.stage and Capability.ROLL_BACK in backend.capabilities:
            await _record(desk, c, release, key)
            back = Arguments(stage=environment.stage, to=good.run_id)
            await intents.add(c, release.id, Task.ROLL_BACK, back, now)
        else:
            release = release.model_copy(update={"ref": good.revision.id if good.revision else None})
            await _record(desk, c, release, key)
            await intents.add(c, release.id, Task.START, Arguments(), now)
    desk.tell(release)
    return Accepted(verb=Verb.ROLLBACK, release=release)


async def _last_good(c: AsyncConnection, service: str, environment: str) -> Deployed | None:
    logged = await events.deployments(c, service, environment, limit=200)
    deployments = [entry.event for entry in reversed(logged) if isinstance(entry.event, Deployed)]
    newest = await releases.recent(c, service=service, environment=environment, limit=1)
    broken = bool(newest and logged) and newest[0].id != logged[0].release_id and touched(newest[0])
    return last_good(deployments, broken=broken)


def touched(release: Release) -> bool:
    """Tell whether a release that did not end well may have changed its environment."""
    if release.status is Status.SUCCEEDED or release.run is None:
        return False
    stages = [release.run.stage(release.stage)] if release.stage else list(release.run.stages)
    return any(stage is not None and stage.status is not Status.QUEUED for stage in stages)


async def _release(
    desk: Parts, c: AsyncConnection, actor: Actor, command: Command, *, kind: ReleaseKind, environment: Environment
) -> Release:
    service, name, _ = desk.environment(command.service, command.environment)
    now = desk.clock()
    return Release(
        id=desk.new_id(),
        number=await releases.next_number(c, service),
        service=service,
        environment=name,
        reason=command.reason,
        kind=kind,
        requested_by=actor.person,
        surface=actor.surface,
        conversation=actor.conversation,
        backend=environment.backend,
        stage=environment.stage,
        approvals_needed=desk.catalogue.rules(service, name).approvals,
        held=await holds.of(c, service, desk.sharing(service, name)),
        created=now,
        updated=now,
    )


async def _record(desk: Parts, c: AsyncConnection, release: Release, key: str, told: list[Event] | None = None) -> None:
    now = release.created
    channel = desk.catalogue.card_channel(release.service) or (
        release.conversation if release.surface is Surface.SLACK else None
    )
    requested = ReleaseRequested(by=release.requested_by, how=release.kind, ref=release.ref, reason=release.reason)
    card = (desk.new_id(), channel) if channel else None
    try:
        await record.new(c, release, [requested, *(told or [])], card=card, now=now)
    except Conflict as conflict:
        active = await releases.active_in(c, release.service, release.environment)
        if active is None:
            raise
        raise Conflict(conflict.sentence, fix=say("conflict.wait_or_stop")) from conflict
    await intents.remember(c, key, release.id, now)
