from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from bot.core.model import Action, ActionKind, Decision, Gate, Revision, Run, Stage, Status, TestReport

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def run(*stages: Stage) -> Run:
    return Run(id="r1", pipeline="shop", stages=stages, seen=NOW)


def approval(status: Status = Status.WAITING, decision: Decision | None = None) -> Stage:
    gate = Gate(token="t1", decision=decision)
    return Stage(name="Approve", actions=(Action(name="ok", kind=ActionKind.APPROVAL, status=status, gate=gate),))


def test_a_value_can_not_be_changed_and_takes_no_unknown_field() -> None:
    with pytest.raises(ValidationError):
        run().id = "r2"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Revision.model_validate({"id": "a", "colour": "red"})


def test_every_status_either_waits_for_something_or_is_finished() -> None:
    going = {Status.QUEUED, Status.RUNNING, Status.WAITING, Status.STOPPING}
    assert {status for status in Status if not status.finished} == going


def test_a_runs_attempt_counts_the_retries_of_all_its_stages() -> None:
    assert run().attempt == 1
    assert run(Stage(name="Build", attempt=2), Stage(name="Prod", attempt=3)).attempt == 4


def test_a_gate_is_open_while_it_waits_and_nobody_has_decided() -> None:
    found = run(Stage(name="Build"), approval()).open_gate
    assert found
    assert found[2].token == "t1"
    assert run(approval(decision=Decision(approved=True, by="ana"))).open_gate is None
    assert run(approval(status=Status.FAILED)).open_gate is None


def test_a_revision_is_said_by_its_first_eight_characters() -> None:
    assert Revision(id="9f1c2d3a" + "0" * 32).short == "9f1c2d3a"
    assert Revision(id="sha256:" + "ab" * 32).short == "abababab"


def test_a_test_report_counts_skipped_tests_too() -> None:
    assert TestReport(passed=3, failed=1, errors=1, skipped=2).total == 7
