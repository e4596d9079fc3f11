"""Draws what tells one event: notes under the card, one line for other channels, messages to the requester."""

from __future__ import annotations

from bot.core.events import (
    ActionFinished,
    ApprovalGiven,
    CommandSpoken,
    EnvironmentHeld,
    EnvironmentOpened,
    Event,
    GateDecided,
    GateOpened,
    OverrideRequested,
    ReleaseFinished,
    ReleaseRequested,
    RetryRequested,
    RunStarted,
    StageFinished,
    StopRequested,
    VerbFailed,
)
from bot.core.model import ReleaseKind, Status, TestReport
from bot.core.wording import duration, say
from bot.slack.cards.card import what
from bot.slack.cards.failure import cause, evidence
from bot.slack.cards.markup import bold, code, link, prose, section, words
from bot.slack.cards.scene import ICONS, Scene
from bot.slack.cards.stages import numbers, percent
from bot.slack.content import Block, SlackContent

_NOTICED = 0.1
"""Seconds. Faster tests are no news."""
_SLOWEST = 3


def note(scene: Scene, event: Event) -> SlackContent | None:
    """Draw a note for the thread; None if this event has none, or it is overtaken."""
    if isinstance(event, ActionFinished):
        return _failed(scene, event)
    line = _note(scene, event)
    if line is None:
        return None
    rest = _numbers(scene, event) if isinstance(event, StageFinished) else []
    return _content("\n".join([line, *rest]))


def _note(scene: Scene, event: Event) -> str | None:  # noqa: C901, PLR0911, PLR0912 -- one line per kind of event
    match event:
        case ReleaseRequested():
            if event.how is not ReleaseKind.ADOPTED:
                return None
            return say("note.adopted", who=words(scene.name_of(event.by), 400), why=_why(event.reason))
        case StageFinished():
            return say("note.stage", stage=bold(event.stage), time=_time(event.seconds))
        case GateOpened():
            if not _open(scene, event):
                return None
            where = {"stage": bold(event.stage), "action": bold(event.action)}
            return say("note.gate", **where, who=words(scene.approvers, 400))
        case ApprovalGiven():
            who = words(scene.deciders(event.decision), 300)
            why = _why(event.decision.comment)
            return say("note.approval", who=who, given=event.given, needed=event.needed, why=why)
        case GateDecided():
            key = "note.approved" if event.decision.approved else "note.rejected"
            who = words(scene.deciders(event.decision), 300)
            return say(key, who=who, stage=bold(event.stage), why=_why(event.decision.comment))
        case StopRequested():
            key = "note.stop.now" if event.abandon else "note.stop"
            return say(key, who=words(scene.name_of(event.by)), why=_why(event.reason))
        case RetryRequested():
            return say("note.retry", who=words(scene.name_of(event.by)), stage=bold(event.stage))
        case OverrideRequested():
            said = {"stage": bold(event.stage), "condition": say(f"condition.{event.condition}")}
            return say("note.override", who=words(scene.name_of(event.by)), why=_why(event.reason), **said)
        case EnvironmentHeld() | EnvironmentOpened():
            key = "note.held" if isinstance(event, EnvironmentHeld) else "note.opened"
            named = {"who": words(scene.name_of(event.by)), "environment": bold(event.environment)}
            return say(key, why=_why(event.reason), **named)
        case CommandSpoken():
            heard = f"“{words(event.heard, 300)}”"
            return say(f"note.spoken.{event.confirmed}", who=words(scene.name_of(event.by)), heard=heard)
        case VerbFailed():
            return say("note.verb_failed", verb=words(event.verb), detail=words(event.detail, 500))
        case ReleaseFinished():
            return say(
                "note.finished",
                icon=ICONS[event.status],
                status=_capital(say(f"status.{event.status}")),
                time=_time(event.seconds),
                why=_why(event.detail),
            )
        case _:
            return None


