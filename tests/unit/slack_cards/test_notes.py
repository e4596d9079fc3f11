"""What notes, notices and direct messages say."""

from __future__ import annotations

import pytest

from bot.core.events import (
    ActionFinished,
    ApprovalGiven,
    EnvironmentHeld,
    EnvironmentOpened,
    Event,
    GateDecided,
    GateOpened,
    LoggedEvent,
    OverrideRequested,
    ReleaseFinished,
    ReleaseRequested,
    RetryRequested,
    RunStarted,
    StageFinished,
    StopRequested,
    VerbFailed,
)
from bot.core.model import ActionKind, Coverage, Decision, HeldBy, Release, ReleaseKind, SlowTest, Status, TestReport
from bot.deliver.telling import Style, Telling
from bot.slack.cards.renderer import SlackRenderer
from bot.slack.content import SlackContent
from bot.store.messages import Purpose
from integrations.playground.blocks import check_message_blocks
from tests.support import release_looks as looks
from tests.support.desk_world import catalogue

LINK = "https://example.slack.com/archives/C1/p1"
YES = Decision(approved=True, by="ben", comment="go <!here>")


def drawn(purpose: Purpose, event: Event, release: Release, style: Style = Style.RICH) -> SlackContent | None:
    logged = LoggedEvent(position=1, release_id="r12", service="shop", environment="prod", at=looks.NOON, event=event)
    content = SlackRenderer(catalogue()).render(Telling(purpose, "C1", release, logged, style, LINK))
    if content:
        assert check_message_blocks(content.blocks) == []
    return content


