"""Looks at a git branch now and then, and starts the pipeline when it has moved."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from bot.core.errors import BadFile
from integrations.local.answers import AskedRevision
from integrations.local.git import Git, GitFailed
from integrations.local.source import NoSource, place_of
from integrations.local.target import LocalTarget
from integrations.local.triggers.deciding import Reason, branch_of, polled, repository_of
from integrations.local.triggers.declared import Poll
from integrations.local.triggers.marks import Marks
from integrations.local.triggers.starting import Starter
from integrations.specs.pipeline import ActionDeclaration

PATIENCE = 60
"""Seconds that a host may take to answer."""
_log = logging.getLogger(__name__)


class Polled:
    """The git source actions of one pipeline.

    `declared` is the catalogue's wish; without it only actions whose PollForSourceChanges is `true` are looked at.
    `chance` gives a number from 0 to 1: looks of many pipelines don't fall together.
    """

    def __init__(
        self, target: LocalTarget, declared: Poll | None, *, starter: Starter, marks: Marks,
        clock: Callable[[], datetime], chance: Callable[[], float],
    ) -> None:  # fmt: skip
        self._target, self._declared = target, declared
        self._starter, self._marks, self._clock, self._chance = starter, marks, clock, chance
        self._trouble = ""

    async def look(self) -> None:
        """Look once at every branch; the first look at one only remembers it.

        Raises `BadFile`, `GitFailed`, `NoSource`, `TimeoutError`.
        """
        pipeline = await self._starter.pipeline(self._target)
        for action in polled(pipeline):
            asked = action.configuration.get("PollForSourceChanges", "true" if self._declared else "false")
            if asked == "true" and (branch := branch_of(action)):
                await self._look_at(action, branch)

    async def _look_at(self, action: ActionDeclaration, branch: str) -> None:
        place = place_of(repository_of(action), self._target.repositories, self._target.file.parent)
        async with asyncio.timeout(PATIENCE):
            git = Git(self._target.file.parent)
            told = await git.run("ls-remote", "--", place, f"refs/heads/{branch}", inside=False)
        commit = told.split("\t")[0].strip()
        if not commit:
            return
        what, now = f"branch {self._target.file} {action.name} {place} {branch}", self._clock()
        mark = await self._marks.get(what)
        if mark is not None and mark.value != commit:
            # The former mark's moment tells two moves to the same commit apart, and stays the same after a crash.
            token = f"poll-{commit[:40]}-{mark.at.timestamp():.0f}-{action.name}"
            sources = (AskedRevision(action.name, "COMMIT_ID", commit),)
            reason = Reason("PollForSourceChanges", f"a new commit on {branch}", sources)
            await self._starter.start_now(self._target, token, reason)
        if mark is None or mark.value != commit:
            await self._marks.put(what, commit, now)

    async def run(self) -> None:
        """Look for as long as the server runs; trouble is logged once, and the next look tries again."""
        seconds = self._declared.seconds if self._declared else Poll(kind="poll").seconds
        while True:
            try:
                await self.look()
                self._trouble = ""
            except (BadFile, GitFailed, NoSource, TimeoutError) as error:
                said = str(error) or f"its host did not answer within {PATIENCE} seconds"
                if said != self._trouble:
                    _log.warning("the branch of %s can't be looked at: %s", self._target.file, said)
                self._trouble = said
            except Exception:  # noqa: BLE001 - a branch must be looked at again whatever happened
                _log.exception("looking at the branch of %s broke", self._target.file)
            await asyncio.sleep(seconds * (0.9 + 0.2 * self._chance()))
