"""Runs Deploy actions: a CodeDeploy deployment by appspec.yml, to folders on this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bot.core.errors import SaysoError
from bot.core.model import Rollout
from integrations.local.actions import AfterCrash, Attempt, Outcome, Progress, Result
from integrations.local.deploy_plan import Applications, DeploymentGroup, DeploymentTarget, prepare
from integrations.local.deploy_record import hidden, record_of
from integrations.local.driven import Driven, lost_result
from integrations.local.ending import end, marked
from integrations.local.host import Host
from integrations.local.outlet import LOG_BYTES, bounds
from integrations.local.processes import Lost, clean_environment, write_durably

__all__ = ["CodeDeployRunner", "DeploymentGroup", "DeploymentTarget"]

RECORD = "deployment.json"
"""Stands beside the attempt's log, and stays: what was done to which target."""
HOOK = "SAYSO_HOOK"
"""Environment variable of a hook's processes, and so of the services it starts: attempt, target, event, number."""


class CodeDeployRunner:
    """Carries out CodeDeploy actions.

    Where it differs from AWS: a target's folder is the root of what the appspec's destinations name, and hooks know it
    as SAYSO_TARGET; targets are deployed to one after the other, and the first that fails ends it.

    After a crash the deployment's own process is followed on. Gone without a result, it is `INTERRUPTED`: no hook runs
    a second time without a person who says so.
    """

    after_crash = AfterCrash.REATTACH

    def __init__(
        self,
        *,
        applications: Applications,
        host: Host,
        of_server: Mapping[str, str],
        secrets: Iterable[str] = (),
        log_bytes: int = LOG_BYTES,
    ) -> None:
        """Take what a deployment needs.

        `applications` by ApplicationName and DeploymentGroupName; `of_server` is the server's environment, of which
        only harmless variables reach a hook; `secrets` are values that no log may show.
        """
        self._applications = applications
        self._host = host
        self._inherited = clean_environment(of_server)
        self._secrets, self._log_bytes = tuple(secrets), log_bytes

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        """Deploy to all targets, or go on with the deployment that an earlier server began."""
        work = Driven(attempt, self._host, self._secrets)
        story = DeployStory(attempt.log.with_name(RECORD), work)
        try:
            return await self._perform(attempt, work, story, interrupted=interrupted)
        except asyncio.CancelledError:
            await work.cancelled(story)
            if not attempt.leaving():
                await story.end_hook(work)
                await asyncio.to_thread(story.keep)
            raise
        except OSError as problem:  # such as a full disk while its log is written
            await work.end()
            await story.end_hook(work)
            return await work.failed(problem)

    async def _perform(self, attempt: Attempt, work: Driven, story: DeployStory, *, interrupted: bool) -> Result:
        if interrupted and (earlier := await asyncio.to_thread(work.earlier_result)):
            return earlier
        try:
            if not (interrupted and work.find()):
                plan = await asyncio.to_thread(prepare, attempt, self._applications, self._inherited)
                plan["log"] = bounds(self._log_bytes)
                work.start("integrations.local.deploy_driver", plan, self._inherited)
        except Lost as lost:
            await story.end_hook(work)
            return lost_result(lost, story.where)
        except (SaysoError, OSError) as problem:
            return await work.failed(problem)
        await work.follow(story)
        await asyncio.to_thread(story.keep)
        assert work.process is not None
        assert work.log is not None
        outcome, detail = story.verdict(work.process.exit_code())
        if outcome is Outcome.INTERRUPTED:
            await work.end()
        if outcome is not Outcome.SUCCEEDED:
            await story.end_hook(work)
        detail = work.log.hide(detail)
        result = Result(outcome=outcome, detail=detail, rollout=story.rollout, log=work.log.tail())
        result = await work.finish(result)
        await asyncio.to_thread(work.remove_traces)
        return result


class DeployStory:
    """What a deployment's journal says."""

    def __init__(self, file: Path, work: Driven) -> None:
        """Tell `file` what is done to which target, as a `DeploymentRecord`."""
        self.rollout: Rollout | None = None
        self._file, self._work = file, work
        self._journal: list[Mapping[str, Any]] = []
        self._kept = 0
        self._last: Mapping[str, Any] = {}
        self._hook: str | None = None

    def read(self, event: Mapping[str, Any]) -> Progress | None:
        """Take an event; each step is told at once."""
        self._journal.append(event)
        if "targets" in event:
            return None
        self._last = event
        if event.get("code") != "ScriptTimedOut":  # then the script that was ended is still to be cleared away
            self._hook = event.get("hook")
        self.rollout = Rollout(done=event["done"], total=event["total"], step=event["step"], target=event["target"])
        if "verdict" in event:
            return None
        script = f": {event['script']}" if "script" in event else ""
        return Progress(detail=f"{event['target']}: {event['step']}{script}", rollout=self.rollout)

    def look(self) -> Progress | None:
        """See nothing beside the journal, but write down what it says."""
        self.keep()
        return None

    def keep(self) -> None:
        """Write down what is done to which target, if that is news. Blocks."""
        journal = list(self._journal)
        if len(journal) == self._kept:
            return
        log = self._work.log
        record = record_of(journal, log.tail().lines if log else ())
        if log:
            record = hidden(record, log.hide)
        with contextlib.suppress(OSError):  # such as a full disk: the log says it, and the deployment is what counts
            write_durably(self._file, record.model_dump_json())
            self._kept = len(journal)

    @property
    def where(self) -> str:
        """Say how far it is known to have come."""
        return f"{self._last['target']}, {self._last['step']}" if self._last else ""

    def verdict(self, exit_code: int | None) -> tuple[Outcome, str]:
        """Tell how the deployment ended, by its journal's last line."""
        match self._last.get("verdict"):
            case "succeeded":
                return Outcome.SUCCEEDED, ""
            case "failed":
                return Outcome.FAILED, self._last["detail"]
        if exit_code is None or self._last:
            return Outcome.INTERRUPTED, f"Interrupted: its process was ended by somebody else. Last seen: {self.where}."
        return Outcome.FAILED, f"The deployment could not be carried out (exit code {exit_code}); its log says why."

    async def end_hook(self, work: Driven) -> None:
        """End the script that was under way, or hung, and what it started; those of finished ones are left alone."""
        for event in await asyncio.to_thread(work.events):
            self.read(event)
        if self._hook is not None:
            hook = self._hook
            await end(lambda: marked(HOOK, lambda value: value == hook))
