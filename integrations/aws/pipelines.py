"""Asks CodePipeline about one pipeline; what does not exist is said with the nearest names."""

from __future__ import annotations

from typing import Any

from bot.core.errors import BackendError, RunNotFound
from bot.core.wording import say
from integrations.aws.answers import Answer
from integrations.aws.clients import Clients
from integrations.aws.refusals import AwsRefused, near
from integrations.aws.target import AwsTarget, Place

CODEPIPELINE = "codepipeline"
_MOST_KEPT = 500
_PAGE = 100


class Pipelines:
    """CodePipeline's operations on targets. A version of a pipeline never changes, so each is asked for once."""

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self._newest: dict[tuple[Place, str], Answer] = {}
        self._declared: dict[tuple[Place, str, int], Answer] = {}

    async def ask(
        self, target: AwsTarget, operation: str, /, *, urgent: bool = False, once: bool = False, **given: Any
    ) -> dict[str, Any]:
        """Call an operation on the target's pipeline; `urgent` and `once` are as in `Clients.call`.

        Raises `RunNotFound`, `BackendError` with the nearest names for a pipeline or stage that is not there,
        `AwsRefused` for what only the verb can explain, and what `Clients.call` raises.
        """
        key = "name" if operation in {"GetPipeline", "GetPipelineState", "StartPipelineExecution"} else "pipelineName"
        given = {key: target.pipeline, **given}
        try:
            return await self.clients.call(target.place, CODEPIPELINE, operation, urgent=urgent, once=once, **given)
        except AwsRefused as error:
            if error.code == "PipelineExecutionNotFound":
                raise not_found(target, given.get("pipelineExecutionId", "")) from error
            if error.code == "PipelineNotFound":
                raise BackendError(await self._no_pipeline(target)) from error
            if error.code == "StageNotFound" and "stageName" in given:
                raise BackendError(await self._no_stage(target, str(given["stageName"]))) from error
            raise

    async def listed(
        self, target: AwsTarget, operation: str, items: str, /, *, most: int, **given: Any
    ) -> list[dict[str, Any]]:
        """Call a paginated operation on the target's pipeline until its list `items` has `most`."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.ask(target, operation, maxResults=min(most, _PAGE), **given)
            found += answer.get(items, [])
            if not answer.get("nextToken") or len(found) >= most:
                return found[:most]
            given["nextToken"] = answer["nextToken"]

    async def actions(self, target: AwsTarget, run_id: str, *, urgent: bool = False) -> list[dict[str, Any]]:
        """List an execution's action executions, all attempts, newest first."""
        only = {"pipelineExecutionId": run_id}
        return await self.listed(
            target, "ListActionExecutions", "actionExecutionDetails", most=1000, filter=only, urgent=urgent
        )

    async def executions(self, target: AwsTarget, most: int = _PAGE) -> list[dict[str, Any]]:
        """List the newest executions, newest first."""
        return await self.listed(target, "ListPipelineExecutions", "pipelineExecutionSummaries", most=most)

    async def declaration(self, target: AwsTarget, version: int) -> Answer:
        """Give the pipeline's declaration in a version."""
        key = (target.place, target.pipeline, version)
        if key not in self._declared:
            self._keep(key, (await self.ask(target, "GetPipeline", version=version))["pipeline"])
        return self._declared[key]

    async def declaration_now(self, target: AwsTarget, *, urgent: bool = False) -> Answer:
        """Give the pipeline's declaration as it is now."""
        found: Answer = (await self.ask(target, "GetPipeline", urgent=urgent))["pipeline"]
        self._keep((target.place, target.pipeline, found["version"]), found)
        self._newest[target.place, target.pipeline] = found
        return found

    async def declaration_seen(self, target: AwsTarget) -> Answer:
        """Give the pipeline's declaration as it was seen last: it may have changed since."""
        seen = self._newest.get((target.place, target.pipeline))
        return seen if seen is not None else await self.declaration_now(target, urgent=True)

    def _keep(self, key: tuple[Place, str, int], declaration: Answer) -> None:
        self._declared[key] = declaration
        while len(self._declared) > _MOST_KEPT:
            del self._declared[next(iter(self._declared))]

    async def _no_pipeline(self, target: AwsTarget) -> str:
        sentence = say("aws.no_pipeline", name=target.pipeline, region=target.region)
        try:
            found = await self.clients.pages(target.place, CODEPIPELINE, "ListPipelines", "pipelines")
        except BackendError:
            return sentence
        return f"{sentence} {near(target.pipeline, [each['name'] for each in found])}"

    async def _no_stage(self, target: AwsTarget, stage: str) -> str:
        declaration = await self.declaration_now(target)
        stages = ", ".join(each["name"] for each in declaration["stages"])
        return say("aws.no_stage", name=target.pipeline, stage=stage, stages=stages)


def not_found(target: AwsTarget, run_id: str) -> RunNotFound:
    """Say that the pipeline has no such run."""
    return RunNotFound(say("aws.no_run", run=run_id, name=target.pipeline))
