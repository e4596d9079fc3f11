"""Carries out one attempt: once its intent is committed its runner works, then its outcome is recorded."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from tenacity import AsyncRetrying, before_sleep_log, retry_if_exception_type, wait_exponential

from bot.core.model import Frozen, LogTail
from bot.core.ports import Transactions
from integrations.local.actions import AfterCrash, Attempt, ErrorCode, Outcome, Progress, Result, Runner
from integrations.local.artifacts import ArtifactStore
from integrations.local.host import Host
from integrations.local.intents import Intents, Work
from integrations.local.progress import Reporter
from integrations.local.providers import Providers, unavailable
from integrations.local.tables import ACTIONS, EXECUTIONS

log = logging.getLogger(__name__)
T = TypeVar("T")

LOST = "The machine or Sayso went down while it ran; nobody can say how far it came. Look, then retry or roll back."


class Done(Frozen):
    """How an attempt ended, before it is recorded."""

    result: Result
    digests: Mapping[str, str] = {}
    """Output artifact's name to what the store keeps it under."""


class Workshop:
    """Performs attempts; what it needs from the engine are `record` (an outcome and what follows) and `nudge`."""

    def __init__(
        self,
        *,
        database: Transactions,
        data: Path,
        store: ArtifactStore,
        providers: Providers,
        host: Host,
        clock: Callable[[], datetime],
        record: Callable[[Work, Result, Mapping[str, str]], Awaitable[None]],
        nudge: Callable[[str], None],
    ) -> None:
        self._database, self._store, self._providers = database, store, providers
        self._record, self._nudge = record, nudge
        self._intents = Intents(database, data, host, clock)
        self.leaving = False
        """The server goes down, and what can be re-attached goes on."""
        self.closing = False
        """The server goes down, and everything ends with it."""

    async def perform(self, action_id: str, attempt: int, cancelled: asyncio.Event) -> None:
        """Carry an attempt out and record its end; a stale one (already over, or retried since) does nothing."""
        work = await _patiently(lambda: self._intents.begin(action_id, attempt))
        if work is not None:
            await self._finish(work, await self._done(work, cancelled))

    async def carry_out(
        self, action_id: str, attempt: int, cancelled: asyncio.Event, *, unless_begun: bool = False
    ) -> Done | None:
        """Carry an attempt out, and say how it ended; None for a stale one, and if it must not have begun but has."""
        work = await _patiently(lambda: self._intents.begin(action_id, attempt, unless_begun=unless_begun))
        return None if work is None else await self._done(work, cancelled)

    async def finish(self, action_id: str, attempt: int, done: Done) -> None:
        """Record how an attempt ended, and all that follows from it; it may have been carried out elsewhere."""
        work = await _patiently(lambda: self._intents.begun(action_id, attempt))
        if work is not None:
            await self._finish(work, done)

    async def _done(self, work: Work, cancelled: asyncio.Event) -> Done:
        try:
            result = await self._carry_out(work, cancelled)
            digests = await self._keep(work, result)
        except Unfit as error:
            await asyncio.to_thread(_note, work.home, str(error))
            result, digests = Result(outcome=Outcome.FAILED, detail=str(error), error=error.code), {}
        except Exception:
            log.exception("attempt %s broke", work.key)
            sentence = f"Sayso itself failed here; its own log tells more under {work.key}."
            code = ErrorCode.SYSTEM_UNAVAILABLE
            result, digests = Result(outcome=Outcome.FAILED, detail=sentence, error=code), {}
        return Done(result=result, digests=digests)

    async def _finish(self, work: Work, done: Done) -> None:
        await _patiently(lambda: self._record(work, done.result, done.digests))
        if done.result.outcome is Outcome.SUCCEEDED:
            await asyncio.to_thread(shutil.rmtree, work.home / "work", ignore_errors=True)

    async def _carry_out(self, work: Work, cancelled: asyncio.Event) -> Result:
        make = self._providers.get(work.kind)
        if make is None:
            raise Unfit(unavailable(*work.kind, self._providers))
        runner = make(work.settings)
        if cancelled.is_set() and not work.interrupted:
            return Result(outcome=Outcome.ABANDONED, detail="Stopped before it began.")
        lost = runner.after_crash is AfterCrash.ASK or (work.moved and runner.after_crash is AfterCrash.REATTACH)
        if work.interrupted and lost:
            return Result(outcome=Outcome.INTERRUPTED, detail=LOST)
        reporter = Reporter(lambda progress: self._tell(work, progress))
        attempt = await asyncio.to_thread(self._prepare, work, runner, reporter)
        telling = asyncio.create_task(reporter.run())
        try:
            result = await self._until_done(runner, attempt, cancelled, interrupted=work.interrupted)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
        kept = ("tests", "rollout", "log", "phases", "build_number")
        told = {name: getattr(result, name) or getattr(reporter.latest, name) for name in kept}
        return result.model_copy(update=told)

    def _prepare(self, work: Work, runner: Runner, reporter: Reporter) -> Attempt:
        """Make the attempt's folders and put its inputs and variables together; raises `Unfit`."""
        if work.unresolved:
            raise Unfit(work.unresolved)
        inputs = {}
        for artifact in work.declaration.input_artifacts:
            digest = work.artifacts.get(artifact.name)
            if digest is None or not self._store.has(digest):
                gone = "it is no longer kept on this machine" if digest else "no earlier action has made it in this run"
                raise Unfit(f"Its input artifact {artifact.name} is missing: {gone}.")
            inputs[artifact.name] = self._store.folder(digest)
        folder = work.home / "work"
        if work.interrupted and runner.after_crash is AfterCrash.RERUN:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        environment = {"SAYSO_RUN": work.execution_id, "SAYSO_PIPELINE": work.pipeline, "SAYSO_STAGE": work.stage}
        if work.revision:
            environment["SAYSO_REVISION"] = work.revision.id
        return Attempt(
            id=work.key, execution_id=work.execution_id, pipeline=work.pipeline, stage=work.stage,
            declaration=work.declaration, configuration=work.configuration, inputs=inputs, folder=folder,
            log=work.home / "log.txt", base=work.base, environment=environment, revision=work.revision,
            asked_type=work.asked_type, sources=work.sources, webhook=work.webhook,
            report=reporter.report, leaving=lambda: self.leaving,
        )  # fmt: skip

    async def _until_done(
        self, runner: Runner, attempt: Attempt, cancelled: asyncio.Event, *, interrupted: bool
    ) -> Result:
        """Let the runner work; on a cancel it ends its processes first."""
        job = asyncio.create_task(runner.perform(attempt, interrupted=interrupted))
        halted = asyncio.create_task(cancelled.wait())
        try:
            await asyncio.wait({job, halted}, return_when=asyncio.FIRST_COMPLETED)
            if not job.done():
                job.cancel()
            return await job
        except asyncio.CancelledError:
            if cancelled.is_set() and job.done() and not self.leaving:
                detail = "Sayso was shut down while it ran." if self.closing else "Stopped."
                return Result(outcome=Outcome.ABANDONED, detail=detail)
            job.cancel()  # the server leaves: the runner decides by `leaving` what becomes of its processes
            await asyncio.wait({job})
            raise
        finally:
            halted.cancel()

    async def _keep(self, work: Work, result: Result) -> dict[str, str]:
        """Store the output artifacts; gives their digests by name."""
        if result.outcome is not Outcome.SUCCEEDED:
            return {}
        missing = [o.name for o in work.declaration.output_artifacts if o.name not in result.outputs]
        if missing:
            raise Unfit(f"It ended well but left no artifact {', '.join(missing)}, which the pipeline says it makes.")
        digests = {}
        for name, folder in result.outputs.items():
            try:
                digests[name] = await asyncio.to_thread(self._store.keep, Path(folder))
            except OSError as error:
                sentence = f"Its artifact {name} could not be stored: {error.strerror or error}."
                raise Unfit(sentence, ErrorCode.SYSTEM_UNAVAILABLE) from error
        return digests

    async def _tell(self, work: Work, progress: Progress) -> None:
        here = sa.and_(ACTIONS.c.id == work.action_id, ACTIONS.c.attempt == work.attempt)
        execution = EXECUTIONS.c.id == work.execution_id
        try:
            async with self._database.write() as c:
                values = {"progress": keyed(progress, work.key).model_dump(mode="json")}
                await c.execute(sa.update(ACTIONS).where(here).values(values))
                await c.execute(sa.update(EXECUTIONS).where(execution).values(changes=EXECUTIONS.c.changes + 1))
        except (DBAPIError, OSError):  # progress is a courtesy: the next word carries this one
            log.warning("progress of %s could not be written", work.key, exc_info=True)
            return
        self._nudge(work.execution_id)


