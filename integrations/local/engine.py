"""The transactional state machine: every change of a pipeline's executions is one transaction, then its effects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import Decision
from bot.core.ports import RetryScope, Sharing, Transactions
from integrations.local import executions, outcomes, pipelines, records, verbs
from integrations.local.actions import Outcome, Result
from integrations.local.advance import advance
from integrations.local.artifacts import ArtifactStore
from integrations.local.cluster import ClusterRunner
from integrations.local.executions import Wish
from integrations.local.host import Host, own
from integrations.local.intents import Work
from integrations.local.journal import Change, Journal
from integrations.local.nudges import Nudges
from integrations.local.pipelines import Home
from integrations.local.providers import Providers
from integrations.local.records import Effects
from integrations.local.refusals import ApprovalAlreadyCompleted, InvalidApprovalToken
from integrations.local.runner import AttemptRunner, InProcessRunner
from integrations.local.states import Direction, ExecutionRow, Hook, PipelineRows, State
from integrations.local.tables import ACTIONS, ATTEMPTS, EXECUTIONS
from integrations.local.transitions import set_way
from integrations.local.work import LOST, Workshop
from integrations.specs.pipeline import PipelineDeclaration

log = logging.getLogger(__name__)

Verb = Callable[[PipelineRows, ExecutionRow], ExecutionRow]
STATE_OF: Mapping[Outcome, State] = {
    Outcome.SUCCEEDED: State.SUCCEEDED,
    Outcome.FAILED: State.FAILED,
    Outcome.ABANDONED: State.ABANDONED,
    Outcome.INTERRUPTED: State.UNKNOWN,
}
WORKING = ("Source", "Build", "Test", "Deploy", "Invoke", "Compute", "Rule")
"""The categories of what is carried out; approvals only wait, perhaps a thousand of them."""
GONE = "The pipeline no longer has the stage that it was in."
LONGEST_NAP = 60.0
"""Seconds after which the clock looks again in any case: a laptop's sleep stops timers, not time."""


