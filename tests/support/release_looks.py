"""Releases as they look at different moments, for tests of what is drawn and sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.model import (
    Action,
    ActionKind,
    Decision,
    FailedTest,
    Gate,
    LogTail,
    Release,
    Revision,
    Run,
    Stage,
    Status,
    Surface,
    TestReport,
)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
COMMIT = Revision(
    id="3f2a1c9d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b",
    summary="Fix rounding of prices",
    author="Ana Ruiz",
    url="https://git.example.com/checkout/commit/3f2a1c9d",
    ref="main",
)


def at(seconds: float) -> datetime:
    """Give a moment after noon."""
    return NOON + timedelta(seconds=seconds)


def release(**changes: Any) -> Release:
    """Give `checkout #12` to prod, just asked for by ana."""
    usual: dict[str, Any] = {
        "id": "r12",
        "number": 12,
        "service": "shop",
        "environment": "prod",
        "requested_by": "ana",
        "surface": Surface.SLACK,
        "backend": "memory",
        "stage": "Production",
        "created": NOON,
        "updated": NOON,
    }
    return Release(**(usual | changes))


def action(name: str, kind: ActionKind, status: Status = Status.QUEUED, **more: Any) -> Action:
    """Give an action; one that has begun did so at noon, one that ended took 42 seconds."""
    if status is not Status.QUEUED:
        more.setdefault("started", at(0))
    if status.finished:
        more.setdefault("finished", at(42))
    return Action(name=name, kind=kind, status=status, **more)


def stage(name: str, status: Status, *actions: Action, **more: Any) -> Stage:
    """Give a stage with the times of its actions."""
    if status is not Status.QUEUED:
        more.setdefault("started", at(0))
    if status.finished:
        more.setdefault("finished", at(42))
    return Stage(name=name, status=status, actions=actions, **more)


def run(*changed: Stage, status: Status = Status.RUNNING, **more: Any) -> Run:
    """Give a run of Source, Build, Staging, Approval, Production: those given, the others not begun."""
    kinds = {
        "Source": ActionKind.SOURCE,
        "Build": ActionKind.TEST,
        "Staging": ActionKind.DEPLOY,
        "Approval": ActionKind.APPROVAL,
        "Production": ActionKind.DEPLOY,
    }
    given = {each.name: each for each in changed}
    stages = [given.get(name) or stage(name, Status.QUEUED, action("Do", kind)) for name, kind in kinds.items()]
    return Run(
        id="run-1",
        pipeline="shop",
        status=status,
        revision=COMMIT,
        stages=tuple(stages),
        seen=more.pop("seen", at(60)),
        **more,
    )


REPORT = TestReport(
    passed=41,
    failed=2,
    skipped=1,
    seconds=2.3,
    failures=(
        FailedTest(name="tests.test_prices.test_half_a_cent_is_rounded_up", message="AssertionError: 1.24 != 1.25"),
        FailedTest(name="tests.test_prices.test_totals", message="AssertionError: 9 != 10"),
    ),
)


def building() -> Release:
    """Build runs its tests."""
    unit = action("Unit", ActionKind.TEST, Status.RUNNING, detail="build: pytest -q")
    style = action("Style", ActionKind.BUILD, Status.SUCCEEDED)
    done = stage("Source", Status.SUCCEEDED, action("Fetch", ActionKind.SOURCE, Status.SUCCEEDED))
    look = run(done, stage("Build", Status.RUNNING, unit, style))
    return release(run=look, run_id=look.id, revision=COMMIT, status=Status.RUNNING, version=3)


def failing() -> Release:
    """Two tests failed, and so the release."""
    log = LogTail(lines=("collected 44 items", "E   AssertionError: 1.24 != 1.25", "2 failed, 41 passed"), key="log-1")
    unit = action("Unit", ActionKind.TEST, Status.FAILED, detail="2 tests failed", tests=REPORT, log=log)
    done = stage("Source", Status.SUCCEEDED, action("Fetch", ActionKind.SOURCE, Status.SUCCEEDED))
    look = run(done, stage("Build", Status.FAILED, unit), status=Status.FAILED)
    return release(
        run=look,
        run_id=look.id,
        revision=COMMIT,
        status=Status.FAILED,
        active=False,
        detail="Build failed: 2 tests failed",
        finished=at(65),
        version=4,
    )


def waiting(*, needed: int = 1, approvals: tuple[Decision, ...] = (), decision: Decision | None = None) -> Release:
    """The run waits before production, or was answered there."""
    gate = Gate(token="gate-1", message="Look at staging first", expires=at(7 * 86400), decision=decision)
    status = Status.SUCCEEDED if decision else Status.WAITING
    ask = action("Approve", ActionKind.APPROVAL, status, gate=gate)
    passed = [
        stage(name, Status.SUCCEEDED, action("Do", ActionKind.BUILD, Status.SUCCEEDED))
        for name in ("Source", "Build", "Staging")
    ]
    look = run(*passed, stage("Approval", status, ask), status=Status.RUNNING if decision else Status.WAITING)
    return release(
        run=look,
        run_id=look.id,
        revision=COMMIT,
        status=look.status,
        approvals=approvals,
        gate="gate-1" if approvals else None,
        approvals_needed=needed,
        version=7,
    )


def shipped() -> Release:
    """Everything went well."""
    look = run(
        *(
            stage(name, Status.SUCCEEDED, action("Do", ActionKind.DEPLOY, Status.SUCCEEDED))
            for name in ("Source", "Build", "Staging", "Approval", "Production")
        ),
        status=Status.SUCCEEDED,
    )
    return release(
        run=look,
        run_id=look.id,
        revision=COMMIT,
        status=Status.SUCCEEDED,
        active=False,
        finished=at(185),
        version=9,
    )
