"""When a schedule is due, across restarts and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from integrations.local.triggers.declared import Schedule
from integrations.local.triggers.schedules import due, following

NIGHTLY = Schedule(kind="schedule", cron="0 2 * * *", timezone="Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_it_is_due_at_its_moment_and_once() -> None:
    moment = at("2026-01-10T01:00:00")  # 02:00 in Berlin
    before, after = moment - timedelta(seconds=1), moment + timedelta(hours=5)
    assert due(NIGHTLY, at("2026-01-09T12:00:00"), before) is None
    assert due(NIGHTLY, at("2026-01-09T12:00:00"), moment) == moment
    assert due(NIGHTLY, at("2026-01-09T12:00:00"), after) == moment
    assert due(NIGHTLY, moment, after) is None
    assert following(NIGHTLY, after) == at("2026-01-11T01:00:00")


def test_of_many_missed_moments_only_the_last_counts() -> None:
    assert due(NIGHTLY, at("2026-01-01T12:00:00"), at("2026-01-10T12:00:00")) == at("2026-01-10T01:00:00")


def test_it_follows_summer_time() -> None:
    assert due(NIGHTLY, at("2026-07-09T12:00:00"), at("2026-07-10T12:00:00")) == at("2026-07-10T00:00:00")


def test_a_night_with_a_clock_change_has_one_release() -> None:
    half_past = Schedule(kind="schedule", cron="30 2 * * *", timezone="Europe/Berlin")
    for day in ("2026-03-29", "2026-10-25"):
        start, found, moment = (
            at(f"{day}T00:00:00") - timedelta(hours=4),
            [],
            at(f"{day}T00:00:00") - timedelta(hours=4),
        )
        for _ in range(14 * 6):
            moment += timedelta(minutes=10)
            if hit := due(half_past, start, moment):
                found.append(hit)
                start = hit
        assert len(found) == 1, (day, found)


@pytest.mark.parametrize("cron", ["", "* * * *", "0 2 * * * *", "61 * * * *", "every night"])
def test_a_line_that_is_no_cron_line_is_refused(cron: str) -> None:
    with pytest.raises(ValidationError, match="five fields"):
        Schedule(kind="schedule", cron=cron)


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", ""])
def test_a_time_zone_must_be_known(zone: str) -> None:
    with pytest.raises(ValidationError, match="no time zone"):
        Schedule(kind="schedule", cron="0 2 * * *", timezone=zone)
