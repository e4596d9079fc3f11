"""AWS as a backend: CodePipeline's pipelines, by boto3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from bot.core.errors import BackendError, Conflict, NotFound
from bot.core.model import Decision, HeldBy, Release, Run
from bot.core.ports import Capability, Nudge, RetryScope
from bot.core.wording import say
from integrations.aws import starting
from integrations.aws.clients import Clients
from integrations.aws.details.looking import Details
from integrations.aws.events.envelopes import About
from integrations.aws.looking import AT_ONCE, POLL, RARELY, SOON, Looking
from integrations.aws.nudges import TOGETHER, Nudges
from integrations.aws.pipelines import Pipelines
from integrations.aws.recent import Recent
from integrations.aws.target import AwsTarget
from integrations.aws.verbs import Verbs


class AwsBackend:
    """Runs releases on AWS; see `bot.core.ports.Backend` for the contract of each verb.

    AWS holds the state. What is remembered here only saves calls, and a restart loses none of the truth.
    """

    target: type[BaseModel] = AwsTarget
    capabilities: frozenset[Capability] = frozenset(Capability)

    def __init__(
        self,
        clients: Clients,
        clock: Callable[[], datetime],
        *,
        details: Details | None = None,
        poll: float = POLL,
        rarely: float = RARELY,
        together: float = TOGETHER,
    ) -> None:
        """All in seconds: between two looks without events, and while they come, and to wait for further events."""
        self.clients = clients
        self._clock, self._details = clock, details
        self._pipelines = Pipelines(clients)
        self._nudges = Nudges(together)
        fetch = details.of if details else None
        self._looking = Looking(self._pipelines, clock, details=fetch, poll=poll, rarely=rarely, wake=self._nudges.put)
        self._recent = Recent(self._pipelines, self._looking, clock)
        self._verbs = Verbs(self._pipelines, self._looking)
        self.doors: Mapping[str, Any] = {}
        """Where events may come in by HTTP; see `bot.core.ports.Doors`."""
        self._rollbacks: dict[str, str] = {}
        """Rollback's execution to the release that asked for it."""

    async def start(self, target: BaseModel, release: Release) -> str:
        """Start an execution of the target's pipeline; the release's id is its clientRequestToken."""
        run_id, declaration = await starting.start(self._pipelines, _aws(target), release, self._clock())
        self._looking.begun(_aws(target), run_id, declaration)
        return run_id

    async def observe(self, target: BaseModel, run_id: str) -> Run:
        """Give the newest look at an execution; one is taken when it is due, or a nudge came."""
        return await self._looking.look(_aws(target), run_id)

    async def decide(self, target: BaseModel, run_id: str, gate: str, decision: Decision) -> None:
        """Answer a manual approval."""
        aws = _aws(target)
        self._looking.known(aws, run_id)
        try:
            await self._verbs.decide(aws, run_id, gate, decision)
        except Conflict:  # what is shown is not how it stands
            self.nudge(run_id, whole=True)
            raise
        self._looking.expect(run_id, SOON if self._looking.hears(aws) else AT_ONCE)

    async def stop(self, target: BaseModel, run_id: str, reason: str, *, abandon: bool = False) -> None:
        """Stop an execution; with `abandon` its actions are marked so, while their providers may go on."""
        await self._verbs.stop(_aws(target), run_id, reason, abandon=abandon)
        self.nudge(run_id, whole=True)

    async def retry(self, target: BaseModel, run_id: str, stage: str, scope: RetryScope, attempt: int) -> None:
        """Retry a stage in the same execution."""
        await self._verbs.retry(_aws(target), run_id, stage, scope, attempt)
        self.nudge(run_id, whole=True)

    async def override(self, target: BaseModel, run_id: str, stage: str, condition: HeldBy, attempt: int) -> None:
        """Let a stage go on although its entry or success condition has failed."""
        await self._verbs.override(_aws(target), run_id, stage, condition, attempt)
        self.nudge(run_id, whole=True)

    async def roll_back(self, target: BaseModel, release: Release, stage: str, to: str) -> str:
        """Bring a stage back, by a rollback or, where that is not allowed, by a new start of the same revisions."""
        aws = _aws(target)
        self._looking.known(aws, to)
        run_id = await starting.roll_back(self._pipelines, aws, release, stage=stage, to=to, claimed=self._rollbacks)
        self._rollbacks[run_id] = release.id
        self.nudge(run_id, whole=True)
        return run_id

    async def hold(self, target: BaseModel, stage: str, reason: str | None) -> None:
        """Disable or enable the transition into a stage."""
        await self._verbs.hold(_aws(target), stage, reason)

    async def recent(self, target: BaseModel, limit: int) -> list[Run]:
        """List the newest executions of the target's pipeline."""
        return await self._recent.runs(_aws(target), limit)

    async def log(self, target: BaseModel, run_id: str, key: str) -> str:
        """Give an action's log."""
        aws = _aws(target)
        known = self._looking.known(aws, run_id)
        if key not in known.logs:
            await self._looking.look(aws, run_id, fresh=True)
        if self._details is None or key not in known.logs:  # a key must not open what is not this run's
            raise NotFound(say("aws.no_log"))
        return await self._details.log(aws, key)

    def nudge(self, run_id: str, *, whole: bool = False) -> None:
        """Note that a run may look different now; `whole`: as a whole, even while an action is under way."""
        self._looking.stale(run_id, whole=whole)
        self._nudges.put(run_id)

    def run_of(self, external: str) -> str | None:
        """Give the run that a build or a deployment is part of, if it was seen there."""
        return self._details.run_of(external) if self._details else None

    def hear(self, run_id: str, about: About) -> None:
        """Take the news of an event, unless the last look shows it already."""
        if not self._looking.hear(run_id, about):
            return
        if about.over:  # the pipeline's own event follows, and then one look tells both
            self._looking.expect(run_id)
        else:
            self._looking.news(run_id, whole=about.whole)
            self._nudges.put(run_id)

    def deaf(self) -> None:
        """Look as often as without events: they can't be read."""
        self._looking.deaf()

    async def nudges(self) -> AsyncIterator[Nudge]:
        """Yield whenever an event or a verb has changed a run."""
        async for nudge in self._nudges.read():
            self._looking.due(nudge.run_id)
            yield nudge

    def close(self) -> None:
        """End `nudges`."""
        self._nudges.close()


def _aws(target: BaseModel) -> AwsTarget:
    if not isinstance(target, AwsTarget):
        raise BackendError(say("aws.not_a_target"))
    return target