def _failed(scene: Scene, event: ActionFinished) -> SlackContent:
    """Tell a failed action with its evidence, or only its cause if it has been run again since."""
    found = next(
        (
            (stage, action)
            for stage in scene.stages
            if stage.name == event.stage and stage.attempt == event.attempt
            for action in stage.actions
            if action.name == event.action
        ),
        None,
    )
    if found is None:
        key = "card.cause.unknown" if event.status is Status.UNKNOWN else "card.cause"
        return _content(say(key, stage=bold(event.stage), action=bold(event.action), why=_why(event.detail)))
    return _content(cause(*found), evidence(*found))


def _numbers(scene: Scene, event: StageFinished) -> list[str]:
    """Give the tests of a stage in numbers, what they covered, and which were the slowest."""
    stage = next((each for each in scene.stages if each.name == event.stage and each.attempt == event.attempt), None)
    return [
        line
        for action in (stage.actions if stage else ())
        if action.tests and (action.tests.total or action.tests.coverage)
        for line in [f"🧪 {bold(action.name)}: {measured(action.tests)}", *slowest(action.tests)]
    ][:20]


def measured(tests: TestReport) -> str:
    """Say the tests in numbers and what they covered: `12 passed in 3s · 90 of 100 lines covered (90%)`."""
    parts = [numbers(tests)] if tests.total else []
    if (found := tests.coverage) is not None:
        text = say("card.coverage.full", covered=found.covered, total=found.total, percent=percent(found))
        if found.branches_total:
            text += say("card.coverage.branches", covered=found.branches_covered, total=found.branches_total)
        parts.append(text)
    return " · ".join(parts)


def slowest(tests: TestReport) -> list[str]:
    """Name the slowest tests, a line each, if there are some to compare and one is slow enough to be noticed."""
    slow = [test for test in tests.slowest if test.seconds >= _NOTICED][:_SLOWEST]
    if len(tests.slowest) < 2 or not slow:
        return []
    return [say("card.slowest"), *(f"• {duration(test.seconds)} {code(test.name, 80)}" for test in slow)]


def notice(scene: Scene, event: Event, card: str | None) -> SlackContent | None:
    """Draw one line for a channel that only wants to know, with a link to the card."""
    release = scene.release
    shared = {
        "who": words(scene.requester),
        "service": bold(release.service),
        "what": what(release),
        "environment": bold(release.environment),
    }
    match event:
        case ReleaseRequested():
            line = say("notice.requested", **shared)
        case RunStarted():
            line = say("notice.started", **shared)
        case GateOpened():
            if not _open(scene, event):
                return None
            line = say("notice.waiting", **shared)
        case ReleaseFinished():
            line = say("notice.finished", **shared, **_outcome(event), time=_time(event.seconds))
        case _:
            return None
    return _content(line + _see(card))


def direct(scene: Scene, event: Event, card: str | None) -> SlackContent | None:
    """Draw what the requester is told directly."""
    shared = {"label": bold(scene.release.label), "environment": bold(scene.release.environment)}
    match event:
        case GateOpened():
            if not _open(scene, event):
                return None
            line = say("direct.waiting", **shared, who=words(scene.approvers, 400))
        case ReleaseFinished():
            line = say("direct.finished", **shared, **_outcome(event))
        case _:
            return None
    return _content(line + _see(card))


def _open(scene: Scene, event: GateOpened) -> bool:
    """Tell whether the gate still waits: nobody is called to one that was answered meanwhile."""
    waiting = scene.open_gate
    return waiting is not None and waiting[2].token == event.token and not scene.settled(waiting[2])


def _outcome(event: ReleaseFinished) -> dict[str, str]:
    return {
        "icon": ICONS[event.status],
        "status": say(f"status.{event.status}"),
        "why": _why(event.detail),
    }


def _content(line: str, more: list[Block] | None = None) -> SlackContent:
    return SlackContent(line, [section(line), *(more or [])])


def _see(card: str | None) -> str:
    return " · " + link(card, say("note.link")) if card else ""


def _why(text: str) -> str:
    return f": {prose(text, 500)}" if text else ""


def _time(seconds: float | None) -> str:
    return f" · {duration(seconds)}" if seconds is not None else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
