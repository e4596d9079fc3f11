"""Lists a pipeline's newest runs, also those that nobody asked Sayso for: at most two calls, however many runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bot.core.model import Run
from integrations.aws.answers import Answer
from integrations.aws.listings import print_of
from integrations.aws.looking import Looking
from integrations.aws.observing import Look, run_of
from integrations.aws.pipelines import Pipelines
from integrations.aws.target import AwsTarget

_A_PAGE = 100
_WORTH_A_LOOK = timedelta(days=2)
"""Older runs are listed as the list shows them, without what happened inside."""


class Recent:
    """Remembers what was listed, so that only what has changed is looked into."""

    def __init__(self, pipelines: Pipelines, looking: Looking, clock: Callable[[], datetime]) -> None:
        self._pipelines, self._looking, self._clock = pipelines, looking, clock
        self._seen: dict[tuple[Any, ...], tuple[Any, Run]] = {}

    async def runs(self, target: AwsTarget, limit: int) -> list[Run]:
        """List the newest runs, newest first; those that are looked at anyway, as they were seen last."""
        seen = self._clock()
        listed = (await self._looking.recent(target))[:limit]
        fresh = [each for each in listed if self._known(target, each) is None]
        inside = await self._inside(target, fresh, seen)
        found = []
        for each in listed:
            run = self._known(target, each)
            if run is None:
                rows = inside.get(each["pipelineExecutionId"], [])
                version = rows[0]["pipelineVersion"] if rows else None
                declaration = await self._declaration(target, version)
                reason = each.get("stopTrigger", {}).get("reason", "")
                run = run_of(Look(target, declaration, each, rows, seen, stop_reason=reason))
                self._seen[_key(target, each)] = print_of(each), run
            found.append(run)
        keep = {_key(target, each) for each in listed}
        for key in [key for key in self._seen if key[:-1] == _pipeline(target) and key not in keep]:
            del self._seen[key]
        return found

    def _known(self, target: AwsTarget, summary: Answer) -> Run | None:
        if looked_at := self._looking.newest(summary["pipelineExecutionId"]):
            return looked_at
        known = self._seen.get(_key(target, summary))
        return known[1] if known and known[0] == print_of(summary) else None

    async def _declaration(self, target: AwsTarget, version: int | None) -> Answer:
        if version is None:
            return await self._pipelines.declaration_now(target)
        return await self._pipelines.declaration(target, version)

    async def _inside(self, target: AwsTarget, fresh: list[dict[str, Any]], seen: datetime) -> dict[str, list[Any]]:
        """Give the action executions of what is new, from one page of all of them; the newest come first."""
        worth = [each for each in fresh if seen - each["startTime"] < _WORTH_A_LOOK]
        if not worth:
            return {}
        answer = await self._pipelines.ask(target, "ListActionExecutions", maxResults=_A_PAGE)
        rows = answer.get("actionExecutionDetails", [])
        oldest = min((row["startTime"] for row in rows), default=seen)
        found: dict[str, list[Any]] = {}
        for each in worth:
            run_id = each["pipelineExecutionId"]
            if "nextToken" in answer and each["startTime"] < oldest:
                found[run_id] = await self._pipelines.actions(target, run_id)
            else:
                found[run_id] = [row for row in rows if row["pipelineExecutionId"] == run_id]
        return found


def _pipeline(target: AwsTarget) -> tuple[Any, ...]:
    return target.place, target.pipeline, target.source


def _key(target: AwsTarget, summary: Answer) -> tuple[Any, ...]:
    return *_pipeline(target), summary["pipelineExecutionId"]
