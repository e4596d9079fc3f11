"""Looks at executions with as few calls as the truth allows, and at active ones only."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.core.errors import BackendError, BackendUnavailable
from bot.core.model import Run
from integrations.aws.answers import Answer, source_actions
from integrations.aws.observing import Detail, Look, run_of
from integrations.aws.pipelines import Pipelines, not_found
from integrations.aws.refusals import NotLetIn, Throttled
from integrations.aws.target import AwsTarget, Place

log = logging.getLogger(__name__)

POLL = 9.0
"""Seconds between two looks at a run that changes, if no event says more; below the watcher's own 10."""
QUIET = 60.0
"""Seconds between two looks at one that has not changed for long."""
STALE = 120.0
"""Seconds for which throttling is met with what is known; after them it is said that AWS does not answer."""
_CALLS_A_LOOK = 2
_ACTIVE_FOR = 90.0
"""Seconds since somebody asked for it that a run counts as active."""
_MOST_KNOWN = 2000
_WHOLE_EVERY = 4
"""At the latest every so many polls the actions are looked at, even if the list of executions shows no change:
when CodePipeline changes `lastUpdateTime` is not documented."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ENDED = frozenset({"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"})

Fetch = Callable[[AwsTarget, Sequence[Answer]], Awaitable[Mapping[str, Detail]]]
"""Gives what the providers of these action executions know besides, by `actionExecutionId`."""


@dataclass(slots=True)
class Known:
    """What is known of one execution."""

    target: AwsTarget
    run: Run | None = None
    execution: dict[str, Any] = field(default_factory=dict)
    """As of the last time that it was asked for."""
    print: tuple[Any, ...] = ()
    """How the list of executions showed it."""
    looked: float = float("-inf")
    asked_whole: float = float("-inf")
    changed: float = float("-inf")
    wanted: float = float("-inf")
    """On the loop's clock: the last look, the last time that the execution was asked for, the last change, and when
    somebody wanted to know."""
    error: BackendError | None = None
    """Why the last look failed."""
    dirty: bool = True
    whole: bool = True
    """The next look must ask for the execution, too."""
    started: datetime | None = None
    stop_reason: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    logs: set[str] = field(default_factory=set)
    """Keys of its actions' logs, former attempts' too."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class _Listing:
    at: float = float("-inf")
    prints: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Looking:
    """Remembers looks, so that asking often costs little: a look is only taken when a nudge or the time asks for it."""

    def __init__(
        self,
        pipelines: Pipelines,
        clock: Callable[[], datetime],
        *,
        details: Fetch | None = None,
        poll: float = POLL,
    ) -> None:
        """`poll` is in seconds; with events it may be longer."""
        self._pipelines, self._clock, self._details, self.poll = pipelines, clock, details, poll
        self._pace = pipelines.clients.pace
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._listings: dict[tuple[Place, str], _Listing] = {}

    def known(self, target: AwsTarget, run_id: str) -> Known:
        """Give what is known of a run, and remember it from now on. Raises `RunNotFound` for what is no id of AWS."""
        if not _ID.fullmatch(run_id):
            raise not_found(target, run_id)
        if run_id not in self._known:
            self._known[run_id] = Known(target)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(run_id)
        return self._known[run_id]

    def begun(self, target: AwsTarget, run_id: str, declaration: Answer) -> None:
        """Note a run that was started just now; of one that is known already nothing changes."""
        known = self.known(target, run_id)
        if known.execution:
            return
        known.whole = False
        known.execution = {
            "pipelineExecutionId": run_id, "status": "InProgress", "pipelineVersion": declaration["version"],
            "trigger": {"triggerType": "StartPipelineExecution"},
        }  # fmt: skip

    def stale(self, run_id: str, *, whole: bool = False) -> None:
        """Take the next look afresh: it may look different now."""
        if run_id in self._known:
            self._known[run_id].dirty = True
            self._known[run_id].whole |= whole

    def target_of(self, run_id: str) -> AwsTarget | None:
        """Give the target of a run that was looked at."""
        return self._known[run_id].target if run_id in self._known else None

    async def look(self, target: AwsTarget, run_id: str, *, fresh: bool = False) -> Run:
        """Give the newest look, taken now if it is due, or if it must be `fresh`."""
        known = self.known(target, run_id)
        known.wanted = _time()
        async with known.lock:
            if fresh:
                known.dirty = known.whole = True
            elif known.error is not None and self._pace.level < _CALLS_A_LOOK:
                raise known.error  # whoever asks again and again must not use up the pace that finds out more
            elif known.run is not None and not known.dirty and not await self._due(known, run_id):
                return known.run
            try:
                run = await self._take(known, run_id, urgent=fresh or (known.dirty and known.error is None))
            except Throttled:
                known.dirty = True
                if known.run is None or fresh or _time() - known.looked > STALE:
                    raise
                return known.run
            except BackendError as error:
                known.dirty = True
                # Without rights the run goes on all the same, and somebody may mend that meanwhile.
                away = BackendUnavailable(error.sentence, fix=error.fix) if isinstance(error, NotLetIn) else error
                if known.error is None:
                    log.warning("%s can't be looked at: %s", target.pipeline, error)
                known.error = away if isinstance(away, BackendUnavailable) else None
                raise away from error
            known.error = None
            return run

    async def _due(self, known: Known, run_id: str) -> bool:
        """Tell whether the time asks for a look; never waits for the pace, since a person may wait behind this."""
        assert known.run is not None
        if known.run.status.finished:
            return False
        now, every = _time(), self._every(known)
        if now - known.looked < every or self._pace.level < _CALLS_A_LOOK:
            return False
        known.whole = known.whole or now - known.asked_whole > every * _WHOLE_EVERY
        if self._pace.plenty or known.whole:
            return True
        listing = self._listings.setdefault((known.target.place, known.target.pipeline), _Listing())
        async with listing.lock:
            if now - listing.at >= every:
                listing.prints = {
                    each["pipelineExecutionId"]: _print(each) for each in await self._pipelines.executions(known.target)
                }
                listing.at = _time()
        former, known.print = known.print, listing.prints.get(run_id, ())
        return former != known.print

    def _every(self, known: Known) -> float:
        """Give the seconds between two looks at this run: longer when it is quiet, and when there are many."""
        now = _time()
        active = {
            (each.target.place, each.target.pipeline)
            for each in self._known.values()
            if now - each.wanted < _ACTIVE_FOR and not (each.run and each.run.status.finished)
        }
        quiet = min(QUIET, (now - known.changed) / 10) if known.changed > 0 else 0.0
        return max(self.poll, quiet, len(active) * _CALLS_A_LOOK / self._pace.rate)

    async def _take(self, known: Known, run_id: str, *, urgent: bool) -> Run:
        seen = self._clock()
        known.dirty = False  # what is nudged from here on is not in this look
        if known.whole:
            known.execution = await self._execution(known, run_id, urgent=urgent)
        run = await self._put_together(known, run_id, seen, urgent=urgent)
        known.whole = False
        known.looked = _time()
        if known.run is None or known.run.model_copy(update={"seen": seen}) != run:
            known.changed = known.looked
        known.run = run
        known.logs |= {action.log.key for stage in run.stages for action in stage.actions
                       if action.log and action.log.key}  # fmt: skip
        return run

    async def _put_together(self, known: Known, run_id: str, seen: datetime, *, urgent: bool) -> Run:
        target = known.target
        declaration = await self._pipelines.declaration(target, known.execution["pipelineVersion"])
        conditions = any(stage.get(hook) for stage in declaration["stages"] for hook in _CONDITIONS)
        state = await self._state(target, urgent=urgent) if conditions else None
        actions = await self._pipelines.actions(target, run_id, urgent=urgent)
        if not _still_so(known.execution, actions, declaration):
            known.execution = await self._execution(known, run_id, urgent=urgent)
            if known.execution["status"] in _ENDED and not _explained(known.execution, actions, declaration):
                state = await self._state(target, urgent=urgent) if conditions else None
                actions = await self._pipelines.actions(target, run_id, urgent=urgent)
        under_way = any(row["status"] == "InProgress" for row in actions)
        if state is None and not under_way and known.execution["status"] == "InProgress":
            state = await self._state(target, urgent=urgent)
        rules = []
        if conditions:
            only = {"pipelineExecutionId": run_id}
            rules = await self._pipelines.listed(
                target, "ListRuleExecutions", "ruleExecutionDetails", most=1000, filter=only, urgent=urgent
            )
        await self._know_more(known, run_id)
        details = await self._details(target, actions) if self._details else {}
        return run_of(
            Look(target, declaration, known.execution, actions, seen, rules, state, known.sources, details,
                 known.started, known.stop_reason)
        )  # fmt: skip

    async def _execution(self, known: Known, run_id: str, *, urgent: bool) -> dict[str, Any]:
        answer = await self._pipelines.ask(
            known.target, "GetPipelineExecution", pipelineExecutionId=run_id, urgent=urgent
        )
        known.asked_whole = _time()
        execution: dict[str, Any] = answer["pipelineExecution"]
        return execution

    async def _state(self, target: AwsTarget, *, urgent: bool) -> dict[str, Any]:
        return await self._pipelines.ask(target, "GetPipelineState", urgent=urgent)

    async def _know_more(self, known: Known, run_id: str) -> None:
        """Ask once for what does not change: what a rollback goes back to, and why somebody stopped it."""
        execution = known.execution
        back = execution.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId")
        if back and not known.sources:
            known.sources = await self._pipelines.actions(known.target, back)
        stopped = execution["status"] in {"Stopping", "Stopped"} and not execution.get("statusSummary")
        if stopped and not known.stop_reason:
            for each in await self._pipelines.executions(known.target):
                if each["pipelineExecutionId"] == run_id:
                    known.stop_reason = each.get("stopTrigger", {}).get("reason", "")


