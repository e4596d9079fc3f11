"""Runs attempts on several machines: DBOS on PostgreSQL hands each to one process, and again when that one dies.

The engine's rows are the truth. A DBOS workflow is one attempt and nothing else: perform it, record its end. These two
steps, their names and the application version never change, or what is under way during an upgrade is never finished.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from tenacity import AsyncRetrying, before_sleep_log, retry_if_exception_type, wait_exponential

from bot.core.errors import Misconfigured
from bot.core.ports import Sharing, Transactions
from integrations.local.actions import Progress
from integrations.local.intents import declared
from integrations.local.labels import MOST, labels_of, queue_of, queues_of
from integrations.local.members import Key, Members
from integrations.local.states import State
from integrations.local.tables import ACTIONS, EXECUTIONS
from integrations.local.target import Settings
from integrations.local.work import Done, Workshop

if TYPE_CHECKING:
    from dbos import DBOSConfig

log = logging.getLogger(__name__)

APPLICATION, VERSION = "sayso", "1"
"""Never change the version: work under way in the old one would wait for ever."""
MOST_TAKEOVERS = 100
"""After so many deaths of whoever had it, an attempt is given up: it is probably what kills them."""
POLL = 0.5
"""Seconds between two looks of DBOS for work."""
LOOK = 1.0
"""Seconds between two looks of ours at what there is to do, wherever it was decided."""
_OVER = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]

UnderWay = Callable[[], Awaitable[list[tuple[str, int, bool]]]]
"""Gives what is to run by the engine's rows: action, attempt, and whether it is to be abandoned."""
GiveUp = Callable[[str, int], Awaitable[None]]
"""Records that nobody can say how an attempt ended."""


