"""Starts pipelines by the clock, once for each moment, also across restarts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import croniter

from integrations.local.target import LocalTarget
from integrations.local.triggers.deciding import Reason
from integrations.local.triggers.declared import Schedule
from integrations.local.triggers.marks import Marks
from integrations.local.triggers.starting import Starter

LONGEST_NAP = 60.0
"""Seconds after which the clock is looked at in any case: a laptop's sleep stops timers, not time."""
_log = logging.getLogger(__name__)


def due(schedule: Schedule, since: datetime, now: datetime) -> datetime | None:
    """Give the last moment of the schedule that came after `since` and is not after `now`; None if there was none.

    Of several that were missed while nobody looked only the last counts, so a server that was down for a week starts
    one run. It goes by the clock on the wall: an hour that a clock change repeats counts once, and a time that it
    leaves out comes an hour later.
    """
    zone = ZoneInfo(schedule.timezone)
    # croniter looks before, not at, what it is given.
    wall = now.astimezone(zone).replace(tzinfo=None, microsecond=999_999)
    last: datetime = croniter(schedule.cron, wall).get_prev(datetime)
    moment = last.replace(tzinfo=zone).astimezone(UTC)
    return moment if since < moment <= now else None


def following(schedule: Schedule, now: datetime) -> datetime:
    """Give the schedule's next moment by the clock on the wall; after a clock change it may lie behind `now`."""
    zone = ZoneInfo(schedule.timezone)
    found: datetime = croniter(schedule.cron, now.astimezone(zone).replace(tzinfo=None)).get_next(datetime)
    return found.replace(tzinfo=zone).astimezone(UTC)


class Scheduled:
    """One schedule of one pipeline."""

    def __init__(
        self, name: str, schedule: Schedule, target: LocalTarget, *, starter: Starter, marks: Marks,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._name, self._schedule, self._target = name, schedule, target
        self._starter, self._marks, self._clock = starter, marks, clock
        # A schedule that is written differently is another one: it has missed nothing yet.
        self._what = f"schedule {target.file} {name} {schedule.cron} {schedule.timezone}"

    async def look(self) -> float:
        """Start what is due; gives the seconds until the next look."""
        now = self._clock()
        mark = await self._marks.get(self._what)
        if mark is None:
            await self._marks.put(self._what, "", now)
        elif moment := due(self._schedule, mark.at, now):
            token = f"schedule-{self._name}-{moment:%Y%m%dT%H%MZ}"
            words = f"the schedule {self._name} ({self._schedule.cron}, {self._schedule.timezone})"
            await self._starter.start_now(self._target, token, Reason("CloudWatchEvent", words))
            await self._marks.put(self._what, "", moment)
        wait = (following(self._schedule, now) - now).total_seconds()
        return min(LONGEST_NAP, max(1.0, wait + 0.01))

    async def run(self) -> None:
        """Look for as long as the server runs; what goes wrong is logged, and looked at again a little later."""
        while True:
            try:
                nap = await self.look()
            except Exception:  # noqa: BLE001 - a schedule must be kept whatever happened
                _log.exception(
                    "the schedule %s of %s could not be kept; it is tried again soon", self._name, self._target.file
                )
                nap = 15.0
            await asyncio.sleep(nap)
