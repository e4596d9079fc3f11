"""Tells how one stage of an execution stands, from its history and from the pipeline's state: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.model import Action, HeldBy, Stage, Status
from bot.core.wording import say
from integrations.aws.answers import Answer
from integrations.aws.attempts import BROKEN, History, history

STATUS: Mapping[str, Status] = {
    "InProgress": Status.RUNNING, "Succeeded": Status.SUCCEEDED, "Failed": Status.FAILED, "Stopped": Status.STOPPED,
    "Stopping": Status.STOPPING, "Superseded": Status.SUPERSEDED, "Cancelled": Status.STOPPED,
    "Skipped": Status.SKIPPED,
}  # fmt: skip
"""Of executions and stages (API model, "PipelineExecutionStatus", "StageExecutionStatus")."""
_HOOKS = {HeldBy.BEFORE_ENTRY: "beforeEntry", HeldBy.ON_SUCCESS: "onSuccess"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of one stage of one execution."""

    declared: Answer
    run_id: str
    over: Status
    """Of the whole execution."""
    actions: Sequence[Answer]
    rules: Sequence[Answer]
    state: Answer | None
    """The stage's StageState, whichever execution that is about."""
    later: bool
    """Whether the execution has been in a later stage."""
    at_least: int = 1
    """The attempt that it is known to have come to."""

    @property
    def ours(self) -> Answer | None:
        """Give the stage's state if it is about this execution."""
        latest = (self.state or {}).get("latestExecution", {})
        return self.state if latest.get("pipelineExecutionId") == self.run_id else None

    @property
    def went_on(self) -> bool:
        """Tell whether the execution has left this stage well."""
        return self.later or self.over is Status.SUCCEEDED


Show = Callable[[Mapping[str, Answer]], tuple[Action, ...]]
"""Shows the stage's actions; takes the execution of each that counts, by the action's name."""


def stage_of(asked: Asked, show: Show) -> Stage:
    """Tell how the stage stands."""
    entry, success = _rules(asked, "beforeEntry"), _rules(asked, "onSuccess")
    past = history(asked.actions, [*entry, *success])
    actions = show(past.actions)
    status = _status(asked, past, actions, entry=bool(entry), success=bool(success))
    if status is Status.SKIPPED:
        actions = tuple(action.model_copy(update={"status": Status.SKIPPED}) for action in actions)
    detail, held = _judged(asked, status)
    times = [row["startTime"] for row in (*asked.actions, *asked.rules)]
    ends = [row["lastUpdateTime"] for row in (*past.actions.values(), *asked.rules)]
    return Stage(
        name=asked.declared["name"],
        status=status,
        attempt=_attempt(asked, past, success),
        started=min(times, default=None),
        finished=max(ends, default=None) if status.finished else None,
        actions=actions,
        detail=detail or (_why_it_waits(asked) if status is Status.QUEUED and not asked.over.finished else ""),
        held=held,
    )


def _rules(asked: Asked, hook: str) -> list[Answer]:
    conditions = asked.declared.get(hook, {}).get("conditions", ())
    names = {rule["name"] for condition in conditions for rule in condition.get("rules", ())}
    return [row for row in asked.rules if row["ruleName"] in names]


def _attempt(asked: Asked, past: History, success: Sequence[Answer]) -> int:
    """Count the attempts: by the history, and by CodePipeline's own count where it may know one more."""
    last = max(success, key=lambda row: row["startTime"], default=None)
    overridden = asked.went_on and last is not None and last["status"] in BROKEN
    counted = past.attempt + overridden
    counted = max(counted, asked.at_least)
    if (ours := asked.ours) is None:
        return counted
    retries = ours.get("retryStageMetadata", {})
    known: int = 1 + retries.get("autoStageRetryAttempt", 0) + retries.get("manualStageRetryAttempt", 0)
    return max(counted, known)


