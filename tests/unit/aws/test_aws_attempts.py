"""Attempts of a stage are read off its history, and their number never goes down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from integrations.aws.attempts import history

START = datetime(2026, 3, 1, tzinfo=UTC)


def row(name: str, begun: int, ended: int, status: str) -> dict[str, Any]:
    kind = "ruleName" if name.startswith("rule") else "actionName"
    moments = {"startTime": START + timedelta(seconds=begun), "lastUpdateTime": START + timedelta(seconds=ended)}
    return {kind: name, "status": status, **moments}


def test_a_stage_that_has_not_begun_is_in_its_first_attempt() -> None:
    assert history([]) == (1, {})


def test_actions_side_by_side_belong_to_one_attempt() -> None:
    rows = [row("Unit", 0, 5, "Failed"), row("Style", 0, 9, "Succeeded"), row("Lint", 5, 6, "Succeeded")]
    assert history(rows).attempt == 1


def test_a_retry_of_failed_actions_keeps_what_went_well() -> None:
    rows = [row("Unit", 0, 5, "Failed"), row("Style", 0, 9, "Succeeded"), row("Unit", 20, 20, "InProgress")]
    told = history(rows)
    assert told.attempt == 2
    assert {name: each["status"] for name, each in told.actions.items()} == {"Unit": "InProgress", "Style": "Succeeded"}


def test_a_retry_of_all_actions_begins_the_stage_anew() -> None:
    rows = [
        row("First", 0, 5, "Succeeded"), row("Second", 6, 7, "Failed"), row("First", 20, 20, "InProgress"),
    ]  # fmt: skip
    told = history(rows)
    assert (told.attempt, list(told.actions)) == (2, ["First"])


def test_each_failure_that_was_gone_over_counts_even_of_different_actions() -> None:
    rows = [
        row("First", 0, 5, "Failed"), row("First", 10, 11, "Succeeded"), row("Second", 11, 12, "Failed"),
        row("Second", 20, 21, "Succeeded"),
    ]  # fmt: skip
    assert history(rows).attempt == 3


def test_an_overridden_entry_condition_is_an_attempt_of_its_own() -> None:
    told = history([row("Deploy", 9, 9, "InProgress")], [row("rule", 0, 5, "Failed")])
    assert told.attempt == 2


def test_an_abandoned_action_that_begins_again_is_a_new_attempt() -> None:
    assert history([row("Deploy", 0, 5, "Abandoned"), row("Deploy", 9, 9, "InProgress")]).attempt == 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A", "B", "C"]), st.integers(1, 5), st.sampled_from(["Succeeded", "Failed", "Abandoned"])
        ),
        max_size=12,
    ),
    st.randoms(),
)
def test_the_number_of_attempts_only_grows_as_history_does(steps: list[tuple[str, int, str]], chance: Any) -> None:
    moment, rows, numbers = 0, [], []
    for name, seconds, status in steps:
        rows.append(row(name, moment, moment, "InProgress"))
        numbers.append(history(rows).attempt)
        rows[-1] = row(name, moment, moment + seconds, status)
        numbers.append(history(rows).attempt)
        moment += seconds + 1
    assert numbers == sorted(numbers)
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert history(shuffled) == history(rows)
