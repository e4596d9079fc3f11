"""Reads a deployment window, as cron expression or as times of the day, and tells when it is open: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterError, croniter

from bot.core.errors import BadInput

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
CRON_PARTS = 5
QUARTZ_PARTS = 7
HORIZON = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Window:
    """When it is open, in one zone: at every minute that `cron` matches, or between two times on some days."""

    zone: ZoneInfo
    cron: str = ""
    start: time = time(0)
    end: time = time(0)
    days: frozenset[int] = frozenset(range(7))
    """0 is Monday. A window over midnight belongs to the day it begins on."""

    def __str__(self) -> str:
        """Read as part of a sentence."""
        if self.cron:
            return f"the window {self.cron} ({self.zone.key})"
        days = "" if len(self.days) == len(DAYS) else f" on {', '.join(DAYS[day] for day in sorted(self.days))}"
        return f"the window {self.start:%H:%M} to {self.end:%H:%M}{days} ({self.zone.key})"


def read_window(configuration: Mapping[str, str]) -> Window:
    """Read a DeploymentWindow rule's configuration; raises `BadInput`.

    `Cron` is the User Guide's: second, minute, hour, day of month, month, day of week, year (only minutes are looked
    at, and every year), or the usual five parts. Ours besides: `Start`, `End` (`HH:MM`) and `Days` (`MON-FRI,SUN`).
    `TimeZone` is a name as `Europe/Berlin`, `UTC` without one.
    """
    name = configuration.get("TimeZone", "UTC")
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"{name} is no time zone that this machine knows; write one as Europe/Berlin.") from error
    if "Cron" in configuration:
        return Window(zone, cron=_cron(configuration["Cron"]))
    if "Start" not in configuration or "End" not in configuration:
        raise BadInput("A DeploymentWindow needs Cron, or Start and End.")
    days = _days(configuration.get("Days", "MON-SUN"))
    return Window(zone, start=_time(configuration["Start"]), end=_time(configuration["End"]), days=days)


def is_open(window: Window, moment: datetime) -> bool:
    """Tell whether it is open at a moment (with a time zone)."""
    local = moment.astimezone(window.zone)
    if window.cron:
        return bool(croniter.match(window.cron, local))
    at = local.time()
    if window.start < window.end:
        return window.start <= at < window.end and local.weekday() in window.days
    # Over midnight (or, with equal times, the whole day): the early part belongs to the day before.
    return (at >= window.start and local.weekday() in window.days) or (
        at < window.end and (local.weekday() - 1) % 7 in window.days
    )


def when_next(window: Window, moment: datetime) -> datetime | None:
    """Give when it opens next, within a year."""
    local = moment.astimezone(window.zone)
    if window.cron:
        try:
            found: datetime = croniter(window.cron, local, max_years_between_matches=1).get_next(datetime)
        except CroniterError:
            return None
        return found
    for days in range(8):
        begins = datetime.combine(local.date() + timedelta(days=days), window.start, window.zone)
        if begins > local and begins.weekday() in window.days and begins - local < HORIZON:
            return begins
    return None


def _cron(text: str) -> str:
    bare = text.strip().removeprefix("cron(").removesuffix(")").replace("?", "*")
    parts = bare.split()
    if len(parts) == QUARTZ_PARTS:
        parts = [*parts[1:5], _quartz_days(parts[5])]
    if len(parts) != CRON_PARTS or not croniter.is_valid(" ".join(parts)):
        raise BadInput(
            f"{text} is no cron expression; write five parts (* 9-16 * * MON-FRI), or CodePipeline's seven "
            "(* * 9-16 ? * MON-FRI *)."
        )
    return " ".join(parts)


def _quartz_days(part: str) -> str:
    """Turn days as numbers (1 is Sunday there) into cron's (0 is Sunday)."""
    return re.sub(r"(?<![/#\w])[1-7]", lambda found: str(int(found[0]) - 1), part)


def _time(text: str) -> time:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text.strip())
    if not found:
        raise BadInput(f"{text} is no time of the day; write it as 09:30.")
    return time(int(found[1]), int(found[2]))


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.upper().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise BadInput(f"{text} are no days; write them as MON-FRI or SAT,SUN.")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        days |= {day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)}
    return frozenset(days)
