"""What people do to an execution, each safe to repeat: AWS's refusals are read against how things stand then."""

from __future__ import annotations

from typing import Any

from bot.core.errors import BackendError, Conflict
from bot.core.model import Decision, HeldBy, Run
from bot.core.ports import RetryScope
from bot.core.wording import say
from integrations.aws.answers import Answer, decision_of, expired, plain_reason, result, summary_of
from integrations.aws.looking import Looking
from integrations.aws.pipelines import Pipelines
from integrations.aws.refusals import AwsRefused
from integrations.aws.target import AwsTarget

_LONGEST_REASON = 200
"""Characters (API model, "StopPipelineExecutionReason")."""
_NO_LONGER = frozenset({"InvalidApprovalToken", "ApprovalAlreadyCompleted", "StageNotFound", "ActionNotFound"})


class Verbs:
    """The verbs on one account's pipelines, or on several."""

    def __init__(self, pipelines: Pipelines, looking: Looking) -> None:
        self._pipelines, self._looking = pipelines, looking

    async def decide(self, target: AwsTarget, run_id: str, gate: str, decision: Decision) -> None:
        """Answer the approval whose execution has the id `gate`, with a token fetched now.

        CodePipeline takes any answer that has the token which is open now, whatever change that is about; so the token
        is only used if it belongs to this run and to this very waiting. Raises `Conflict`.
        """
        found = await self._open(target, run_id, gate)
        if found is None:
            await self._settled(target, run_id, gate, decision)
            return
        stage, action, token = found
        status = "Approved" if decision.approved else "Rejected"
        try:
            await self._pipelines.ask(
                target, "PutApprovalResult", stageName=stage, actionName=action, token=token,
                result={"summary": summary_of(decision), "status": status}, urgent=True,
            )  # fmt: skip
        except AwsRefused as error:
            if error.code not in _NO_LONGER:
                raise
            await self._settled(target, run_id, gate, decision)

    async def _open(self, target: AwsTarget, run_id: str, gate: str) -> tuple[str, str, str] | None:
        """Find the approval if it is open: stage, action and token."""
        state = await self._pipelines.ask(target, "GetPipelineState", urgent=True)
        for stage in state["stageStates"]:
            if stage.get("latestExecution", {}).get("pipelineExecutionId") != run_id:
                continue
            for action in stage.get("actionStates", ()):
                latest = action.get("latestExecution", {})
                if latest.get("actionExecutionId") == gate and latest.get("token"):
                    return stage["stageName"], action["actionName"], latest["token"]
        # In PARALLEL mode the state has no tokens (API model, "ApprovalToken"); the history has.
        row = await self._row(target, run_id, gate)
        token = result(row).get("externalExecutionId") if row and row["status"] == "InProgress" else None
        return (row["stageName"], row["actionName"], token) if row and token else None

    async def _row(self, target: AwsTarget, run_id: str, gate: str) -> Answer | None:
        rows = await self._pipelines.actions(target, run_id, urgent=True)
        return next((row for row in rows if row["actionExecutionId"] == gate), None)

    async def _settled(self, target: AwsTarget, run_id: str, gate: str, decision: Decision) -> None:
        """See that the gate was answered just so already; raises `Conflict` with what happened instead."""
        row = await self._row(target, run_id, gate)
        if row is None or row["input"]["actionTypeId"]["category"] != "Approval":
            raise Conflict(say("aws.gate.none"))
        execution = await self._pipelines.ask(target, "GetPipelineExecution", pipelineExecutionId=run_id, urgent=True)
        version = execution["pipelineExecution"]["pipelineVersion"]
        declaration = await self._pipelines.declaration(target, version)
        declared = _declared(declaration, row["stageName"], row["actionName"])
        past = decision_of(row, declared)
        if past is not None and past.approved == decision.approved:
            return
        if past is not None:
            raise Conflict(say("aws.gate.taken.yes" if past.approved else "aws.gate.taken.no", by=past.by))
        if expired(row, declared):
            raise Conflict(say("aws.gate.closed"))
        stopped = execution["pipelineExecution"]["status"] in {"Stopped", "Stopping"}
        raise Conflict(say("aws.gate.stopped") if stopped else say("aws.gate.none"))

    async def stop(self, target: AwsTarget, run_id: str, reason: str, *, abandon: bool) -> None:
        """Stop an execution; one that is over, or stops already, stays as it is."""
        asked: dict[str, Any] = {"pipelineExecutionId": run_id, "abandon": abandon, "reason": reason[:_LONGEST_REASON]}
        known = self._looking.known(target, run_id)
        try:
            await self._pipelines.ask(target, "StopPipelineExecution", urgent=True, **asked)
        except AwsRefused as error:
            if error.code not in {"PipelineExecutionNotStoppable", "DuplicatedStopRequest"}:
                raise _as_conflict(error, say("aws.stop.busy")) from error
        else:
            known.stop_reason = reason

    async def retry(self, target: AwsTarget, run_id: str, stage: str, scope: RetryScope, attempt: int) -> None:
        """Retry a stage whose attempt `attempt` failed; if that is past, nothing happens. Raises `Conflict`."""
        if _past(await self._looking.look(target, run_id, fresh=True), stage, attempt):
            return
        asked: dict[str, Any] = {
            "stageName": stage, "pipelineExecutionId": run_id, "retryMode": scope.name,
        }  # fmt: skip
        try:
            await self._pipelines.ask(target, "RetryStageExecution", urgent=True, once=True, **asked)
        except AwsRefused as error:
            if _past(await self._looking.look(target, run_id, fresh=True), stage, attempt):
                return  # somebody else was first, or our own first call, whose answer was lost
            sentences = {"StageNotRetryable": say("aws.retry.not_failed", stage=stage),
                         "NotLatestPipelineExecution": say("aws.retry.newer", stage=stage),
                         "Conflict": say("aws.taken", stage=stage)}  # fmt: skip
            raise _as_conflict(error, sentences.get(error.code, error.sentence)) from error

    async def override(self, target: AwsTarget, run_id: str, stage: str, condition: HeldBy, attempt: int) -> None:
        """Let a stage go on although its condition failed; if that is past, nothing happens. Raises `Conflict`."""
        if _past(await self._looking.look(target, run_id, fresh=True), stage, attempt):
            return
        asked = {"stageName": stage, "pipelineExecutionId": run_id, "conditionType": condition.name}
        try:
            await self._pipelines.ask(target, "OverrideStageCondition", urgent=True, once=True, **asked)
        except AwsRefused as error:
            run = await self._looking.look(target, run_id, fresh=True)
            if _past(run, stage, attempt) or await self._overridden(target, run_id, stage, condition):
                return
            sentences = {"ConditionNotOverridable": say("aws.override.not_held", stage=stage),
                         "NotLatestPipelineExecution": say("aws.retry.newer", stage=stage),
                         "Conflict": say("aws.taken", stage=stage)}  # fmt: skip
            raise _as_conflict(error, sentences.get(error.code, error.sentence)) from error

    async def _overridden(self, target: AwsTarget, run_id: str, stage: str, condition: HeldBy) -> bool:
        """Tell whether the override has taken effect, though nothing has begun since."""
        state = await self._pipelines.ask(target, "GetPipelineState", urgent=True)
        hook = "beforeEntryConditionState" if condition is HeldBy.BEFORE_ENTRY else "onSuccessConditionState"
        return any(
            each["stageName"] == stage
            and each.get("latestExecution", {}).get("pipelineExecutionId") == run_id
            and each.get(hook, {}).get("latestExecution", {}).get("status") == "Overridden"
            for each in state["stageStates"]
        )

    async def hold(self, target: AwsTarget, stage: str, reason: str | None) -> None:
        """Close the way into a stage, with the reason in the characters that AWS allows; `None` opens it again."""
        asked: dict[str, Any] = {"stageName": stage, "transitionType": "Inbound", "urgent": True}
        if reason is None:
            await self._pipelines.ask(target, "EnableStageTransition", **asked)
        else:
            await self._pipelines.ask(target, "DisableStageTransition", reason=plain_reason(reason), **asked)


def _past(run: Run, stage: str, attempt: int) -> bool:
    found = run.stage(stage)
    return found is not None and found.attempt > attempt


def _as_conflict(error: AwsRefused, sentence: str) -> Conflict | BackendError:
    """Say a refusal as a conflict, unless its code is of another kind."""
    moved_on = {"Conflict", "StageNotRetryable", "NotLatestPipelineExecution", "ConditionNotOverridable",
                "ConcurrentPipelineExecutionsLimitExceeded"}  # fmt: skip
    return Conflict(sentence) if error.code in moved_on else error


def _declared(declaration: Answer, stage: str, action: str) -> Answer:
    inside = [one for each in declaration["stages"] if each["name"] == stage for one in each["actions"]]
    return next((one for one in inside if one["name"] == action), {})