class Engine:
    """Owns the executions in one database and data folder; one process at a time, unless `sharing` says otherwise."""

    def __init__(
        self,
        database: Transactions,
        data: Path,
        providers: Providers,
        *,
        host: Host,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        slots: int,
        sharing: Sharing | None = None,
    ) -> None:
        self.database, self.data, self.clock, self.new_id = database, data, clock, new_id
        self.nudges = Nudges()
        self.host = host
        self._store = ArtifactStore(data / "artifacts")
        self._workshop = Workshop(
            database=self.database, data=data, store=self._store, providers=providers, host=self.host, clock=clock,
            record=self._record, nudge=self.nudges.put,
        )  # fmt: skip
        self._sharing = sharing
        self.runner: AttemptRunner = (
            InProcessRunner(self._workshop.perform, slots=slots)
            if sharing is None
            else ClusterRunner(
                self._workshop, self.database, sharing, me=f"{host.name}-{host.pid}-{new_id()}",
                under_way=self._under_way, give_up=self._give_up, nudge=self.nudges.put,
            )
        )  # fmt: skip
        self.journal: Journal | None = None
        """Set it before `open`."""
        self._lock: IO[str] | None = None
        self._due = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take the data folder, take over what was under way, and start the clock.

        Raises `Misconfigured` if another process has the folder.
        """
        self._lock = own(self.data) if self._sharing is None else None
        try:
            await asyncio.to_thread(self._store.open, shared=self._sharing is not None)
            await self.runner.open()
            await self._take_over()
        except BaseException:
            if self._lock:
                self._lock.close()
            raise
        self._pump = asyncio.create_task(self._tick_on(), name="local engine clock")

    async def _take_over(self) -> None:
        """Have carried out what the rows say is under way; what runs here already is left alone."""
        for action_id, attempt, abandon in await self._under_way():
            await self.runner.submit(action_id, attempt)
            if abandon:
                await self.runner.cancel(action_id, attempt)

    async def _under_way(self) -> list[tuple[str, int, bool]]:
        """Give what is to run: action, attempt, and whether it is to be abandoned."""
        query = (
            sa.select(ACTIONS.c.id, ACTIONS.c.attempt, EXECUTIONS.c.abandon)
            .join(EXECUTIONS, ACTIONS.c.execution == EXECUTIONS.c.id)
            .where(ACTIONS.c.state == State.IN_PROGRESS, ACTIONS.c.category.in_(WORKING))
            .order_by(EXECUTIONS.c.created, ACTIONS.c.place)
        )
        async with self.database.read() as c:
            return [(row.id, row.attempt, row.abandon) for row in await c.execute(query)]

    async def _give_up(self, action_id: str, attempt: int) -> None:
        """Record of an attempt that whoever ran it ended without a word."""
        async with self.database.read() as c:
            execution_id = await c.scalar(sa.select(ACTIONS.c.execution).where(ACTIONS.c.id == action_id))
        now = self.clock()

        def unknown(_: PipelineRows, run: ExecutionRow) -> ExecutionRow:
            return verbs.finish(run, action_id, attempt, state=State.UNKNOWN, detail=LOST, now=now)

        await self.change(str(execution_id), unknown)

    async def close(self, *, kill: bool = False) -> None:
        """Stop. Builds go on by themselves and are taken over at the next `open`; with `kill` everything ends now."""
        if self._pump:
            self._pump.cancel()
            with suppress(asyncio.CancelledError):
                await self._pump
        self._workshop.leaving, self._workshop.closing = not kill, kill
        await self.runner.close(kill=kill)
        self.nudges.close()
        if self._lock:
            self._lock.close()

    async def define(self, c: AsyncConnection, home: Home, pipeline: PipelineDeclaration) -> tuple[int, Effects]:
        """Within a transaction, keep a pipeline as it is said to be now; gives its version.

        Executions that are in, or before, a stage that it no longer has are cancelled (API reference,
        "PipelineExecution": `Cancelled`); the others go on as they were when they began.
        """
        version, lost = await pipelines.define(c, home, pipeline, self.clock())
        effects = Effects()
        for execution_id in lost:
            effects.add(await self._apply(c, home.file, execution_id, lambda _, run: verbs.cancel(run, GONE)))
        return version, effects

    async def begin(self, c: AsyncConnection, wish: Wish) -> tuple[str, Effects]:
        """Within a transaction that has locked its pipeline, begin an execution; gives its id, or its forerunner's."""
        if not await executions.insert(c, wish):
            e = EXECUTIONS.c
            again = await c.scalar(sa.select(e.id).where(e.file == wish.file, e.token == wish.token))
            return str(again), Effects()
        effects = await self._settle(c, wish.file, wish.id, begun=True)
        effects.touched.add(wish.id)
        return wish.id, effects

    async def change(self, execution_id: str, verb: Verb, file: str | None = None) -> None:
        """Apply a verb to one execution, and all that follows; raises `RunNotFound`, and what the verb raises."""
        async with self.database.write() as c:
            effects = await self._apply(c, await records.lock_of(c, execution_id, file), execution_id, verb)
        await self.follow(effects)

    async def _settle(
        self, c: AsyncConnection, file: str, execution_id: str | None = None, *, begun: bool = False
    ) -> Effects:
        """Within a transaction, decide all that happens next by itself; `follow` its effects after the commit."""
        return await self._apply(
            c, file, execution_id, lambda _, execution: execution, begun=execution_id if begun else None
        )

    async def _apply(
        self, c: AsyncConnection, file: str, execution_id: str | None, verb: Verb, *, begun: str | None = None
    ) -> Effects:
        before = await records.load(c, file, execution_id)
        after = before
        if execution_id is not None:
            after = before.put(verb(before, before.find(execution_id)))
        now = self.clock()
        after = advance(after, now, self.new_id)
        effects = await records.save(c, file, before, after, host=self.host, now=now)
        if self.journal:
            await self.journal.note(c, Change(before, after, now, begun))
        for failed in list(effects.rolls_back):
            effects.add(await self._bring_back(c, file, after.find(failed)))
        return effects

    async def _bring_back(self, c: AsyncConnection, file: str, failed: ExecutionRow) -> Effects:
        """Begin the rollback that a stage's condition asks for; without anything to go back to, say so."""
        past = await executions.last_good(c, file, failed.stage.name, failed.id)
        stage, effects, word = None, Effects(), "There is no earlier run to go back to."
        if past is not None and (pipeline := await executions.declared(c, file, past.version)) is not None:
            stage = pipeline.stage(failed.stage.name)
        if past is not None and stage is not None:
            wish = executions.rollback_wish(
                past, stage, new_id=self.new_id(), token=f"{failed.id}#{failed.stage.attempt}",
                trigger=executions.AUTOMATIC, detail=failed.id, now=self.clock(),
            )  # fmt: skip
            _, effects = await self.begin(c, wish)
            word = f"It goes back to run {past.number}."
        else:
            effects = await self._settle(c, file)  # whoever waits for the stage may come in now
        said = f"{failed.detail} {word}"
        await c.execute(sa.update(EXECUTIONS).where(EXECUTIONS.c.id == failed.id).values(detail=said))
        return effects

    async def follow(self, effects: Effects) -> None:
        """Do what a committed change asks for: submit, cancel, nudge."""
        if self.journal:
            self.journal.committed()
        for execution_id in effects.touched:
            self.nudges.put(execution_id)
        for action_id, attempt in effects.started:
            await self.runner.submit(action_id, attempt)
        for action_id, attempt in effects.cancelled:
            await self.runner.cancel(action_id, attempt)
        if effects.expires and (effects.expires - self.clock()).total_seconds() < LONGEST_NAP:
            self._due.set()  # for what comes later, the clock looks before in any case

    async def stop(self, file: str, execution_id: str, reason: str, *, abandon: bool, once: bool = False) -> None:
        """Stop an execution; a finished one stays as it is, unless `once`: then that, or a second time, is refused."""
        verb = verbs.stop_once if once else verbs.stop
        await self.change(execution_id, lambda _, execution: verb(execution, reason, abandon=abandon), file)

    async def retry(
        self, file: str, execution_id: str, stage: str, *, scope: RetryScope, attempt: int, settings: Mapping[str, Any]
    ) -> None:
        """Retry a stage, with the settings that the catalogue has now; raises `Conflict`."""
        async with self.database.write() as c:
            await records.lock_of(c, execution_id, file)
            newer = await records.newer_in(c, file, stage, execution_id)
            await c.execute(sa.update(EXECUTIONS).where(EXECUTIONS.c.id == execution_id).values(settings=settings))
            effects = await self._apply(
                c,
                file,
                execution_id,
                lambda rows, run: verbs.retry(rows, run, stage, scope=scope, attempt=attempt, newer=newer),
            )
        await self.follow(effects)

    async def override(self, file: str, execution_id: str, stage: str, hook: Hook, *, attempt: int) -> None:
        """Let a stage go on although its condition has failed; raises `Conflict`."""
        async with self.database.write() as c:
            await records.lock_of(c, execution_id, file)
            newer = await records.newer_in(c, file, stage, execution_id)
            effects = await self._apply(
                c,
                file,
                execution_id,
                lambda rows, run: verbs.override(rows, run, stage, hook, attempt=attempt, newer=newer),
            )
        await self.follow(effects)

    async def decide(self, file: str, execution_id: str, token: str, decision: Decision) -> None:
        """Answer a gate once: the same answer again changes nothing, another one is a `Conflict`."""
        a, t = ACTIONS.c, ATTEMPTS.c
        async with self.database.write() as c:
            await records.lock_of(c, execution_id, file)
            query = (
                sa.select(t.action, t.decision, t.state)
                .join(ACTIONS, t.action == a.id)
                .where(t.token == token, a.execution == execution_id)
            )
            gate = (await c.execute(query)).one_or_none()
            if gate is None:
                raise InvalidApprovalToken
            past = Decision.model_validate(gate.decision) if gate.decision else None
            if past is not None and past.approved == decision.approved:
                return
            if past is not None:
                word = "approved" if past.approved else "rejected"
                raise ApprovalAlreadyCompleted(f"{past.by} has {word} this already.")

            def answer(_: PipelineRows, execution: ExecutionRow) -> ExecutionRow:
                action = next((a for a in execution.actions if a.id == gate.action and a.token == token), None)
                if action is None:
                    raise InvalidApprovalToken("This run no longer waits for that answer.")
                return verbs.decide(execution, action, decision, self.clock())

            effects = await self._apply(c, file, execution_id, answer)
        await self.follow(effects)

    async def hold(
        self,
        file: str,
        stage: str,
        reason: str | None,
        *,
        direction: Direction = Direction.INBOUND,
        by: str = "",
    ) -> None:
        """Close the way into a stage, or out of it, or open it again (`None`)."""
        async with self.database.write() as c:
            await records.lock(c, file)
            waiting = await set_way(c, file, stage, direction, reason=reason, by=by, now=self.clock())
            effects = Effects()
            for execution_id in waiting:  # one by one, since parallel executions are only looked at so
                effects.add(await self._settle(c, file, execution_id))
            effects.touched.update(waiting)
        await self.follow(effects)

    async def _record(self, work: Work, result: Result, digests: Mapping[str, str]) -> None:
        """Write an attempt's outcome and all that follows from it, in one transaction."""
        async with self.database.write() as c:
            if c.dialect.name == "postgresql":  # on SQLite the transaction alone keeps others out
                await records.lock(c, work.file)
            if not await outcomes.write(c, work, result, digests, self.clock()):
                return
            state, now = STATE_OF[result.outcome], self.clock()

            def over(_: PipelineRows, run: ExecutionRow) -> ExecutionRow:
                return verbs.finish(
                    run, work.action_id, work.attempt, state=state, detail=result.detail, now=now, error=result.error
                )

            effects = await self._apply(c, work.file, work.execution_id, over)
        await self.follow(effects)

    async def tick(self) -> float:
        """Do what is due by now; gives the seconds until it should be called again.

        Also finds attempts that nobody works on, as after a commit whose answer got lost.
        """
        a = ACTIONS.c
        timed = sa.and_(a.state == State.IN_PROGRESS, a.wake.is_not(None))
        async with self.database.read() as c:
            now = self.clock()
            query = sa.select(a.id, a.attempt, a.execution, a.category).where(timed, a.wake <= now)
            due = (await c.execute(query)).all()
            following = await c.scalar(sa.select(sa.func.min(a.wake)).where(timed, a.wake > now))
        for execution_id in dict.fromkeys(row.execution for row in due if row.category == "Approval"):
            await self.change(execution_id, lambda _, execution: verbs.expire(execution, now))
        for row in due:
            if row.category != "Approval":  # its processes end first; then its runner records it
                await self.runner.cancel(row.id, row.attempt)
        await self._take_over()
        return LONGEST_NAP if following is None else min(LONGEST_NAP, (following - now).total_seconds())

    async def _tick_on(self) -> None:
        while True:
            self._due.clear()
            try:
                nap = await self.tick()
            except (DBAPIError, OSError):
                log.warning("the database does not answer; the clock looks again soon", exc_info=True)
                nap = 5.0
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), max(nap, 0.01))
