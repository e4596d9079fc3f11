"""Draws a release's card: a pure function of the release as it is now, within Slack's limits whatever it contains."""

from __future__ import annotations

from bot.core.holds import in_the_way
from bot.core.holds import sentence as sentence_of
from bot.core.model import Release, ReleaseKind, Status
from bot.core.wording import duration, say
from bot.deliver.telling import Style
from bot.slack.cards import failure, gate, stages
from bot.slack.cards.markup import bold, code, context, link, section, words
from bot.slack.cards.scene import Scene
from bot.slack.content import Block, SlackContent
from bot.slack.said import when

MOST_CHARACTERS = 10_000
"""Of all blocks together; Slack refuses more than about 13,200 (bolt-js #2509)."""
MOST_BLOCKS = 50
_TEXT = 750
"""Characters of the plain text before they are escaped; chat.update takes 4,000, and `&` becomes five."""


def draw(scene: Scene, style: Style) -> SlackContent:
    """Draw the card."""
    text = plain(scene)
    if style is Style.TEXT:
        return SlackContent(text)
    head = [section(f"{sentence(scene)}\n{standing(scene)}"), *small_print(scene)]
    rows = stages.plan(scene) if style is Style.RICH else stages.sections(scene)
    foot = [*gate.gate(scene), *after(scene), *gate.buttons(scene)]
    evidence = failure.failure(scene)
    # The buttons, the gate and the stages always fit; what explains a failure is cut to what room there is.
    room = MOST_CHARACTERS - size([*head, *rows, *foot])
    shown: list[Block] = []
    for block in evidence:
        if size([block]) > room or len(head) + len(rows) + len(foot) + len(shown) >= MOST_BLOCKS:
            break
        room -= size([block])
        shown.append(block)
    return SlackContent(text, [*head, *rows, *shown, *foot])


def size(blocks: list[Block]) -> int:
    """Count the characters of blocks, roughly and never too few: their JSON without the keys that we know."""
    return sum(_size(block) for block in blocks)


def _size(value: object) -> int:
    if isinstance(value, dict):
        return sum(_size(item) for key, item in value.items() if key not in {"type", "style", "action_id", "verbatim"})
    if isinstance(value, list):
        return sum(_size(item) for item in value)
    return len(value) if isinstance(value, str) else 0


def sentence(scene: Scene) -> str:
    """Say who ships what to where."""
    release = scene.release
    return f"{scene.icon} " + say(
        _verb(scene),
        who=bold(scene.requester),
        service=bold(release.service),
        what=what(release),
        environment=bold(release.environment),
    )


def what(release: Release) -> str:
    """Name what is shipped, after a space; empty if that is not known yet."""
    if release.revision:
        return f" {code(release.revision.short)}"
    if release.ref:
        return f" {code(release.ref, 80)}"
    return " " + say("card.before") if release.kind is ReleaseKind.ROLLBACK else ""


def _verb(scene: Scene) -> str:
    """Choose the tense: nothing is said to be done before it is."""
    kind = "deploy" if scene.release.kind is ReleaseKind.PROMOTE else scene.release.kind.value
    if kind == ReleaseKind.ADOPTED.value:
        return "card.adopted"
    if scene.release.status is Status.SUCCEEDED:
        return f"card.{kind}.done"
    if scene.release.status.finished:
        return f"card.{kind}.past"
    if scene.release.run is None:
        return f"card.{kind}.wish"
    return f"card.{kind}"


def standing(scene: Scene) -> str:
    """Say how it stands, where it is and how long it took."""
    release = scene.release
    parts = [f"*{_capital(scene.status_words)}*"]
    under_way = next((stage for stage in scene.stages if not stage.status.finished and stage.started), None)
    if release.active and under_way:
        parts.append(words(under_way.name, 80))
    elif release.status.finished and (broken := scene.broken):
        parts.append(say("card.in_stage", stage=words(broken.name, 80)))
    if release.finished:
        parts.append(duration(max(0.0, (release.finished - release.created).total_seconds())))
    if release.kind is ReleaseKind.PROMOTE:
        parts.append(say("card.promoted"))
    if release.kind is ReleaseKind.ROLLBACK and release.run and not release.run.rollback:
        parts.append(say("card.anew"))
    if release.stopped_by:
        late = release.status is Status.SUCCEEDED
        asked = words(scene.name_of(release.stopped_by))
        parts.append(say("card.stopped_late" if late else "card.stopped_by", who=asked))
    return " · ".join(parts)


def small_print(scene: Scene) -> list[Block]:
    """Draw what is shipped, why, the number and when it was asked for; what holds it, and whether this look is old."""
    release = scene.release
    facts = []
    if revision := release.revision:
        # The sentence above has its short name already.
        summary = words(revision.summary, 150) or words(revision.short)
        by = f" ({words(revision.author, 80)})" if revision.author else ""
        facts.append(link(revision.url, summary) + by)
        if revision.ref or release.ref:
            facts.append(code(revision.ref or release.ref or "", 80))
    facts.append(link(release.run.url if release.run else None, words(release.label)))
    facts.append(say("card.asked_at", when=when(release.created)))
    blocks = [context(" · ".join(facts))]
    if release.reason:
        blocks.append(context(say("card.why", reason=words(release.reason, 300))))
    blocks += [context(f"⛔ {words(sentence_of(hold, scene.name_of), 700)}") for hold in in_the_way(release)]
    if release.unreachable_since:
        late = say("card.unreachable", backend=words(release.backend), when=when(release.unreachable_since))
        blocks.append(context(f"⚠️ {late}"))
    return blocks


def after(scene: Scene) -> list[Block]:
    """Say what comes after a release that is done while its run goes on."""
    environment = scene.next_environment
    if environment is None:
        return []
    command = code(f"/deploy {scene.release.service} {environment}", 200)
    return [context(say("card.next", environment=bold(environment), command=command))]


def plain(scene: Scene) -> str:
    """Say the card in words, the status first: for notifications and screen readers."""
    release = scene.release
    shipped = f" {release.revision.short}" if release.revision else f"@{release.ref}" if release.ref else ""
    told = say(
        "card.text",
        status=_capital(scene.status_words),
        label=release.label,
        what=shipped,
        environment=release.environment,
        who=scene.requester,
    )
    if release.detail and release.status.finished:
        told += f" {release.detail}"
    elif scene.open_gate and not scene.settled(scene.open_gate[2]):
        told += " " + say("card.gate.who", who=scene.approvers)
    return words(told, _TEXT)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
