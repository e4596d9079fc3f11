"""Carries out one intent at a backend, and writes down what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.catalogue import Environment
from bot.core.changes import outcome
from bot.core.errors import BackendError, BackendUnavailable, Conflict, SaysoError
from bot.core.events import Event, ReleaseFinished, VerbFailed
from bot.core.model import Release, Status
from bot.core.ports import Backend, RetryScope
from bot.core.wording import say
from bot.incidents import incident
from bot.store import intents, record, releases
from bot.store.database import Database
from bot.store.intents import Intent, Task

_log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(minutes=15)
"""How long a backend may be out of reach before a wish to start is called off."""
_TRIES = 5
"""Of something that fails in a way nobody expected."""


async def carry_out(
    database: Database,
    backend: Backend,
    environment: Environment,
    intent: Intent,
    clock: Callable[[], datetime],
) -> bool:
    """Do what the intent says; tell whether it is settled, well or not. False: try again later.

    The backend's verbs may be repeated safely, so an intent that was carried out just before a crash is simply
    carried out again.
    """
    async with database.read() as c:
        release = await releases.get(c, intent.release_id)
    try:
        run_id = await _call(backend, environment, release, intent)
    except BackendUnavailable as error:
        late = clock() - intent.created > GIVE_UP_AFTER
        return (
            await _failed(database, intent, error, clock, status=Status.UNKNOWN)
            if late
            else await _later(database, intent)
        )
    except (BackendError, Conflict) as error:
        return await _failed(database, intent, error, clock, status=Status.FAILED)
    except Exception as error:  # noqa: BLE001 - a backend's own mistake must not end the watching of this release
        number = incident(_log, f"{intent.task} of release {intent.release_id}", error)
        if intent.tries + 1 < _TRIES:
            return await _later(database, intent)
        unexpected = SaysoError(say("incident", number=number))
        return await _failed(database, intent, unexpected, clock, status=Status.UNKNOWN)
    async with database.write() as c:
        await intents.done(c, intent)
        if run_id is not None:
            release = await releases.get(c, intent.release_id, lock=True)
            if release.run_id != run_id:
                started = release.model_copy(
                    update={"run_id": run_id, "version": release.version + 1, "updated": clock()}
                )
                await record.change(c, release, started, (), clock())
    return True


async def _call(backend: Backend, environment: Environment, release: Release, intent: Intent) -> str | None:
    """Call the verb; give the run's id if it started one."""
    target, said = environment.target, intent.arguments
    run_id = said.run_id or release.run_id
    match intent.task:
        case Task.START:
            return await backend.start(target, release)
        case Task.ROLL_BACK:
            assert said.stage and said.to
            return await backend.roll_back(target, release, said.stage, said.to)
        case Task.DECIDE:
            assert run_id and said.gate and said.decision
            await backend.decide(target, run_id, said.gate, said.decision)
        case Task.STOP if run_id:
            await backend.stop(target, run_id, said.reason, abandon=said.abandon)
        case Task.STOP:
            pass  # it never came to a run: starting it has failed, and that was written down
        case Task.RETRY:
            assert run_id and said.stage and said.attempt
            scope = RetryScope.ALL_ACTIONS if said.whole else RetryScope.FAILED_ACTIONS
            await backend.retry(target, run_id, said.stage, scope, said.attempt)
        case Task.OVERRIDE:
            assert run_id and said.stage and said.attempt and said.condition
            await backend.override(target, run_id, said.stage, said.condition, said.attempt)
    return None


async def _later(database: Database, intent: Intent) -> bool:
    async with database.write() as c:
        await intents.tried(c, intent)
    return False


async def _failed(
    database: Database, intent: Intent, error: SaysoError, clock: Callable[[], datetime], *, status: Status
) -> bool:
    """Write down that it can't be done: a release that can't start or go on has ended, anything else is told.

    `status` is FAILED if the backend refused, and UNKNOWN if it did not answer and so may have done it all the same.
    """
    now = clock()
    async with database.write() as c:
        release = await releases.get(c, intent.release_id, lock=True)
        if await intents.is_done(c, intent):
            return True  # by another server, which took over while this one was silent
        detail = str(error)
        told: list[Event] = [VerbFailed(verb=intent.task.value, detail=detail)]
        update: dict[str, object] = {"version": release.version + 1, "updated": now}
        if intent.task is Task.DECIDE:
            update |= {"gate": None, "approvals": ()}  # if it is still open, people may answer again
        if intent.task is Task.STOP:
            update["stopped_by"] = None
        goes_on = intent.task in {Task.RETRY, Task.OVERRIDE}
        if goes_on and status is Status.UNKNOWN:
            # Nobody knows whether the backend has done it: the next look tells, whichever attempt it shows.
            update["min_attempt"] = 1
        elif (goes_on or intent.task in {Task.START, Task.ROLL_BACK}) and release.active:
            if goes_on and release.run:
                status, _ = outcome(release.run, release.stage)
            update |= {
                "active": False,
                "status": status,
                "detail": detail,
                "finished": now,
                "min_attempt": 1,
                "unreachable_since": None,
            }
            attempt = release.run.attempt if release.run else 1
            seconds = (now - release.created).total_seconds()
            told.append(ReleaseFinished(status=status, attempt=attempt, detail=detail, seconds=seconds))
        await record.change(c, release, release.model_copy(update=update), told, now)
        await intents.done(c, intent)
    return True