def _status(asked: Asked, past: History, actions: Sequence[Action], *, entry: bool, success: bool) -> Status:
    derived = _derived(asked, past, actions, entry=entry, success=success)
    if (ours := asked.ours) is not None:
        told = STATUS[ours["latestExecution"]["status"]]
        if asked.went_on or not (derived.finished or derived is Status.QUEUED):
            return derived  # the actions were asked after the state, and show that more has happened
        # A stage that ends badly ends its execution, too; one can't be told without the other.
        return told if asked.over.finished or told not in {Status.FAILED, Status.STOPPED} else Status.RUNNING
    return derived


def _derived(  # noqa: PLR0911 - one line per way that a stage can stand
    asked: Asked, past: History, actions: Sequence[Action], *, entry: bool, success: bool
) -> Status:
    under_way = {action.status for action in actions if not action.status.finished} - {Status.QUEUED}
    if under_way and not asked.over.finished:
        if asked.over is Status.STOPPING:
            return Status.STOPPING
        return Status.WAITING if under_way == {Status.WAITING} else Status.RUNNING
    if not past.actions:
        if asked.went_on:
            return Status.SKIPPED
        return (asked.over if asked.over.finished else Status.RUNNING) if entry else Status.QUEUED
    done = all(action.status is Status.SUCCEEDED for action in actions)
    judging = bool(asked.declared.get("onSuccess")) and (success or not asked.over.finished)
    if done and (asked.went_on or not judging):
        return Status.SUCCEEDED
    if not asked.over.finished:
        return asked.over
    return Status.STOPPED if asked.over is Status.SUPERSEDED else asked.over


def _judged(asked: Asked, status: Status) -> tuple[str, HeldBy | None]:
    """Say what the stage's conditions do to it just now, and which of them a person could override."""
    ours = asked.ours or {}
    for held, hook in _HOOKS.items():
        latest = ours.get(f"{hook}ConditionState", {}).get("latestExecution", {})
        condition, word = latest.get("status"), say(f"aws.condition.{held}")
        if condition == "InProgress" and not status.finished:
            return say("aws.condition.checked", which=word), None
        if condition not in {"Failed", "Errored"} or status not in {Status.FAILED, Status.SKIPPED}:
            continue
        sentence = say("aws.condition.failed", which=word, why=_why(ours[f"{hook}ConditionState"]))
        fires = next((each.get("result") for each in asked.declared.get(hook, {}).get("conditions", ())), None)
        if status is Status.FAILED and fires == "FAIL" and asked.over is Status.FAILED:
            return f"{sentence} {say('aws.condition.override')}", held
        return sentence, None
    failing = ours.get("onFailureConditionState", {}).get("latestExecution", {}).get("status")
    if failing == "InProgress" and not status.finished:
        return say("aws.condition.checked", which=say("aws.condition.on_failure")), None
    return "", None


def _why(state: Answer) -> str:
    """Name the rules that failed, and what they say."""
    rules = [rule for each in state.get("conditionStates", ()) for rule in each.get("ruleStates", ())]
    found = []
    for rule in rules:
        latest = rule.get("latestExecution", {})
        if latest.get("status") in BROKEN:
            told = latest.get("errorDetails", {}).get("message") or latest.get("summary") or ""
            found.append(f"{rule['ruleName']}: {told}".rstrip(": .") + ".")
    return " ".join(found) or str(state.get("latestExecution", {}).get("summary", ""))


def _why_it_waits(asked: Asked) -> str:
    state = asked.state
    if state is None or not any(
        each["pipelineExecutionId"] == asked.run_id
        for each in (*state.get("inboundExecutions", ()), state.get("inboundExecution") or {"pipelineExecutionId": ""})
    ):
        return ""
    way = state.get("inboundTransitionState", {})
    if not way.get("enabled", True):
        return say("aws.waits.closed", stage=asked.declared["name"], reason=way.get("disabledReason", ""))
    inside = state.get("latestExecution", {})
    if inside.get("status") in {"InProgress", "Stopping"} and inside.get("pipelineExecutionId") != asked.run_id:
        return say("aws.waits.taken", run=inside["pipelineExecutionId"][:8], stage=asked.declared["name"])
    return ""
