"""Deployment windows: when they are open, when they open next, and what is no window."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.core.errors import BadInput
from integrations.specs.windows import is_open, read_window, when_next

FRIDAY = datetime(2026, 1, 2, tzinfo=UTC)


def at(hour: int, minute: int = 0, day: int = 2) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    "cron", ["* 9-16 * * MON-FRI", "* * 9-16 ? * MON-FRI *", "* * 9-16 ? * 2-6 *", "cron(* * 9-16 ? * MON-FRI *)"]
)
def test_a_cron_window_is_open_at_the_minutes_that_match(cron: str) -> None:
    window = read_window({"Cron": cron})
    assert [is_open(window, at(hour)) for hour in (8, 9, 16, 17)] == [False, True, True, False]
    assert not is_open(window, at(10, day=3))
    assert when_next(window, at(18)) == at(9, day=5)


def test_a_window_is_in_its_own_time_zone() -> None:
    window = read_window({"Start": "09:00", "End": "17:00", "TimeZone": "Europe/Berlin"})
    assert [is_open(window, at(hour)) for hour in (7, 8, 15, 16)] == [False, True, True, False]
    assert str(window) == "the window 09:00 to 17:00 (Europe/Berlin)"


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    window = read_window({"Start": "22:00", "End": "02:00", "Days": "FRI"})
    assert [is_open(window, at(1)), is_open(window, at(23)), is_open(window, at(1, day=3))] == [False, True, True]
    assert not is_open(window, at(23, day=3))
    assert when_next(window, at(3, day=3)) == at(22, day=9)


def test_days_may_go_over_the_weekend() -> None:
    window = read_window({"Start": "00:00", "End": "00:00", "Days": "SAT-MON, wed"})
    assert [is_open(window, at(12, day=day)) for day in range(2, 9)] == [False, True, True, True, False, True, False]


@pytest.mark.parametrize(
    ("configuration", "sentence"),
    [
        ({}, "needs Cron, or Start and End"),
        ({"Start": "9:00"}, "needs Cron, or Start and End"),
        ({"Start": "25:00", "End": "26:00"}, "25:00 is no time of the day"),
        ({"Start": "09:00", "End": "17:00", "Days": "MO-FR"}, "MO-FR are no days"),
        ({"Cron": "whenever"}, "whenever is no cron expression"),
        ({"Cron": "61 * * * *"}, "no cron expression"),
        ({"Cron": "* * * * *", "TimeZone": "Middle/Earth"}, "Middle/Earth is no time zone"),
        ({"Cron": "* * * * *", "TimeZone": "../../etc/passwd"}, "is no time zone"),
    ],
)
def test_what_is_no_window_is_said(configuration: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        read_window(configuration)
