"""CodePipeline's operations: parameters in, the engine asked, answers in the model's shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.core.model import Decision
from bot.core.ports import RetryScope
from integrations.local.answers import AskedRevision, StartRequest
from integrations.local.aws import names
from integrations.local.aws import pipeline_shapes as shapes
from integrations.local.aws.endpoint import Operation
from integrations.local.aws.paging import Pages
from integrations.local.aws.tagging import by_key
from integrations.local.operations import CodePipeline
from integrations.local.states import Direction, Hook

Given = Mapping[str, Any]
SCOPES = {"FAILED_ACTIONS": RetryScope.FAILED_ACTIONS, "ALL_ACTIONS": RetryScope.ALL_ACTIONS}


class PipelineOperations:
    """What is offered of CodePipeline; `caller` is who the key belongs to, as an ARN."""

    def __init__(self, engine: CodePipeline, pages: Pages, caller: str, new_id: Callable[[], str]) -> None:
        self._engine, self._pages, self._caller, self._new_id = engine, pages, caller, new_id

    def table(self) -> dict[str, Operation]:
        """Give the operations by their names in the model."""
        return {
            "CreatePipeline": self.create, "GetPipeline": self.get, "UpdatePipeline": self.update,
            "DeletePipeline": self.delete, "ListPipelines": self.list, "GetPipelineState": self.state,
            "StartPipelineExecution": self.start, "StopPipelineExecution": self.stop,
            "GetPipelineExecution": self.execution, "ListPipelineExecutions": self.executions,
            "ListActionExecutions": self.actions, "ListRuleExecutions": self.rules,
            "PutApprovalResult": self.approve, "RetryStageExecution": self.retry, "RollbackStage": self.roll_back,
            "OverrideStageCondition": self.override, "EnableStageTransition": self.enable,
            "DisableStageTransition": self.disable,
        }  # fmt: skip

    async def create(self, given: Given) -> Given:
        """CreatePipeline."""
        tags = by_key(given.get("tags", ()))
        record = await self._engine.create_pipeline(given["pipeline"], tags)
        return {"pipeline": shapes.declaration(record), "tags": given.get("tags") or None}

    async def get(self, given: Given) -> Given:
        """GetPipeline."""
        record = await self._engine.get_pipeline(given["name"], given.get("version"))
        about = {"pipelineArn": names.pipeline_arn(record.name), "created": record.created, "updated": record.updated}
        return {"pipeline": shapes.declaration(record), "metadata": about}

    async def update(self, given: Given) -> Given:
        """UpdatePipeline."""
        return {"pipeline": shapes.declaration(await self._engine.update_pipeline(given["pipeline"]))}

    async def delete(self, given: Given) -> None:
        """DeletePipeline."""
        await self._engine.delete_pipeline(given["name"])

    async def list(self, given: Given) -> Given:
        """ListPipelines."""
        after = self._pages.after("ListPipelines", given)
        page = await self._engine.list_pipelines(given.get("maxResults", 1000), after)
        token = self._pages.token("ListPipelines", given, page.after)
        return {"pipelines": [shapes.summary(record) for record in page.items], "nextToken": token}

    async def state(self, given: Given) -> Given:
        """GetPipelineState."""
        record = await self._engine.get_pipeline_state(given["name"])
        return {
            "pipelineName": record.name, "pipelineVersion": record.version, "created": record.created,
            "updated": record.updated,
            "stageStates": [shapes.stage_state(stage, record.mode) for stage in record.stages],
        }  # fmt: skip

    async def start(self, given: Given) -> Given:
        """StartPipelineExecution; without a clientRequestToken every call starts an execution."""
        asked = (
            AskedRevision(each["actionName"], each["revisionType"], each["revisionValue"])
            for each in given.get("sourceRevisions", ())
        )
        request = StartRequest(
            token=given.get("clientRequestToken") or self._new_id(),
            variables={each["name"]: each["value"] for each in given.get("variables", ())},
            sources=tuple(asked),
            trigger_detail=self._caller,
        )
        return {"pipelineExecutionId": await self._engine.start_pipeline_execution(given["name"], request)}

    async def stop(self, given: Given) -> Given:
        """StopPipelineExecution."""
        name, execution = given["pipelineName"], given["pipelineExecutionId"]
        abandon, reason = given.get("abandon", False), given.get("reason", "")
        await self._engine.stop_pipeline_execution(name, execution, abandon=abandon, reason=reason)
        return {"pipelineExecutionId": execution}

    async def execution(self, given: Given) -> Given:
        """GetPipelineExecution."""
        record = await self._engine.get_pipeline_execution(given["pipelineName"], given["pipelineExecutionId"])
        return {"pipelineExecution": shapes.execution(record)}

    async def executions(self, given: Given) -> Given:
        """ListPipelineExecutions."""
        after = self._pages.after("ListPipelineExecutions", given)
        stage = given.get("filter", {}).get("succeededInStage", {}).get("stageName")
        page = await self._engine.list_pipeline_executions(
            given["pipelineName"], succeeded_in_stage=stage, limit=given.get("maxResults", 100), after=after
        )
        token = self._pages.token("ListPipelineExecutions", given, page.after)
        found = [shapes.execution_summary(record) for record in page.items]
        return {"pipelineExecutionSummaries": found, "nextToken": token}

    async def actions(self, given: Given) -> Given:
        """ListActionExecutions."""
        after = self._pages.after("ListActionExecutions", given)
        execution, latest = _of_one(given)
        page = await self._engine.list_action_executions(
            given["pipelineName"], execution_id=execution, latest=latest, limit=given.get("maxResults", 100),
            after=after,
        )  # fmt: skip
        token = self._pages.token("ListActionExecutions", given, page.after)
        found = [shapes.action_execution(record) for record in page.items]
        return {"actionExecutionDetails": found, "nextToken": token}

    async def rules(self, given: Given) -> Given:
        """ListRuleExecutions."""
        after = self._pages.after("ListRuleExecutions", given)
        execution, latest = _of_one(given)
        page = await self._engine.list_rule_executions(
            given["pipelineName"], execution_id=execution, latest=latest, limit=given.get("maxResults", 100),
            after=after,
        )  # fmt: skip
        token = self._pages.token("ListRuleExecutions", given, page.after)
        return {"ruleExecutionDetails": [shapes.rule_execution(record) for record in page.items], "nextToken": token}

    async def approve(self, given: Given) -> Given:
        """PutApprovalResult."""
        result = given["result"]
        decision = Decision(approved=result["status"] == "Approved", by=self._caller, comment=result["summary"])
        at = await self._engine.put_approval_result(
            given["pipelineName"], given["stageName"], given["actionName"], given["token"], decision
        )
        return {"approvedAt": at}

    async def retry(self, given: Given) -> Given:
        """RetryStageExecution."""
        execution = given["pipelineExecutionId"]
        scope = SCOPES[given["retryMode"]]
        await self._engine.retry_stage_execution(given["pipelineName"], given["stageName"], execution, scope)
        return {"pipelineExecutionId": execution}

    async def roll_back(self, given: Given) -> Given:
        """RollbackStage."""
        execution = await self._engine.rollback_stage(
            given["pipelineName"], given["stageName"], given["targetPipelineExecutionId"]
        )
        return {"pipelineExecutionId": execution}

    async def override(self, given: Given) -> None:
        """OverrideStageCondition."""
        await self._engine.override_stage_condition(
            given["pipelineName"], given["stageName"], given["pipelineExecutionId"], Hook(given["conditionType"])
        )

    async def enable(self, given: Given) -> None:
        """EnableStageTransition."""
        direction = Direction(given["transitionType"])
        await self._engine.enable_stage_transition(given["pipelineName"], given["stageName"], direction)

    async def disable(self, given: Given) -> None:
        """DisableStageTransition."""
        await self._engine.disable_stage_transition(
            given["pipelineName"], given["stageName"], Direction(given["transitionType"]), given["reason"],
            self._caller,
        )  # fmt: skip


def _of_one(given: Given) -> tuple[str | None, bool]:
    """Read the filter of a list: an execution's id, and whether only the latest attempts are wanted."""
    asked = given.get("filter", {})
    if latest := asked.get("latestInPipelineExecution"):
        return latest["pipelineExecutionId"], latest["startTimeRange"] == "Latest"
    return asked.get("pipelineExecutionId"), False
