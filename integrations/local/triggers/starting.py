"""Starts a pipeline because something happened; the same happening again gives the same execution."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.core.errors import BadFile
from integrations.local import starts
from integrations.local.answers import StartRequest
from integrations.local.engine import Engine
from integrations.local.pipelines import read_pipeline
from integrations.local.target import LocalTarget
from integrations.local.triggers.deciding import Reason
from integrations.local.triggers.marks import Marks, used_delivery
from integrations.specs.pipeline import PipelineDeclaration


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts executions of one engine."""

    engine: Engine

    async def pipeline(self, target: LocalTarget) -> PipelineDeclaration:
        """Read a target's pipeline as it is now; raises `BadFile`."""
        return await asyncio.to_thread(read_pipeline, target.file)

    async def was_used(self, target: LocalTarget, token: str) -> bool:
        """Tell whether a token has started an execution that is forgotten by now."""
        return await Marks(self.engine.database).get(used_delivery(starts.home(target).file, token)) is not None

    async def start(self, target: LocalTarget, pipeline: PipelineDeclaration, token: str, reason: Reason) -> str:
        """Start an execution; with a token that was used before, give that one's id.

        Raises `BadInput` for what the pipeline needs and nobody gave, `Conflict` if it has no room.
        """
        request = StartRequest(
            token, sources=reason.sources, trigger=reason.type, trigger_detail=reason.words,
            started_by=reason.started_by, webhook=reason.webhook,
        )  # fmt: skip
        return await starts.start_known(self.engine, starts.home(target), pipeline, request)

    async def start_now(self, target: LocalTarget, token: str, reason: Reason) -> str:
        """Start an execution of the pipeline as it is; if it can't be read, of one that has failed and says why."""
        try:
            pipeline = await self.pipeline(target)
        except BadFile:
            return await starts.start(self.engine, target, token, None)
        return await self.start(target, pipeline, token, reason)
