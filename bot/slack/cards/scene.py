"""What a card is drawn from: the release, and what the catalogue knows around it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from bot.core.changes import held, scope
from bot.core.holds import waits_at
from bot.core.model import Action, ActionKind, Decision, Gate, Release, ReleaseKind, Stage, Status
from bot.core.policy import Rules, eligible_approvers
from bot.core.wording import names, say

ICONS = {
    Status.QUEUED: "👀",
    Status.RUNNING: "🔄",
    Status.WAITING: "⏳",
    Status.STOPPING: "🛑",
    Status.SUCCEEDED: "✅",
    Status.FAILED: "❌",
    Status.STOPPED: "🛑",
    Status.SUPERSEDED: "⏭️",
    Status.SKIPPED: "⏭️",
    Status.UNKNOWN: "❓",
}
MOST_NAMES = 6
BAD = frozenset({Status.FAILED, Status.UNKNOWN})
_HALF_WAY = frozenset({Status.FAILED, Status.STOPPED, Status.UNKNOWN})


def rejected(action: Action) -> bool:
    """Tell whether this is a gate to which somebody said no."""
    return action.gate is not None and action.gate.decision is not None and not action.gate.decision.approved


@dataclass(frozen=True)
class Scene:
    """A release with its surroundings."""

    release: Release
    rules: Rules | None
    """None: the catalogue no longer has this service or environment."""
    name_of: Callable[[str], str]
    """Gives a person's name by key."""
    environments: dict[str, str]
    """The environments of this pipeline by their stages."""
    behind: frozenset[str]
    """Everybody who asked for it, as far as the catalogue knows them now: they may not approve it themselves."""

    @property
    def production(self) -> bool:
        """Tell whether buttons ask twice; to be safe also if nobody knows."""
        return self.rules is None or self.rules.production

    @property
    def requester(self) -> str:
        """Name who asked for it."""
        return self.name_of(self.release.requested_by)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Give the stages that belong to this release."""
        return scope(self.release.run, self.release.stage) if self.release.run else ()

    @property
    def status(self) -> Status:
        """Give the status as it is shown: somebody's wish to stop counts at once."""
        if self.release.active and self.release.stopped_by:
            return Status.STOPPING
        return self.release.status

    @property
    def icon(self) -> str:
        """Give the sign of how it stands; before a held environment nothing runs."""
        return ICONS[Status.WAITING if waits_at(self.release) else self.status]

    @property
    def status_words(self) -> str:
        """Say how it stands, honestly: what is only asked for has not begun, what begins is not done."""
        if self.release.active and not self.release.stopped_by and (hold := waits_at(self.release)):
            return say("card.held", stage=hold.stage)
        if self.status is Status.QUEUED:
            return say("card.asked" if self.release.run is None else "card.queued")
        if self.status is Status.RUNNING and not any(stage.status is not Status.QUEUED for stage in self.stages):
            return say("card.starting")
        if self.status is Status.WAITING and self.open_gate and self.settled(self.open_gate[2]):
            return say("card.answered")
        return say(f"status.{self.status}")

    @property
    def gates(self) -> list[tuple[Stage, Action, Gate]]:
        """List the gates of this release, in order."""
        return [(stage, action, action.gate) for stage in self.stages for action in stage.actions if action.gate]

    @property
    def open_gate(self) -> tuple[Stage, Action, Gate] | None:
        """Find the gate that waits for a person, if one of this release's does."""
        if self.release.status.finished:
            return None
        waiting = (each for each in self.gates if each[1].status is Status.WAITING and each[2].decision is None)
        return next(waiting, None)

    def given(self, gate: Gate) -> tuple[Decision, ...]:
        """Give what was said at this gate through Sayso."""
        return self.release.approvals if self.release.gate == gate.token else ()

    def settled(self, gate: Gate) -> bool:
        """Tell whether enough was said, even if the backend has not taken it yet."""
        given = self.given(gate)
        if any(not decision.approved for decision in given):
            return True
        return len(given) >= self.release.approvals_needed

    @property
    def approvers(self) -> str:
        """Name who may approve and has not done so yet."""
        if self.rules is None:
            return say("anyone")
        waiting = self.open_gate
        answered = {decision.by for decision in self.given(waiting[2])} if waiting else set()
        return self._some(eligible_approvers(self.rules, self.behind) - answered)

    def _some(self, people: Collection[str]) -> str:
        """List people by name, not more than fit into a line."""
        listed = sorted(map(self.name_of, people))
        if len(listed) > MOST_NAMES:
            rest = say("card.more_people", n=len(listed) - MOST_NAMES + 1)
            return names([*listed[: MOST_NAMES - 1], rest])
        return names(listed)

    @property
    def broken(self) -> Stage | None:
        """Find the stage that a retry would run again."""
        return next((stage for stage in reversed(self.stages) if stage.status in _HALF_WAY), None)

    @property
    def held(self) -> Stage | None:
        """Find the stage that only a condition holds, once the release has ended there."""
        return None if self.release.active else held(self.release.run, self.release.stage)

    @property
    def overriders(self) -> str:
        """Name who may override that condition."""
        if self.rules is None:
            return say("anyone")
        if self.rules.production:
            return self._some(eligible_approvers(self.rules, self.behind))
        return say("anyone") if self.rules.deployers is None else self._some(self.rules.deployers)

    @property
    def failures(self) -> list[tuple[Stage, Action]]:
        """List the actions that failed in this release; a gate that somebody rejected is told with the gates."""
        return [
            (stage, action)
            for stage in self.stages
            for action in stage.actions
            if action.status in BAD and not rejected(action)
        ]

    @property
    def environment_begun(self) -> bool:
        """Tell whether anything was begun that changes the environment itself."""
        if self.release.kind is ReleaseKind.ROLLBACK:
            return self.release.run is not None
        if self.release.stage:
            own = self.release.run.stage(self.release.stage) if self.release.run else None
            return own is not None and own.status is not Status.QUEUED
        actions = [action for stage in self.stages for action in stage.actions]
        deploys = [action for action in actions if action.kind is ActionKind.DEPLOY]
        return any(action.status is not Status.QUEUED for action in deploys or actions)

    @property
    def next_environment(self) -> str | None:
        """Name the environment that the run waits before once this release is done."""
        run = self.release.run
        if run is None or run.status.finished or self.release.status is not Status.SUCCEEDED:
            return None
        behind = run.stages[len(self.stages) :]
        for place, stage in enumerate(behind):
            if environment := self.environments.get(stage.name):
                between = [action for each in behind[: place + 1] for action in each.actions]
                waits = any(action.kind is ActionKind.APPROVAL for action in between)
                return environment if waits and stage.status is Status.QUEUED else None
        return None

    def deciders(self, decision: Decision) -> str:
        """Name who decided; several are joined by `+` in the decision that the backend was told."""
        return names([self.name_of(key) for key in decision.by.split("+")], joined="names.and")