def said(purpose: Purpose, event: Event, release: Release | None = None) -> str:
    content = drawn(purpose, event, release or looks.building())
    assert content is not None
    return content.text


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (StageFinished(stage="Build", attempt=1, status=Status.SUCCEEDED, seconds=42), "✅ *Build* is done · 42s"),
        (
            ApprovalGiven(token="g", decision=YES, given=1, needed=2),
            "✅ Ben approved: 1 of 2 approvals: go &lt;!here&gt;",
        ),
        (
            GateDecided(stage="Approval", action="A", token="g", decision=YES),
            "✅ Ben approved *Approval*: go &lt;!here&gt;",
        ),
        (
            GateDecided(stage="Approval", action="A", token="g", decision=Decision(approved=False, by="ben")),
            "🛑 Ben rejected *Approval*",
        ),
        (StopRequested(by="ben", reason="wrong one"), "🛑 Ben asked to stop it: wrong one"),
        (StopRequested(by="ben", abandon=True), "🛑 Ben asked to end it at once"),
        (RetryRequested(by="chi", stage="Build", attempt=1), "🔄 Chi runs *Build* again"),
        (EnvironmentHeld(environment="prod", by="chi"), "⛔ Chi holds the way into *prod*"),
        (EnvironmentOpened(environment="prod", by="chi", reason="ok"), "✅ Chi opened the way into *prod* again: ok"),
        (
            OverrideRequested(by="chi", stage="A", condition=HeldBy.BEFORE_ENTRY, attempt=1, reason="<!here> seen it"),
            "🔓 Chi lets *A* pass although its entry condition failed: &lt;!here&gt; seen it",
        ),
        (VerbFailed(verb="retry", detail="The stage is taken."), "⚠️ “retry” was not possible: The stage is taken."),
        (ReleaseFinished(status=Status.STOPPED, attempt=1, seconds=5), "🛑 Stopped · 5.0s"),
        (
            ReleaseFinished(status=Status.UNKNOWN, attempt=1, detail="The machine went down."),
            "❓ Ended, outcome unknown: The machine went down.",
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_note_says_who_did_what_and_why(event: Event, expected: str) -> None:
    assert said(Purpose.THREAD, event) == expected


def test_a_note_about_a_stage_has_its_tests_in_numbers() -> None:
    unit = looks.action("Unit", ActionKind.TEST, Status.SUCCEEDED, tests=looks.REPORT)
    release = looks.release(run=looks.run(looks.stage("Build", Status.SUCCEEDED, unit)))
    event = StageFinished(stage="Build", attempt=1, status=Status.SUCCEEDED, seconds=42)
    assert said(Purpose.THREAD, event, release) == (
        "✅ *Build* is done · 42s\n🧪 *Unit*: 41 passed, 2 failed, 1 skipped in 2.3s"
    )


def test_a_note_about_a_stage_tells_coverage_and_the_slowest_tests() -> None:
    slow = (
        SlowTest(name="test_x", seconds=61.0),
        SlowTest(name="test_b", seconds=0.4),
        SlowTest(name="test_c", seconds=0.01),
    )
    coverage = Coverage(covered=1999, total=2000, branches_covered=3, branches_total=4)
    both = looks.REPORT.model_copy(update={"slowest": slow, "coverage": coverage})
    only = TestReport(coverage=Coverage(covered=0, total=0))
    actions = [looks.action(name, ActionKind.TEST, Status.SUCCEEDED, tests=t) for name, t in (("U", both), ("C", only))]
    release = looks.release(run=looks.run(looks.stage("Build", Status.SUCCEEDED, *actions)))
    event = StageFinished(stage="Build", attempt=1, status=Status.SUCCEEDED, seconds=42)
    assert said(Purpose.THREAD, event, release).splitlines()[1:] == [
        "🧪 *U*: 41 passed, 2 failed, 1 skipped in 2.3s · 1999 of 2000 lines covered (99.9%), 3 of 4 branches",
        "Slowest:",
        "• 1m 01s `test_x`",
        "• 0.4s `test_b`",
        "🧪 *C*: 0 of 0 lines covered (100%)",
    ]


def test_a_note_about_a_failure_has_the_evidence_and_after_a_retry_only_the_cause() -> None:
    event = ActionFinished(stage="Build", attempt=1, action="Unit", status=Status.FAILED, detail="2 tests failed")
    content = drawn(Purpose.THREAD, event, looks.failing())
    assert content is not None
    assert len(content.blocks) == 3
    retried = looks.failing().run
    assert retried is not None
    stages = tuple(stage.model_copy(update={"attempt": 2}) for stage in retried.stages)
    release = looks.failing().model_copy(update={"run": retried.model_copy(update={"stages": stages})})
    assert said(Purpose.THREAD, event, release) == "❌ *Build* / *Unit* failed: 2 tests failed"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ReleaseRequested(by="ana", how=ReleaseKind.DEPLOY), "👀 Ana wants to ship *shop*"),
        (RunStarted(run_id="r"), "🔄 *shop* `3f2a1c9d` → *prod* has started (Ana)"),
        (
            ReleaseFinished(status=Status.SUCCEEDED, attempt=1, seconds=185),
            "✅ *shop* `3f2a1c9d` → *prod*: done · 3m 05s (Ana)",
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_notice_is_one_line_with_a_link_to_the_card(event: Event, expected: str) -> None:
    text = said(Purpose.NOTICE, event)
    assert text.startswith(expected)
    assert text.endswith(f" · <{LINK}|see the card>")
    assert "\n" not in text


def test_the_requester_is_told_of_the_end_and_of_waiting() -> None:
    failed = ReleaseFinished(status=Status.FAILED, attempt=1, detail="2 tests failed")
    assert said(Purpose.DIRECT, failed).startswith("❌ Your release *shop #12* to *prod*: failed: 2 tests failed · <")
    opened = GateOpened(stage="Approval", action="Approve", token="gate-1")
    assert said(Purpose.DIRECT, opened, looks.waiting()).startswith(
        "⏳ Your release *shop #12* to *prod* waits for an approval. Who may approve: Ben or Chi · <"
    )


@pytest.mark.parametrize("purpose", [Purpose.THREAD, Purpose.NOTICE, Purpose.DIRECT])
def test_a_gate_that_is_not_open_any_more_calls_nobody(purpose: Purpose) -> None:
    opened = GateOpened(stage="Approval", action="Approve", token="gate-1")
    assert drawn(purpose, opened, looks.waiting()) is not None
    assert drawn(purpose, opened, looks.waiting(decision=YES)) is None
    assert drawn(purpose, opened, looks.waiting(approvals=(YES,))) is None, "answered, though the backend is only told"
    assert drawn(purpose, opened.model_copy(update={"token": "older"}), looks.waiting()) is None


def test_the_simplest_note_is_words_only() -> None:
    content = drawn(Purpose.THREAD, StopRequested(by="ben"), looks.building(), Style.TEXT)
    assert content == SlackContent("🛑 Ben asked to stop it")
