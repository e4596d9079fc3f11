"""Keeps each pipeline's newest executions for a while, so that one call serves both adopting and polling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations.aws.answers import Answer
from integrations.aws.pipelines import Pipelines
from integrations.aws.target import AwsTarget, Place

DOUBT = 600.0
"""Seconds for which events of a pipeline are not relied on after one that did not come: they may be lost, or be read by
another server."""

Print = tuple[Any, ...]
"""How the list shows an execution; if it changes, so has the execution."""


def print_of(summary: Answer) -> Print:
    """Tell how the list of executions shows one."""
    return summary["status"], summary.get("lastUpdateTime")


class Listing:
    """The newest executions of one pipeline, as of the moment `at` in seconds."""

    def __init__(self) -> None:
        self.at = float("-inf")
        self.outdated = True
        self.heard = False
        """Whether events of the pipeline come."""
        self.missed = float("-inf")
        """When a change was seen that no event had told."""
        self.rows: Sequence[dict[str, Any]] = ()
        self.prints: Mapping[str, Print] = {}
        self.lock = asyncio.Lock()


class Listings:
    """One list for each pipeline; `clock` is in seconds."""

    def __init__(self, pipelines: Pipelines, clock: Callable[[], float]) -> None:
        self._pipelines, self._clock = pipelines, clock
        self._kept: dict[tuple[Place, str], Listing] = {}

    def __len__(self) -> int:
        """Count the pipelines."""
        return len(self._kept)

    def kept(self, target: AwsTarget) -> Listing:
        """Give the list as it was read last; an empty one before that."""
        return self._kept.setdefault((target.place, target.pipeline), Listing())

    async def newest(self, target: AwsTarget, age: float) -> Listing:
        """Give a list that is at most `age` seconds old. Raises as `Pipelines.ask`."""
        listing = self.kept(target)
        async with listing.lock:
            asked = self._clock()
            if listing.outdated or asked - listing.at >= age:
                listing.outdated = False  # what is noted from here on is not in this list
                try:
                    listing.rows = await self._pipelines.executions(target)
                except BaseException:
                    listing.outdated = True
                    raise
                listing.prints = {each["pipelineExecutionId"]: print_of(each) for each in listing.rows}
                listing.at = asked
        return listing

    def forget(self, pipeline: str) -> None:
        """Have the list of every pipeline of this name read again: it has a run that is not in there."""
        for (_, name), listing in self._kept.items():
            if name == pipeline:
                listing.outdated = True

    def hears(self, target: AwsTarget) -> bool:
        """Tell whether events of the pipeline come, and may be relied on."""
        listing = self.kept(target)
        return listing.heard and self._clock() - listing.missed > DOUBT

    def deaf(self) -> None:
        """Know of no pipeline that its events come."""
        for listing in self._kept.values():
            listing.heard = False
