"""What a person at a terminal sees, and what never reaches one."""

from __future__ import annotations

import io
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from bot.cli.logs import Masking
from bot.cli.show import card, card_lines, clean, event_line, headline
from bot.core.events import EVENT
from bot.core.model import (
    Action,
    ActionKind,
    Gate,
    Release,
    ReleaseKind,
    Revision,
    Run,
    Stage,
    Status,
    Surface,
    TestReport,
)
from tests.support.commands import environment

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(seconds=42)


def release(status: Status = Status.WAITING, summary: str = "Fix rounding") -> Release:
    tests = TestReport(passed=12, failed=1, errors=1, skipped=2)
    unit = Action(name="Unit", kind=ActionKind.TEST, status=Status.SUCCEEDED, tests=tests)
    ask = Action(name="Ask", kind=ActionKind.APPROVAL, status=Status.WAITING, gate=Gate(token="t1", message="Ship it?"))
    stages = (
        Stage(
            name="Build", status=Status.SUCCEEDED, started=NOW - timedelta(seconds=42), finished=NOW, actions=(unit,)
        ),
        Stage(name="Approval", status=Status.WAITING, started=NOW - timedelta(minutes=3, seconds=5), actions=(ask,)),
        Stage(name="Production"),
    )
    revision = Revision(id="9f1c2d3a" * 5, summary=summary)
    return Release(
        id="r1", number=12, service="shop", environment="prod", requested_by="ana", surface=Surface.CLI,
        backend="memory", status=status, active=not status.finished, created=NOW, updated=NOW, revision=revision,
        run=Run(id="x1", pipeline="shop", status=status, stages=stages, seen=NOW),
    )  # fmt: skip


def name_of(person: str) -> str:
    return person.title()


def test_a_card_shows_stages_times_tests_and_the_gate() -> None:
    drawn = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    drawn.print(card(release(), name_of, NOW))
    assert isinstance(drawn.file, io.StringIO)
    lines = [line.rstrip() for line in drawn.file.getvalue().splitlines()]
    assert lines[0].startswith("shop #12 to prod: 9f1c2d3a Fix rounding, waiting for an approval (asked for by Ana)")
    assert any("✓ Build" in line and "42s" in line and "Unit: 12 passed, 2 failed, 2 skipped" in line for line in lines)
    assert any("? Approval" in line and "3m 05s" in line for line in lines)
    assert lines[-1] == "Ship it?"


def test_plain_lines_say_the_same_as_the_card() -> None:
    lines = list(card_lines(release(), name_of, NOW))
    assert lines[0].startswith("shop #12 to prod")
    assert lines[1] == "  Build  done  42s  Unit: 12 passed, 2 failed, 2 skipped"
    assert lines[-1] == "  Ship it?"


def test_every_kind_of_release_and_event_has_words() -> None:
    for how in ReleaseKind:
        assert "shop #12" in headline(release().model_copy(update={"kind": how}), name_of)
    decision = {"approved": True, "by": "ben"}
    told: list[tuple[str, Mapping[str, object], str]] = [
        ("release_requested", {"by": "ana", "how": "deploy"}, "Ana asked for it"),
        ("run_started", {"run_id": "x1"}, "started"),
        ("stage_started", {"stage": "Build", "attempt": 1}, "Build: started"),
        (
            "action_finished",
            {"stage": "Build", "attempt": 1, "action": "Unit", "status": "failed", "seconds": 3, "detail": "2 broke",
             "tests": {"passed": 1, "failed": 2}},
            "Build / Unit: failed (3.0s), 1 passed, 2 failed, 0 skipped: 2 broke",
        ),
        ("stage_finished", {"stage": "Build", "attempt": 1, "status": "succeeded"}, "Build: done"),
        ("gate_opened", {"stage": "A", "action": "B", "token": "t", "message": "Sure?"},
         "A / B: waits for an approval. Sure?"),
        ("approval_given", {"token": "t", "decision": decision, "needed": 2, "given": 1}, "Ben approved (1 of 2)"),
        ("gate_decided", {"stage": "A", "action": "B", "token": "t", "decision": decision}, "A / B: approved by Ben"),
        ("stop_requested", {"by": "ana"}, "Ana asked to end it"),
        ("retry_requested", {"by": "ana", "stage": "A", "attempt": 1}, "Ana asked to run A again"),
        ("override_requested", {"by": "ana", "stage": "A", "condition": "on_success", "attempt": 1, "reason": "seen"},
         "Ana asked to let A pass although its success condition failed: seen"),
        ("environment_held", {"by": "ana", "environment": "prod", "reason": "incident 12"},
         "Ana holds the way into prod: incident 12"),
        ("environment_opened", {"by": "ben", "environment": "prod"}, "Ben opened the way into prod again"),
        ("command_spoken", {"by": "ana", "verb": "deploy", "heard": "deploy it", "confirmed": "tap"},
         "Ana asked by voice to deploy: “deploy it” (confirmed by tap)"),
        ("verb_failed", {"verb": "start", "detail": "no file"}, "start was not possible: no file"),
        ("deployed", {"environment": "prod", "run_id": "x1"}, "prod runs it now:"),
        ("release_finished", {"status": "failed", "attempt": 1, "detail": "it broke"}, "failed: it broke"),
        ("release_revived", {"attempt": 2}, "it goes on"),
    ]  # fmt: skip
    kinds = {kind for kind, _, _ in told}
    schema = EVENT.json_schema()
    assert kinds == set(schema["discriminator"]["mapping"])
    for kind, values, line in told:
        assert event_line(EVENT.validate_python({"kind": kind, **values}), name_of) == line


@pytest.mark.parametrize("said", ["\x1b[2J\x1b]0;owned\x07", "one\r\ntwo", "\u202eevil", "\x9b31m"])
def test_a_commit_message_can_not_command_the_terminal(said: str) -> None:
    assert clean(said).isprintable()
    assert headline(release(summary=said), name_of).isprintable()
    assert all(line.isprintable() for line in card_lines(release(summary=said), name_of, NOW))


def test_secrets_are_masked_in_the_log_even_in_a_traceback() -> None:
    masking = Masking(["hunter2-and-more", "hunter2", "abc"])
    error = RuntimeError("the password is hunter2")
    cause = (RuntimeError, error, None)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "tried %s, abc", ("hunter2-and-more",), cause)
    line = masking.format(record)
    assert "hunter2" not in line
    assert "tried ***, abc" in line, "a secret too short to be one is left alone"
    assert "the password is ***" in line


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_whose_owner_wants_them(
    tmp_path: Path, variables: dict[str, str], coloured: bool
) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot.cli", "--help"], cwd=tmp_path, stdout=follower, stderr=follower,
        env=environment(TERM="xterm-256color", **variables),
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait(60) == 0
    assert (b"\x1b[" in shown and b"m" in shown) or not coloured
    if not coloured:
        assert b"\x1b[3" not in shown