class ClusterRunner:
    """An `AttemptRunner` among others on the same database; one in a process, since DBOS is one in a process."""

    def __init__(
        self,
        workshop: Workshop,
        database: Transactions,
        sharing: Sharing,
        *,
        me: str,
        under_way: UnderWay,
        give_up: GiveUp,
        nudge: Callable[[str], None],
    ) -> None:
        if database.engine.dialect.name != "postgresql":
            raise Misconfigured(
                "Several machines can only share the work on PostgreSQL.",
                fix="Set SAYSO_DATABASE_URL to postgresql://user@host/name, or SAYSO_RUNNER to local.",
            )
        if len(sharing.labels) > MOST:
            raise Misconfigured(f"A process can have at most {MOST} labels.", fix="Take some out of SAYSO_LABELS.")
        self._workshop, self._database, self._sharing = workshop, database, sharing
        self._under_way, self._give_up, self._nudge = under_way, give_up, nudge
        self._members = Members(database, me, sharing)
        self._library = load_dbos()
        self._workflow: Any = None
        self._queues: set[str] = set()
        self._sent: set[Key] = set()
        self._changes: dict[str, int] = {}
        self._running: dict[Key, asyncio.Event] = {}
        self._jobs: dict[Key, asyncio.Task[Done | None]] = {}
        self._news = asyncio.Event()
        self._leaving = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Join the others, and take work from now on."""
        await self._members.beat()  # before anything is taken, so that it can be missed
        self._launch()  # makes DBOS's tables if need be, one process after the other by a lock of its own
        for each in (self._look_on(), self._live(), self._heed()):
            self._tasks.append(asyncio.create_task(each))

    def _launch(self) -> None:
        dbos = self._library.DBOS

        @dbos.step(name="perform")  # type: ignore[untyped-decorator]
        async def perform(action_id: str, attempt: int) -> dict[str, Any]:
            return await self._perform((action_id, attempt))

        @dbos.step(name="finish")  # type: ignore[untyped-decorator]
        async def finish(action_id: str, attempt: int, done: dict[str, Any]) -> None:
            await self._finish((action_id, attempt), done)

        @dbos.workflow(name="run_action", max_recovery_attempts=MOST_TAKEOVERS)  # type: ignore[untyped-decorator]
        async def run_action(action_id: str, attempt: int) -> None:
            await finish(action_id, attempt, await perform(action_id, attempt))

        self._workflow = run_action
        dbos(config=self._config())
        dbos.listen_queues(queues_of(self._sharing.labels) if self._sharing.works else [])
        dbos.launch()  # within our event loop, so that it runs the steps there

    def _config(self) -> DBOSConfig:
        url = self._database.engine.url
        known = {"ssl": "sslmode", "host": "host", "port": "port"}  # asyncpg's names to libpq's
        query = {known[name]: value for name, value in url.query.items() if name in known}
        return {
            "name": APPLICATION,
            "application_version": VERSION,
            "executor_id": self._members.me,
            "system_database_url": url.set(drivername="postgresql", query=query).render_as_string(hide_password=False),
            "serializer": self._library.DBOSPortableJSONSerializer(),
            "sys_db_pool_size": 5,
            "use_listen_notify": False,  # none of ours waits on it, and behind a pooler it does not work
            "log_level": "WARNING",
        }

    async def submit(self, action_id: str, attempt: int) -> None:  # noqa: ARG002
        """Have it handed out soon: the next look at the rows finds it, here or in another process."""
        self._news.set()

    async def cancel(self, action_id: str, attempt: int) -> None:
        """Have it ended by whoever runs it; one that nobody has begun is recorded right here."""
        key = (action_id, attempt)
        await self._members.end(key)
        if key in self._running:
            self._running[key].set()
            return
        cancelled = asyncio.Event()
        cancelled.set()
        done = await self._workshop.carry_out(action_id, attempt, cancelled, unless_begun=True)
        if done is not None:
            await self._workshop.finish(action_id, attempt, done)
            await self._members.forget(key)

    async def forget(self, attempts: Sequence[str]) -> None:
        """Drop DBOS's own rows."""
        await self._library.DBOS.delete_workflows_async(list(attempts))

    async def close(self, *, kill: bool) -> None:
        """Take nothing new. What runs may end for a while (`drain`), then others take it over; with `kill` it ends."""
        if kill:
            for cancelled in self._running.values():
                cancelled.set()
        wait = self._sharing.drain or (60 if kill else 0)
        destroy = self._library.DBOS.destroy
        await asyncio.to_thread(destroy, workflow_completion_timeout_sec=int(wait), destroy_registry=True)
        self._leaving = True
        for task in (*self._tasks, *self._jobs.values()):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._jobs.values(), return_exceptions=True)
        with suppress(DBAPIError, OSError):
            await self._members.leave()

    # The two steps.

    async def _perform(self, key: Key) -> dict[str, Any]:
        cancelled = self._running.setdefault(key, asyncio.Event())
        job = asyncio.create_task(
            _patiently(lambda: self._workshop.carry_out(*key, cancelled)), name="#".join(map(str, key))
        )
        self._jobs[key] = job
        job.add_done_callback(lambda _: self._jobs.pop(key, None))
        try:
            done = await job
        except asyncio.CancelledError:
            if self._leaving:  # whoever takes it over goes on; here nothing may be recorded any more
                await asyncio.Event().wait()
            raise
        return done.model_dump(mode="json") if done else {}

    async def _finish(self, key: Key, done: dict[str, Any]) -> None:
        try:
            if done:
                await self._workshop.finish(*key, Done.model_validate(done))
            if key in self._running and self._running[key].is_set():
                await self._members.forget(key)
        finally:
            self._running.pop(key, None)

    # What goes on by itself.

    async def _look_on(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._look()
            except (DBAPIError, OSError):
                log.warning("the database does not answer; looking again", exc_info=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK)

    async def _look(self) -> None:
        """Hand out what is to run and has not been handed out by this process; twice by two is once for DBOS."""
        found = await self._under_way()
        self._sent &= {(action_id, attempt) for action_id, attempt, _ in found}
        for action_id, attempt, abandon in found:
            if (action_id, attempt) not in self._sent:
                await self._send((action_id, attempt))
                if abandon:
                    await self.cancel(action_id, attempt)
        e = EXECUTIONS.c
        active = sa.select(e.id, e.changes).where(e.state.in_((State.IN_PROGRESS, State.STOPPING)))
        async with self._database.read() as c:
            changes = {row.id: row.changes for row in await c.execute(active)}
        for run_id in self._changes.keys() | changes.keys():
            if self._changes.get(run_id) != changes.get(run_id):
                self._nudge(run_id)
        self._changes = changes

    async def _send(self, key: Key) -> None:
        a, dbos = ACTIONS.c, self._library.DBOS
        query = sa.select(a.category, a.declaration, EXECUTIONS.c.settings).join(EXECUTIONS).where(a.id == key[0])
        async with self._database.read() as c:
            row = (await c.execute(query)).one()
        labels = labels_of(declared(row.category, row.declaration), Settings.model_validate(row.settings))
        queue = queue_of(labels)
        if queue not in self._queues:
            slots = self._sharing.slots
            await dbos.register_queue_async(
                queue, worker_concurrency=slots, polling_interval_sec=POLL, on_conflict="always_update"
            )
            self._queues.add(queue)
        with self._library.SetWorkflowID(f"{key[0]}#{key[1]}"):
            await dbos.enqueue_workflow_async(queue, self._workflow, *key)
        self._sent.add(key)
        if labels and not await self._members.can(labels):
            await self._say_who_is_missing(key, labels)

    async def _say_who_is_missing(self, key: Key, labels: frozenset[str]) -> None:
        detail = f"waits for a worker with the label {', '.join(sorted(labels))}"
        log.warning("%s#%s %s", *key, detail)
        a = ACTIONS.c
        here = sa.and_(a.id == key[0], a.attempt == key[1], a.state == State.IN_PROGRESS)
        async with self._database.write() as c:
            values = {"progress": Progress(detail=detail).model_dump(mode="json")}
            await c.execute(sa.update(ACTIONS).where(here).values(values))

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(self._sharing.lease / 4)
            try:
                await self._members.beat()
                if not self._leaving:
                    await self._care()
            except (DBAPIError, OSError):
                log.warning("the database does not answer; others may take over what runs here", exc_info=True)

    async def _care(self) -> None:
        """Take over from the dead, and give up what DBOS has done with but nobody has recorded."""
        listing, load = self._library.DBOS.list_workflows_async, {"load_input": False, "load_output": False}
        pending = await listing(status="PENDING", name="run_action", **load)
        owners = {workflow.executor_id for workflow in pending if workflow.executor_id}
        if dead := await self._members.dead(owners):
            count = await asyncio.to_thread(take_over, dead)
            log.warning("%d attempts under way at %s are taken over: it has fallen silent", count, ", ".join(dead))
        known = {f"{action_id}#{attempt}": (action_id, attempt) for action_id, attempt in self._sent}
        over = await listing(workflow_ids=list(known), status=_OVER, **load) if known else []
        for workflow in over:
            await self._give_up(*known[workflow.workflow_id])

    async def _heed(self) -> None:
        """End what is to be ended, whoever said so."""
        while True:
            await asyncio.sleep(POLL)
            if not self._running:
                continue
            try:
                for key in await self._members.ended(self._running):
                    if key in self._running:
                        self._running[key].set()
            except (DBAPIError, OSError):
                log.warning("the database does not answer; cancelling waits", exc_info=True)


def load_dbos() -> Any:
    """Load DBOS where it is asked for; `Misconfigured` says how to install it."""
    try:
        import dbos  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "dbos":
            raise
        raise Misconfigured(
            "SAYSO_RUNNER is cluster, but DBOS, which this needs, is not installed.",
            fix='Install "sayso[cluster]", or set SAYSO_RUNNER to local.',
        ) from error
    return dbos


def take_over(dead: Sequence[str]) -> int:
    """Put everything that these processes had under way back into its queue; gives how much that was. Blocks.

    The only use of DBOS's private API, which is why its minor version is pinned. It may be called by several at once
    and for a process that lives after all: DBOS then takes no result from that one any more.
    """
    from dbos import DBOS  # noqa: PLC0415

    return len(DBOS._recover_pending_workflows(list(dead)))  # noqa: SLF001


async def _patiently(work: Callable[[], Coroutine[Any, Any, Done | None]]) -> Done | None:
    """Do it again while the database does not answer: an error here would be the attempt's end for DBOS."""
    async for again in AsyncRetrying(
        retry=retry_if_exception_type((DBAPIError, OSError)),
        wait=wait_exponential(max=15),
        before_sleep=before_sleep_log(log, logging.WARNING),
    ):
        with again:
            return await work()
    raise AssertionError
