"""Reads AWS's answers about one execution as a run: pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.core.model import Action, ActionKind, Gate, LogTail, Rollout, Run, Stage, Status, TestReport
from bot.core.wording import say
from integrations.aws.answers import Answer, approval_said, gate_of, revision_of, said, who
from integrations.aws.stages import STATUS, Asked, stage_of
from integrations.aws.target import AwsTarget

ACTION_STATUS: Mapping[str, Status] = {
    "InProgress": Status.RUNNING, "Succeeded": Status.SUCCEEDED, "Failed": Status.FAILED, "Abandoned": Status.STOPPED,
}  # fmt: skip
_KINDS = {kind.value: kind for kind in ActionKind}


@dataclass(frozen=True, slots=True)
class Detail:
    """What an action's provider knows of one execution of it, beyond CodePipeline; what is None leaves it as it is."""

    detail: str | None = None
    tests: TestReport | None = None
    rollout: Rollout | None = None
    log: LogTail | None = None
    url: str | None = None
    gate: Gate | None = None
    plan: str | None = None
    """What a later action is going to do, for whoever is asked before it."""


Fetch = Callable[[AwsTarget, Sequence[Answer]], Awaitable[Mapping[str, Detail]]]
"""Gives what the providers of these action executions know besides, by `actionExecutionId`."""


@dataclass(frozen=True, slots=True)
class Look:
    """AWS's answers about one execution, and what is known besides."""

    target: AwsTarget
    declaration: Answer
    """GetPipeline's `pipeline`, in the execution's version."""
    execution: Answer
    """GetPipelineExecution's `pipelineExecution`, or ListPipelineExecutions' summary of it."""
    actions: Sequence[Answer]
    """ListActionExecutions' details of this execution, in any order."""
    seen: datetime
    rules: Sequence[Answer] = ()
    """ListRuleExecutions' details; only of a pipeline with conditions."""
    state: Answer | None = None
    """GetPipelineState; only where it tells more."""
    sources: Sequence[Answer] = ()
    """For a rollback: the action executions of what it goes back to."""
    details: Mapping[str, Detail] = field(default_factory=dict)
    """By `actionExecutionId`."""
    started: datetime | None = None
    stop_reason: str = ""
    attempts: Mapping[str, int] = field(default_factory=dict)
    """By stage, the attempt that a former look has found."""


def run_of(look: Look) -> Run:
    """Tell how the run looks."""
    execution, rollback = look.execution, look.execution.get("executionType") == "ROLLBACK"
    over = _over(look)
    declared = list(look.declaration.get("stages", ()))
    if rollback:
        # Whether CodePipeline goes on to later stages is not documented, so only what is seen counts.
        touched = {row["stageName"] for row in look.actions} | _stages_in_state(look)
        declared = [stage for stage in declared if stage["name"] in touched]
    names = [stage["name"] for stage in declared]
    reached = max((names.index(row["stageName"]) for row in look.actions if row["stageName"] in names), default=-1)
    stages = tuple(
        stage_of(_asked(look, stage, later=n < reached), _actions(look, stage)) for n, stage in enumerate(declared)
    )
    times = [row["startTime"] for row in look.actions]
    started = look.started or execution.get("startTime") or min(times, default=None)
    finished = None
    if over.finished:
        ends = [row["lastUpdateTime"] for row in look.actions]
        finished = max(ends, default=None) or execution.get("lastUpdateTime") or started or look.seen
    return Run(
        id=execution["pipelineExecutionId"],
        pipeline=look.target.pipeline,
        status=_status(over, stages),
        revision=revision_of(look.declaration, execution, look.sources or look.actions, look.target.source),
        stages=stages,
        started=started,
        finished=finished,
        detail=_detail(look, over, stages),
        trigger=_trigger(execution.get("trigger", {})),
        started_by=_starter(execution.get("trigger", {})),
        rollback=rollback,
        url=_page(look.target, execution["pipelineExecutionId"]),
        seen=look.seen,
    )


def _over(look: Look) -> Status:
    """Tell how the execution as a whole stands; its actions were asked after it, and so show a retry first."""
    status = STATUS[look.execution["status"]]
    revived = status in {Status.FAILED, Status.STOPPED} and any(row["status"] == "InProgress" for row in look.actions)
    return Status.RUNNING if revived else status


def _stages_in_state(look: Look) -> set[str]:
    run_id, stages = look.execution["pipelineExecutionId"], (look.state or {}).get("stageStates", ())
    return {
        stage["stageName"]
        for stage in stages
        if stage.get("latestExecution", {}).get("pipelineExecutionId") == run_id
        or any(each["pipelineExecutionId"] == run_id for each in stage.get("inboundExecutions", ()))
    }


def _asked(look: Look, stage: Answer, *, later: bool) -> Asked:
    states = (look.state or {}).get("stageStates", ())
    return Asked(
        declared=stage,
        run_id=look.execution["pipelineExecutionId"],
        over=_over(look),
        actions=[row for row in look.actions if row["stageName"] == stage["name"]],
        rules=[row for row in look.rules if row["stageName"] == stage["name"]],
        state=next((each for each in states if each["stageName"] == stage["name"]), None),
        later=later,
        at_least=look.attempts.get(stage["name"], 1),
    )