_CONDITIONS = ("beforeEntry", "onSuccess", "onFailure")


def _print(summary: Answer) -> tuple[Any, ...]:
    return summary["status"], summary.get("lastUpdateTime")


def _still_so(execution: Answer, actions: Sequence[Answer], declaration: Answer) -> bool:
    """Tell whether what was known of the execution can be true still: it is under way, and so is an action.

    What its sources fetched is told with the execution, so that is asked for again once they are done.
    """
    if execution["status"] != "InProgress" or not any(row["status"] == "InProgress" for row in actions):
        return False
    sources = {each["name"] for each in source_actions(declaration)}
    fetched = any(row["actionName"] in sources and row["status"] == "Succeeded" for row in actions)
    return bool(execution.get("artifactRevisions")) or not fetched


def _explained(execution: Answer, actions: Sequence[Answer], declaration: Answer) -> bool:
    """Tell whether the actions, which were asked after first, show how the execution has ended."""
    states = {row["status"] for row in actions}
    if "InProgress" in states or any(stage.get(hook) for stage in declaration["stages"] for hook in _CONDITIONS):
        return False
    if execution["status"] == "Succeeded" and execution.get("executionType") != "ROLLBACK":
        done = {(row["stageName"], row["actionName"]) for row in actions if row["status"] == "Succeeded"}
        return all(
            (stage["name"], action["name"]) in done for stage in declaration["stages"] for action in stage["actions"]
        )
    return execution["status"] != "Failed" or "Failed" in states


def _time() -> float:
    return asyncio.get_running_loop().time()
