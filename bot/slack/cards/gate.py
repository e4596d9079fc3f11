"""Draws the gate: who is asked, what was said, and the buttons that fit the moment."""

from __future__ import annotations

from bot.core.commands import Command, Verb
from bot.core.model import Decision, Gate, ReleaseKind, Status
from bot.core.wording import say
from bot.slack.cards.markup import bold, context, link, section, words
from bot.slack.cards.scene import Scene
from bot.slack.content import Block
from bot.slack.said import actions, button, when

_RETRYABLE = frozenset({Status.FAILED, Status.STOPPED, Status.UNKNOWN})


def gate(scene: Scene) -> list[Block]:
    """Draw what was decided so far, and the gate that is open."""
    decided = [
        (context if found.decision.approved else section)(said(scene, found.decision, stage.name))
        for stage, _, found in scene.gates
        if found.decision is not None
    ]
    waiting = scene.open_gate
    if waiting is None:
        return decided
    stage, action, found = waiting
    if scene.settled(found):
        return [*decided, section(_settled(scene, found))]
    lines = [
        say(
            "card.gate",
            who=bold(scene.requester),
            action=bold(action.name),
            stage=bold(stage.name),
        )
    ]
    if found.message:
        lines.append(f"> {words(found.message, 500)}")
    if found.link:
        lines.append(say("card.gate.link", link=link(found.link, words(found.link, 300))))
    given = scene.given(found)
    if scene.release.approvals_needed > 1:
        lines.append(say("card.gate.given", given=len(given), needed=scene.release.approvals_needed))
    lines += [said(scene, decision, "") for decision in given]
    lines.append(say("card.gate.who", who=words(scene.approvers, 400)))
    if found.expires:
        lines.append(say("card.gate.expires", when=when(found.expires)))
    return [*decided, section("\n".join(lines))]


def said(scene: Scene, decision: Decision, stage: str) -> str:
    """Say who decided and why: `✅ approved by Ben Okafor: looks good`."""
    sentence = say("card.approved" if decision.approved else "card.rejected", who=words(scene.deciders(decision), 300))
    why = f": {words(decision.comment, 300)}" if decision.comment else ""
    return f"{sentence}{f' ({words(stage, 80)})' if stage else ''}{why}"


def _settled(scene: Scene, found: Gate) -> str:
    """Show the answer that the backend has not confirmed yet."""
    lines = [said(scene, decision, "") for decision in scene.given(found)]
    return "\n".join([*lines, say("card.gate.telling")])


def buttons(scene: Scene) -> list[Block]:
    """Draw at most three buttons; each carries what was seen when it was drawn."""
    release = scene.release
    if release.active:
        waiting = scene.open_gate
        if waiting and not scene.settled(waiting[2]) and not release.stopped_by:
            return [actions(*_answers(scene, waiting[2]), _stop(scene))]
        return [actions(_stop(scene))]
    offered = []
    if scene.broken and release.run and release.status in _RETRYABLE:
        retry = Command(verb=Verb.RETRY, release=release.id, attempt=release.run.attempt)
        title = say("card.retry.title", stage=scene.broken.name)
        sure = (title, say("card.retry.sure", stage=scene.broken.name, environment=release.environment))
        offered.append(button(say("card.retry"), retry, style="primary", confirm=sure if scene.production else None))
        if scene.held:
            passes = Command(verb=Verb.OVERRIDE, release=release.id, attempt=release.run.attempt)
            offered.append(button(say("card.override"), passes))  # a form asks why, and so needs no confirmation
    if release.status in _RETRYABLE and scene.environment_begun and release.kind is not ReleaseKind.ROLLBACK:
        back = Command(verb=Verb.ROLLBACK, release=release.id)
        title = say("card.rollback.title", environment=release.environment)
        sure = (title, say("card.rollback.sure", environment=release.environment, service=release.service))
        offered.append(
            button(say("card.rollback.button"), back, style="danger", confirm=sure if scene.production else None)
        )
    return [actions(*offered)] if offered else []


def _answers(scene: Scene, found: Gate) -> list[Block]:
    release = scene.release
    what = release.revision.short if release.revision else ""
    sure = (
        say("slack.approve.title", environment=release.environment),
        say("slack.ship.sure", service=release.label, revision=what, environment=release.environment),
    )
    approve = Command(verb=Verb.APPROVE, release=release.id, gate=found.token)
    reject = Command(verb=Verb.REJECT, release=release.id, gate=found.token)
    return [
        button(say("slack.approve"), approve, style="primary", confirm=sure if scene.production else None),
        button(say("slack.reject"), reject, style="danger"),
    ]


def _stop(scene: Scene) -> Block:
    """Stop; once that was asked for, end at once."""
    release = scene.release
    abandon = release.stopped_by is not None
    key = "card.abandon" if abandon else "card.stop"
    return button(
        say(key),
        Command(verb=Verb.STOP, release=release.id, abandon=abandon),
        style="danger" if abandon else None,
        confirm=(say(f"{key}.title", label=release.label), say(f"{key}.sure", environment=release.environment)),
    )