async def _patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Try until the database answers: neither an attempt nor its outcome may get lost while it is away."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((DBAPIError, OSError)),
        wait=wait_exponential(max=15),
        before_sleep=before_sleep_log(log, logging.WARNING),
    )

    async def attempt() -> T:
        return await step()

    return await retrying(attempt)


def keyed(progress: Progress, key: str) -> Progress:
    """Give the log tail the key by which the whole log is had."""
    tail = (progress.log or LogTail()).model_copy(update={"key": key})
    return progress.model_copy(update={"log": tail})


def _note(home: Path, sentence: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "log.txt").open("a", encoding="utf-8") as written:
        written.write(f"[Sayso] {sentence}\n")


class Unfit(Exception):
    """The attempt can't run or its result can't be kept; the text is the sentence for the person."""

    def __init__(self, sentence: str, code: ErrorCode = ErrorCode.CONFIGURATION) -> None:
        self.code = code
        super().__init__(sentence)


def progress_of(result: Result, key: str) -> dict[str, Any]:
    """Give what stays to be seen of a finished attempt, as JSON."""
    told = Progress(
        detail=result.detail, tests=result.tests, rollout=result.rollout, log=result.log,
        phases=result.phases, build_number=result.build_number,
    )  # fmt: skip
    return keyed(told, key).model_dump(mode="json")
