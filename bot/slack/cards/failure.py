"""Draws what ends the search after a failure: where, why, which tests, the log's last lines, what was not touched."""

from __future__ import annotations

from bot.core.model import Action, Stage, Status, TestReport
from bot.core.wording import say
from bot.slack.cards.markup import bold, code, code_block, link, prose, section, words
from bot.slack.cards.scene import ICONS, Scene, rejected
from bot.slack.cards.stages import numbers
from bot.slack.content import Block

MOST_FAILURES = 2
MOST_TESTS = 3
_ENDED_EARLY = frozenset({Status.FAILED, Status.STOPPED, Status.SUPERSEDED, Status.UNKNOWN})


def failure(scene: Scene) -> list[Block]:
    """Draw the failed actions of a release, and whether its environment was touched."""
    release = scene.release
    blocks = [section(cause(stage, action)) for stage, action in scene.failures[:MOST_FAILURES]]
    for stage, action in scene.failures[:MOST_FAILURES]:
        blocks += evidence(stage, action)
    if (more := len(scene.failures) - MOST_FAILURES) > 0:
        blocks.append(section(say("card.more_failures", n=more)))
    # Actions say it better than the release does; without them (a pipeline that can't be read) it's all there is.
    told = scene.failures or any(rejected(action) for _, action, _ in scene.gates)
    if not told and release.detail and release.status in _ENDED_EARLY:
        blocks.append(section(f"{ICONS[release.status]} {words(release.detail, 1000)}"))
    if (kept := scene.held) and kept.held:
        kind = say(f"condition.{kept.held}")
        blocks.append(
            section(say("card.condition", condition=kind, stage=bold(kept.name), who=words(scene.overriders, 400)))
        )
    if release.status in _ENDED_EARLY:
        blocks.append(section(touched(scene)))
    return blocks


def touched(scene: Scene) -> str:
    """Say whether the environment may have changed."""
    where = bold(scene.release.environment)
    if scene.release.status is Status.UNKNOWN:
        return say("card.touched.unknown", environment=where)
    return say("card.touched.yes" if scene.environment_begun else "card.touched.no", environment=where)


def cause(stage: Stage, action: Action) -> str:
    """Say in one sentence what failed and why."""
    why = prose(action.detail or stage.detail, 500)
    return say(
        "card.cause.unknown" if action.status is Status.UNKNOWN else "card.cause",
        stage=bold(stage.name),
        action=link(action.url, bold(action.name)),
        why=f": {why}" if why else "",
    )


def evidence(stage: Stage, action: Action) -> list[Block]:
    """Draw the first failing tests and the end of the log."""
    _ = stage
    blocks = [section(tests(action.tests))] if action.tests and action.tests.total else []
    lines = [line for line in action.log.lines if line.strip()] if action.log else []
    # Where tests say what is wrong, the log only rounds it off.
    excerpt = code_block(lines[-8:] if action.tests and action.tests.failures else lines[-15:], 1500)
    return [*blocks, section(excerpt)] if excerpt else blocks


def tests(report: TestReport) -> str:
    """Write the numbers and the first failing tests with their messages."""
    parts = [f"🧪 {numbers(report)}"]
    for failed in report.failures[:MOST_TESTS]:
        parts.append(f"•\N{NO-BREAK SPACE}{code(failed.name, 150)}")
        if failed.message.strip():
            parts.append(code_block(failed.message.strip().splitlines()[:6], 500))
    if (more := report.failed + report.errors - min(MOST_TESTS, len(report.failures))) > 0 and report.failures:
        parts.append(say("card.more_tests", n=more))
    parts += [f"⚠️ {words(note, 200)}" for note in report.notes[:2]]
    return "\n".join(parts)
