"""The local engine as a backend: pipelines of files on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.core.errors import BackendError, BackendUnavailable, BadFile, NotFound, RunNotFound
from bot.core.model import Decision, HeldBy, Release, Run
from bot.core.ports import Capability, Nudge, RetryScope, Sharing, Transactions
from integrations.local import starts, view
from integrations.local.engine import Engine
from integrations.local.forgetting import forget
from integrations.local.host import this_host
from integrations.local.intents import home_of
from integrations.local.operations import CodePipeline
from integrations.local.providers import Machine, Providers, builtin_providers, plugged_providers
from integrations.local.states import Hook
from integrations.local.tables import ACTIONS, ATTEMPTS, EXECUTIONS
from integrations.local.target import LocalTarget, shared_settings

log = logging.getLogger(__name__)

LONGEST_LOG = 5_000_000
"""Bytes of a log that are shown, from its end."""
T = TypeVar("T")


class LocalBackend:
    """Runs the pipelines of this machine; see `bot.core.ports.Backend` for the contract of each verb.

    `database` is the application's, migrated (`integrations.local.MIGRATIONS`); `data` a folder for work,
    logs and artifacts that only this process may use, unless `sharing` says otherwise. `providers` adds runners to the
    built-in ones.
    """

    target: type[BaseModel] = LocalTarget
    capabilities: frozenset[Capability] = frozenset(Capability)

    def __init__(
        self,
        database: Transactions,
        data: Path,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        *,
        providers: Providers | None = None,
        targets: Sequence[LocalTarget] = (),
        slots: int = 16,
        sharing: Sharing | None = None,
    ) -> None:
        """Take what it runs on; the pipelines of `targets` are known from the start."""
        host = this_host()
        machine = Machine(data, host, os.environ, clock)
        builtin = builtin_providers(machine)
        known = builtin | plugged_providers(machine) | dict(providers or {})
        self.kinds, self.own_kinds = frozenset(known), frozenset(builtin)
        """Categories and providers of the actions that can run here, and those of them that need no plug-in."""
        self._engine = Engine(
            database, data, known, host=host, clock=clock, new_id=new_id, slots=slots, sharing=sharing
        )
        self._targets = targets
        self.codepipeline = CodePipeline(self._engine, shared_settings(targets))
        """CodePipeline's operations on this machine's pipelines, for the doors that speak AWS's language."""
        self.doors: dict[str, Any] = {}
        """See `bot.core.ports.Doors`."""

    @property
    def engine(self) -> Engine:
        """Give the engine, for the doors that speak to it directly."""
        return self._engine

    async def open(self) -> None:
        """Take the data folder and go on with what was under way; `Misconfigured` if another process has it."""
        await self._engine.open()
        for target in self._targets:
            try:
                await starts.register(self._engine, target)
            except BadFile as error:
                log.warning("a pipeline is not known yet: %s", error)

    async def close(self, *, kill: bool = False) -> None:
        """Stop; builds go on and are taken over at the next `open`, unless `kill` ends them all."""
        await self._engine.close(kill=kill)

    async def forget(self, before: datetime, kept: Collection[str]) -> int:
        """Drop executions that ended before, with all that is kept of them; see `bot.core.ports.Forgets`."""
        return await forget(self._engine, before, kept)

    async def tick(self) -> None:
        """Do what is due by the clock now; it is done by itself, too."""
        await self._engine.tick()

    async def start(self, target: BaseModel, release: Release) -> str:
        """Start an execution of the target's pipeline file."""
        with _reachable():
            return await starts.start(self._engine, _local(target), release.id, release.ref)

    async def observe(self, target: BaseModel, run_id: str) -> Run:
        """Look at one execution: three queries."""
        seen = self._engine.clock()
        here = sa.and_(EXECUTIONS.c.id == run_id, EXECUTIONS.c.file == str(_local(target).file))
        with _reachable():
            async with self._engine.database.read() as c:
                found = await view.runs(c, here, seen)
        if not found:
            raise RunNotFound(f"There is no run {run_id} of this pipeline on this machine.")
        return found[0]

    async def decide(self, target: BaseModel, run_id: str, gate: str, decision: Decision) -> None:
        """Answer a manual approval."""
        with _reachable():
            await self._engine.decide(str(_local(target).file), run_id, gate, decision)

    async def stop(self, target: BaseModel, run_id: str, reason: str, *, abandon: bool = False) -> None:
        """Stop an execution; `STOPPED` is shown once its processes are gone."""
        with _reachable():
            await self._engine.stop(str(_local(target).file), run_id, reason, abandon=abandon)

    async def retry(self, target: BaseModel, run_id: str, stage: str, scope: RetryScope, attempt: int) -> None:
        """Retry a stage in the same execution, with the catalogue's settings of today."""
        local = _local(target)
        with _reachable():
            await self._engine.retry(
                str(local.file), run_id, stage, scope=scope, attempt=attempt, settings=local.settings()
            )

    async def roll_back(self, target: BaseModel, release: Release, stage: str, to: str) -> str:
        """Start an execution that brings one stage back to what another execution put there."""
        with _reachable():
            local = _local(target)
            with suppress(BadFile):  # one that can't be read now is still known as it last was
                await starts.register(self._engine, local)
            return await starts.roll_back(
                self._engine, str(local.file), stage, to, settings=local.settings(), token=release.id
            )

    async def override(self, target: BaseModel, run_id: str, stage: str, condition: HeldBy, attempt: int) -> None:
        """Let a stage go on although its entry or success condition has failed."""
        hook, file = Hook(condition.upper()), str(_local(target).file)
        with _reachable():
            await self._engine.override(file, run_id, stage, hook, attempt=attempt)

    async def hold(self, target: BaseModel, stage: str, reason: str | None) -> None:
        """Close or open the way into a stage."""
        local = _local(target)
        try:
            with _reachable():
                pipeline = await starts.register(self._engine, local)
        except BadFile as error:
            raise BackendError(error.sentence) from error
        if pipeline.stage(stage) is None:
            names = ", ".join(known.name for known in pipeline.stages)
            raise BackendError(f"The pipeline {pipeline.name} has no stage {stage}. Its stages: {names}.")
        with _reachable():
            await self._engine.hold(str(local.file), stage, reason)

    async def recent(self, target: BaseModel, limit: int) -> list[Run]:
        """List the newest executions of the target's pipeline."""
        seen = self._engine.clock()
        with _reachable():
            async with self._engine.database.read() as c:
                return await view.runs(c, EXECUTIONS.c.file == str(_local(target).file), seen, limit)

    async def log(self, target: BaseModel, run_id: str, key: str) -> str:
        """Read an attempt's log; a former attempt's, too."""
        a, t = ACTIONS.c, ATTEMPTS.c
        query = sa.select(a.execution, a.place, a.name, t.attempt).join(ATTEMPTS, t.action == a.id).join(EXECUTIONS)
        here = EXECUTIONS.c.file == str(_local(target).file)
        with _reachable():
            async with self._engine.database.read() as c:
                row = (await c.execute(query.where(t.id == key, a.execution == run_id, here))).one_or_none()
        if row is None:
            raise NotFound("This run has no such log.")
        file = home_of(self._engine.data, row.execution, row.place, row.name, row.attempt) / "log.txt"
        return await asyncio.to_thread(_end_of, file)

    def nudges(self) -> AsyncIterator[Nudge]:
        """Yield whenever an execution changed, right after the change is committed."""
        return self._engine.nudges.read()


def _local(target: BaseModel) -> LocalTarget:
    if not isinstance(target, LocalTarget):
        raise BackendError("This environment is not described for the local backend.")
    return target


def _end_of(file: Path) -> str:
    try:
        with file.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(0, size - LONGEST_LOG))
            end = log.read(LONGEST_LOG)
    except FileNotFoundError:
        return ""
    text = end.decode("utf-8", "replace")
    return text if size <= LONGEST_LOG else text.partition("\n")[2]


@contextmanager
def _reachable() -> Iterator[None]:
    """Say that the database is away, instead of how."""
    try:
        yield
    except (DBAPIError, PoolTimeout, ConnectionError) as error:
        raise BackendUnavailable("The local engine's database does not answer just now.") from error