def _actions(look: Look, stage: Answer) -> Any:
    """Give how to show this stage's actions, once it is known which executions of them count."""

    def shown(rows: Mapping[str, Answer]) -> tuple[Action, ...]:
        inside = sorted(stage.get("actions", ()), key=lambda each: each.get("runOrder", 1))
        plans = []
        for each in inside:
            more = look.details.get(rows.get(each["name"], {}).get("actionExecutionId", ""))
            if more is not None and more.plan:
                plans.append(say("aws.gate.plan", name=each["name"], plan=more.plan))
        actions = (_action(each, rows.get(each["name"]), look.details) for each in inside)
        return tuple(_told(action, plans) for action in actions)

    return shown


def _told(action: Action, plans: Sequence[str]) -> Action:
    """Tell whoever is asked what is going to be done: what their stage has planned so far."""
    if action.gate is None or not plans:
        return action
    message = "\n".join(filter(None, (action.gate.message, *plans)))
    return action.model_copy(update={"gate": action.gate.model_copy(update={"message": message})})


def _action(declared: Answer, row: Answer | None, details: Mapping[str, Detail]) -> Action:
    kind = _KINDS.get(declared["actionTypeId"]["category"].lower(), ActionKind.INVOKE)
    name, order = declared["name"], declared.get("runOrder", 1)
    if row is None:
        return Action(name=name, kind=kind, order=order)
    status, approval = ACTION_STATUS[row["status"]], kind is ActionKind.APPROVAL
    more = details.get(row["actionExecutionId"], Detail())
    told = row.get("output", {}).get("executionResult", {})
    url = more.url or told.get("externalExecutionUrl")
    return Action(
        name=name, kind=kind, order=order,
        status=Status.WAITING if approval and status is Status.RUNNING else status,
        started=row["startTime"], finished=row["lastUpdateTime"] if status.finished else None,
        detail=(approval_said(row, declared) if approval else "") or (more.detail or said(row)),
        tests=more.tests, rollout=more.rollout, log=more.log,
        gate=(more.gate or gate_of(row, declared)) if approval else None,
        url=url if url and url.startswith("https://") else None,
    )  # fmt: skip


def _status(over: Status, stages: Sequence[Stage]) -> Status:
    if over is not Status.RUNNING:
        return over
    states = {stage.status for stage in stages}
    if states <= {Status.QUEUED}:
        return Status.QUEUED
    return Status.WAITING if Status.WAITING in states else Status.RUNNING


def _detail(look: Look, over: Status, stages: Iterable[Stage]) -> str:
    """Say in one sentence why it failed or stopped."""
    told = str(look.execution.get("statusSummary") or "").strip()
    if over is Status.FAILED:
        return next(filter(None, map(_cause, stages)), told)
    if look.execution["status"] == "Cancelled":
        return told or say("aws.cancelled")
    if over is Status.SUPERSEDED:
        return told or say("aws.superseded")
    if over in {Status.STOPPED, Status.STOPPING}:
        return look.stop_reason or told
    return ""


def _cause(stage: Stage) -> str:
    if stage.status is not Status.FAILED:
        return ""
    if stage.detail:
        return f"{stage.name}: {stage.detail}"
    broken = next((action for action in stage.actions if action.status is Status.FAILED), None)
    if broken is None:
        return say("aws.stage_failed", stage=stage.name)
    return f"{stage.name}: {broken.name}: {broken.detail}" if broken.detail else say("aws.failed", name=broken.name)


def _trigger(trigger: Answer) -> str:
    """Say what started it: who, if that was a person; words, if the trigger has some; else CodePipeline's own type."""
    kind, detail = str(trigger.get("triggerType", "")), str(trigger.get("triggerDetail", ""))
    if kind in {"StartPipelineExecution", "ManualRollback"} and detail.startswith("arn:"):
        return say("aws.started_by", who=who(detail))
    words = " " in detail and not detail.startswith(("{", "arn:"))
    return detail[:200] if words else kind


def _starter(trigger: Answer) -> tuple[str, ...]:
    """Give the ARN of whoever started it, where AWS says one: of a user, or of a role with the session's name."""
    kind, detail = str(trigger.get("triggerType", "")), str(trigger.get("triggerDetail", ""))
    by_hand = kind in {"StartPipelineExecution", "ManualRollback"} and detail.startswith("arn:")
    return (detail,) if by_hand else ()


def _page(target: AwsTarget, run_id: str) -> str:
    """Link to the execution in the console."""
    host = "console.amazonaws.cn" if target.region.startswith("cn-") else f"{target.region}.console.aws.amazon.com"
    path = f"codesuite/codepipeline/pipelines/{target.pipeline}/executions/{run_id}/timeline"
    return f"https://{host}/{path}?region={target.region}"
