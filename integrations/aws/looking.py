"""Looks at executions with as few calls as the truth allows, and at active ones only."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from bot.core.errors import BackendError, BackendUnavailable
from bot.core.model import Run
from integrations.aws.answers import Answer
from integrations.aws.events.envelopes import About
from integrations.aws.known import ENDED, Known, conditional, explained, in_between, shows, states_of, still_so
from integrations.aws.listings import Listings
from integrations.aws.observing import Fetch, Look, run_of
from integrations.aws.pipelines import Pipelines, not_found
from integrations.aws.refusals import NotLetIn, Throttled
from integrations.aws.target import AwsTarget

log = logging.getLogger(__name__)

POLL = 9.0
"""Seconds between two looks at a run that changes, if no event says more; below the watcher's own 10."""
RARELY = 120.0
"""Seconds between two looks at a run whose pipeline's events come."""
QUIET = 60.0
"""Seconds between two looks at one that has not changed for long."""
SOON = 5.0
"""Seconds in which an event should come of what a person has just had done; without one it is looked at then."""
AT_ONCE = 1.0
"""Seconds after which what a person has had done shows, where no event will tell."""
BETWEEN = 2.0
"""Seconds that an execution may take from one action to the next before that is asked after."""
STALE = 120.0
"""Seconds of throttling that are met with what is known; after them it is said that AWS does not answer."""
_CALLS_A_LOOK = 2
_ACTIVE_FOR = 90.0
"""Seconds since somebody asked for it that a run counts as active."""
_MOST_KNOWN = 2000
_WHOLE_EVERY = 4
"""At the latest every so many polls the actions are looked at, even if the list of executions shows no change:
when CodePipeline changes `lastUpdateTime` is not documented."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Looking:
    """Remembers looks, so that asking often costs little: a look is only taken when a nudge or the time asks for it."""

    def __init__(
        self,
        pipelines: Pipelines,
        clock: Callable[[], datetime],
        *,
        details: Fetch | None = None,
        poll: float = POLL,
        rarely: float = RARELY,
        wake: Callable[[str, float], None] = lambda *_: None,
    ) -> None:
        """`poll` is in seconds, as is `rarely`, while events come; `wake` has a run asked for after so many seconds."""
        self._pipelines, self._clock, self._details, self._wake = pipelines, clock, details, wake
        self.poll, self._rarely = poll, rarely
        self._pace = pipelines.clients.pace
        self._known: OrderedDict[str, Known] = OrderedDict()
        self.listings = Listings(pipelines, _time)

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
        known.execution = {
            "pipelineExecutionId": run_id, "status": "InProgress", "pipelineVersion": declaration["version"],
            "trigger": {"triggerType": "StartPipelineExecution"},
        }  # fmt: skip
        known.run = run_of(Look(target, declaration, known.execution, (), self._clock()))
        known.looked = known.changed = _time()
        known.dirty, known.whole, known.unsure_above = False, False, None
        self.expect(run_id)

    def stale(self, run_id: str, *, whole: bool = False) -> None:
        """Take the next look afresh: it may look different now."""
        if known := self._known.get(run_id):
            known.dirty, known.whole = True, known.whole or whole

    def news(self, run_id: str, *, whole: bool) -> None:
        """Take a look once the nudge for an event is due."""
        if known := self._known.get(run_id):
            known.news, known.whole = True, known.whole or whole

    def due(self, run_id: str) -> None:
        """Know that the nudge is due."""
        if run_id in self._known:
            self._known[run_id].dirty |= self._known[run_id].news

    def expect(self, run_id: str, seconds: float = SOON) -> None:
        """Take a look in some seconds, unless an event has it taken before."""
        if known := self._known.get(run_id):
            known.doubted = min(known.doubted, _time() + seconds)
            self._wake(run_id, seconds)

    def hear(self, run_id: str, about: About) -> bool:
        """Note that events of the run's pipeline come; tell whether this one has news of the run."""
        known = self._known.get(run_id)
        if known is None:
            self.listings.forget(about.pipeline)
            return True
        if about.pipeline:
            self.listings.kept(known.target).heard = True
        if known.run is None or known.dirty:
            return True
        first = known.looked == known.changed and not known.states and about.state == "STARTED"
        return not first and not shows(known.run, about)

    def hears(self, target: AwsTarget) -> bool:
        """Tell whether events of this pipeline come: only those of a run tell which of several of this name it is."""
        return self.listings.hears(target)

    def deaf(self) -> None:
        """Know that events don't come any more."""
        self.listings.deaf()

    def newest(self, run_id: str) -> Run | None:
        """Give the newest look at a run, if there is one."""
        return self._known[run_id].run if run_id in self._known else None

    async def recent(self, target: AwsTarget) -> Sequence[dict[str, Any]]:
        """List the newest executions; while events come, or calls are scarce, as they were listed a while ago."""
        age = self._rarely if self.hears(target) else 0.0
        if not self._pace.plenty:
            age = max(age, len(self.listings) * _CALLS_A_LOOK / self._pace.rate)
        return (await self.listings.newest(target, age)).rows

    async def look(self, target: AwsTarget, run_id: str, *, fresh: bool = False) -> Run:
        """Give the newest look, taken now if it is due, or if it must be `fresh`."""
        known = self.known(target, run_id)
        known.wanted = _time()
        async with known.lock:
            known.dirty |= known.doubted <= _time()
            states, untold = known.states, bool(known.states) and not (fresh or known.dirty or known.news)
            if fresh:
                known.dirty = known.whole = True
            elif known.error is not None and self._pace.level < _CALLS_A_LOOK:
                raise known.error  # whoever asks again and again must not use up the pace that finds out more
            elif known.run is not None and not known.dirty and not await self._due(known, run_id):
                return known.run
            try:
                run = await self._take(known, run_id, urgent=fresh or (known.dirty and known.error is None))
            except Throttled:
                known.dirty, known.throttled = True, min(known.throttled, _time())
                if known.run is None or fresh or _time() - known.throttled > STALE:
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
            known.error, known.throttled = None, float("inf")
            if untold and known.states != states:  # no event had told that
                self.listings.kept(known.target).missed = _time()
            return run

    async def _due(self, known: Known, run_id: str) -> bool:
        """Tell whether the time asks for a look; never waits for the pace, since a person may wait behind this."""
        assert known.run is not None
        if known.run.status.finished:
            return False
        now, every = _time(), self._every(known)
        if now - known.looked < every:
            return False
        listing = self.listings.kept(known.target)
        listed, scarce = listing.at > max(known.looked, known.compared), self._pace.level < _CALLS_A_LOOK
        if not scarce:
            known.whole = known.whole or now - known.asked_whole > every * _WHOLE_EVERY
            if self._pace.plenty or known.whole:
                return True
            if not listed:
                try:
                    listing = await self.listings.newest(known.target, every)
                except BackendError:
                    return True  # the look itself tells whether AWS is away
        elif not listed:
            return False
        changed = known.print != listing.prints.get(run_id, ())
        if not (changed and scarce):  # or else the next one would not see the change
            known.print, known.compared = listing.prints.get(run_id, ()), listing.at
        return changed and not scarce

    def _every(self, known: Known) -> float:
        """Give the seconds between two looks at this run: longer when it is quiet, and when there are many."""
        now = _time()
        active = {
            (each.target.place, each.target.pipeline)
            for each in self._known.values()
            if now - each.wanted < _ACTIVE_FOR and not (each.run and each.run.status.finished)
        }
        quiet = min(QUIET, (now - known.changed) / 10) if known.changed > 0 else 0.0
        often = max(self.poll, self._rarely if self.hears(known.target) else quiet)
        return max(often, len(active) * _CALLS_A_LOOK / self._pace.rate)

    async def _take(self, known: Known, run_id: str, *, urgent: bool) -> Run:
        seen = self._clock()
        known.looking()
        if known.whole:
            known.execution = await self._execution(known, run_id, urgent=urgent)
        run = await self._put_together(known, run_id, seen, urgent=urgent)
        known.whole = False
        known.looked = _time()
        if known.unsure_above is not None and (run.attempt > known.unsure_above or run.status.finished):
            known.unsure_above = None
        if known.run is None or known.run.model_copy(update={"seen": seen}) != run:
            known.changed = known.looked
        known.run = run
        known.logs |= {action.log.key for stage in run.stages for action in stage.actions
                       if action.log and action.log.key}  # fmt: skip
        return run

    async def _put_together(self, known: Known, run_id: str, seen: datetime, *, urgent: bool) -> Run:
        target = known.target
        declaration = await self._pipelines.declaration(target, known.execution["pipelineVersion"])
        conditions, former = conditional(declaration), known.run
        if former and former.status.finished and known.execution["status"] not in ENDED:
            known.unsure_above = former.attempt
        unsure = known.unsure_above is not None and known.execution["status"] not in ENDED
        state = await self._state(target, urgent=urgent) if conditions or unsure else None
        actions = await self._pipelines.actions(target, run_id, urgent=urgent)
        if actions and actions[0]["pipelineVersion"] != known.execution["pipelineVersion"]:
            known.execution["pipelineVersion"] = actions[0]["pipelineVersion"]  # it was changed just before the start
            return await self._put_together(known, run_id, seen, urgent=urgent)
        between = not conditions and in_between(known, actions, declaration)
        just_asked = known.whole and known.execution["status"] in ENDED
        if between:
            self.expect(run_id, BETWEEN)
        elif not just_asked and not still_so(target, known.execution, actions, declaration):
            known.execution = await self._execution(known, run_id, urgent=urgent)
            if known.execution["status"] in ENDED and not explained(known.execution, actions, declaration):
                state = await self._state(target, urgent=urgent) if conditions else None
                actions = await self._pipelines.actions(target, run_id, urgent=urgent)
        under_way = between or any(row["status"] == "InProgress" for row in actions)
        if state is None and not under_way and known.execution["status"] == "InProgress":
            state = await self._state(target, urgent=urgent)
        rules = []
        if conditions:
            only = {"pipelineExecutionId": run_id}
            rules = await self._pipelines.listed(
                target, "ListRuleExecutions", "ruleExecutionDetails", most=1000, filter=only, urgent=urgent
            )
        await self._know_more(known, run_id)
        known.states = states_of(actions)
        details = await self._details(target, actions) if self._details else {}
        return run_of(
            Look(target, declaration, known.execution, actions, seen, rules, state, known.sources, details,
                 known.started, known.stop_reason,
                 {stage.name: stage.attempt for stage in former.stages} if former else {})
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


def _time() -> float:
    return asyncio.get_running_loop().time()
