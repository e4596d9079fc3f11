"""The verbs that let an ended release go on: retry its failed stage, or override the condition that holds it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core import policy
from bot.core.changes import held, scope
from bot.core.commands import Accepted, Command, Verb
from bot.core.errors import Conflict, NotFound, NotUnderstood
from bot.core.events import Event, OverrideRequested, RetryRequested
from bot.core.model import Actor, Release, Run, Stage, Status
from bot.core.wording import say
from bot.desk.finding import meant, must_be_newest
from bot.desk.parts import Parts
from bot.store import intents, record
from bot.store.intents import Arguments, Task

RETRYABLE = frozenset({Status.FAILED, Status.STOPPED, Status.UNKNOWN})
"""How a release has ended that may go on."""


async def retry(desk: Parts, actor: Actor, command: Command, key: str) -> Accepted:
    """Ask to run the failed stage of an environment's newest release again, in the same run."""
    async with desk.change(key) as c:
        release = await meant(c, command, fits=lambda each: each.status in RETRYABLE, nothing=say("nothing.failed"))
        rules = desk.catalogue.rules(release.service, release.environment)
        if rules.production and not (command.release or command.service):
            place = f"{release.service} {release.environment}"
            raise NotUnderstood(say("which.production", label=release.label, place=place))
        policy.may_deploy(actor, rules)
        if release.active or release.status not in RETRYABLE:
            raise Conflict(say("conflict.not_failed", label=release.label, status=say(f"status.{release.status}")))
        await must_be_newest(c, release)
        run = release.run
        failed = [stage for stage in scope(run, release.stage) if stage.status in RETRYABLE] if run else []
        if run is None or not failed:
            raise NotFound(say("nothing.to_retry", label=release.label), fix=say("nothing.to_retry.fix"))
        _must_be_seen(release, run, command)
        stage = failed[-1]
        told = RetryRequested(by=actor.person, stage=stage.name, attempt=stage.attempt)
        after = await _goes_on(desk, c, release, run, told)
        again = Arguments(stage=stage.name, attempt=stage.attempt, whole=command.whole)
        await intents.add(c, release.id, Task.RETRY, again, after.updated)
        await intents.remember(c, key, release.id, after.updated)
    desk.tell(after)
    return Accepted(verb=Verb.RETRY, release=after)


async def override(desk: Parts, actor: Actor, command: Command, key: str) -> Accepted:
    """Ask to let a stage go on although its condition failed, in the same run; the reason is kept for everybody."""
    if not command.reason:
        raise NotUnderstood(say("override.why"), fix=say("override.why.fix"))
    async with desk.change(key) as c:
        release = await meant(c, command, fits=_is_held, nothing=say("nothing.held"))
        rules = desk.catalogue.rules(release.service, release.environment)
        if rules.production and not (command.release or command.service):
            place = f"{release.service} {release.environment}"
            raise NotUnderstood(say("override.production", label=release.label, place=place))
        policy.may_override(actor, rules, desk.catalogue.behind(release))
        run, stage = release.run, _held(release)
        if run is None or stage is None or stage.held is None:
            raise Conflict(say("conflict.not_held", label=release.label, status=say(f"status.{release.status}")))
        await must_be_newest(c, release)
        _must_be_seen(release, run, command)
        told = OverrideRequested(
            by=actor.person, stage=stage.name, condition=stage.held, attempt=stage.attempt, reason=command.reason
        )
        after = await _goes_on(desk, c, release, run, told)
        passes = Arguments(stage=stage.name, attempt=stage.attempt, condition=stage.held)
        await intents.add(c, release.id, Task.OVERRIDE, passes, after.updated)
        await intents.remember(c, key, release.id, after.updated)
    desk.tell(after)
    return Accepted(verb=Verb.OVERRIDE, release=after)


def _is_held(release: Release) -> bool:
    return _held(release) is not None


def _held(release: Release) -> Stage | None:
    return None if release.active else held(release.run, release.stage)


def _must_be_seen(release: Release, run: Run, command: Command) -> None:
    if command.attempt is not None and command.attempt != run.attempt:
        raise Conflict(say("conflict.retried", label=release.label))


async def _goes_on(desk: Parts, c: AsyncConnection, release: Release, run: Run, told: Event) -> Release:
    """Write down that an ended release is under way again; a look from before the next attempt can't end it."""
    now = desk.clock()
    after = release.model_copy(
        update={
            "active": True,
            "status": Status.RUNNING,
            "detail": "",
            "finished": None,
            "stopped_by": None,
            "min_attempt": run.attempt + 1,
            "version": release.version + 1,
            "updated": now,
        }
    )
    await record.change(c, release, after, [told], now)
    return after
