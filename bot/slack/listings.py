"""Lists of releases and of what runs where, as blocks: for answers and the Home tab (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from bot.catalogue import Catalogue
from bot.core.commands import Command, Deployment, Deployments, Releases, Verb
from bot.core.holds import in_the_way, sentence
from bot.core.model import Release, Status
from bot.core.wording import say
from bot.slack.said import Block, Said, actions, button, channel_link, context, header, paragraphs, safe, section, when

_LISTED = 10
_PLACES = 60
_ROOM = 9000
"""Characters. Slack refuses messages whose blocks have more than about 13,200 in all (bolt-js issue 2509)."""
_SIGNS = {
    Status.QUEUED: "👀",
    Status.RUNNING: "🔄",
    Status.WAITING: "⏳",
    Status.STOPPING: "🛑",
    Status.SUCCEEDED: "✅",
    Status.FAILED: "❌",
    Status.STOPPED: "🛑",
    Status.SUPERSEDED: "⏩",
    Status.SKIPPED: "⏩",
    Status.UNKNOWN: "❔",
}


def releases(answer: Releases, catalogue: Catalogue) -> Said:
    """List at most ten releases; those that wait for this person first, with buttons."""
    history = answer.verb is Verb.HISTORY
    if not answer.releases:
        if history:
            return Said(say("slack.releases.no_history"), public=True)
        return Said(f"{say('slack.releases.none')} {say('slack.releases.none.fix')}", public=True)
    mine = set(answer.waiting_for_me)
    ordered = sorted(answer.releases, key=lambda release: release.id not in mine)
    title = say("slack.releases.history" if history else "slack.releases.status")
    blocks: list[Block] = [header(title)]
    for release in ordered[:_LISTED]:
        blocks += release_blocks(release, catalogue, waits_for_me=release.id in mine)
    lines = [release_line(release) for release in ordered[:_LISTED]]
    if (more := len(ordered) - _LISTED) > 0:
        blocks.append(context(say("slack.releases.more", n=more)))
        lines.append(say("slack.releases.more", n=more))
    return Said("\n".join([f"{title}:", *lines]), tuple(blocks), public=not mine)


def release_line(release: Release) -> str:
    """Say in one line how a release stands."""
    line = say(
        "slack.release",
        what=f"*{safe(release.label)}*",
        environment=safe(release.environment),
        status=say(f"status.{release.status}"),
    )
    return f"{_SIGNS[release.status]} {line}"


def release_blocks(release: Release, catalogue: Catalogue, *, waits_for_me: bool, near: bool = True) -> list[Block]:
    """Show one release compactly; Approve and Reject only where this person's answer is wanted."""
    facts = []
    if waits_for_me:
        facts.append(f"*{say('slack.release.yours')}*")
    if release.revision:
        facts.append(f"`{safe(release.revision.short)}` {safe(release.revision.summary, 80)}".rstrip())
    if release.active and (stage := _stage_under_way(release)):
        facts.append(safe(stage))
    facts.append(say("slack.asked_by", who=safe(catalogue.name_of(release.requested_by))))
    facts.append(when(release.finished or release.created))
    facts += [f"⛔ {safe(sentence(hold, catalogue.name_of))}" for hold in in_the_way(release)]
    if release.unreachable_since:
        facts.append("⚠️ " + say("slack.release.unreachable", when=when(release.unreachable_since)))
    channel = catalogue.card_channel(release.service) or release.conversation
    if channel and not near:
        facts.append(say("slack.home.in", channel=channel_link(channel)))
    detail = f"\n{safe(release.detail)}" if release.detail else ""
    blocks = [section(release_line(release) + detail), context(" · ".join(facts))]
    return [*blocks, decision_buttons(release, catalogue)] if waits_for_me else blocks


def _stage_under_way(release: Release) -> str:
    stages = release.run.stages if release.run else ()
    return next((stage.name for stage in stages if not stage.status.finished and stage.status is not Status.QUEUED), "")


def decision_buttons(release: Release, catalogue: Catalogue) -> Block:
    """Build Approve (with a question before production) and Reject for the gate that this person sees."""
    found = release.run.open_gate if release.run else None
    gate = found[2].token if found else release.gate
    production = catalogue.rules(release.service, release.environment).production
    sure = (
        say("slack.approve.title", environment=release.environment),
        say(
            "slack.ship.sure",
            service=release.label,
            revision=release.revision.short if release.revision else "",
            environment=release.environment,
        ),
    )
    return actions(
        button(
            say("slack.approve"),
            Command(verb=Verb.APPROVE, release=release.id, gate=gate),
            variant=release.id,
            style="primary",
            confirm=sure if production else None,
        ),
        button(
            say("slack.reject"),
            Command(verb=Verb.REJECT, release=release.id, gate=gate),
            variant=release.id,
            style="danger",
        ),
    )


def deployments(answer: Deployments, catalogue: Catalogue) -> Said:
    """Say what runs where, and where that is in doubt."""
    if not answer.deployments:
        return Said(say("slack.where.none"), public=True)
    lines = deployment_lines(answer.deployments, catalogue)
    title = say("slack.where")
    return Said("\n".join([f"{title}:", *lines]), (header(title), *paragraphs(lines)), public=True)


def deployment_lines(deployed: Sequence[Deployment], catalogue: Catalogue, most: int = _PLACES) -> list[str]:
    """Say each environment in one line, as many as fit into one message."""
    lines: list[str] = []
    room = _ROOM
    for each in deployed[:most]:
        line = _deployment_line(each, catalogue)
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
    more = len(deployed) - len(lines)
    return [*lines, say("slack.releases.more", n=more)] if more else lines


def _deployment_line(each: Deployment, catalogue: Catalogue) -> str:
    place = {"service": safe(each.service), "environment": safe(each.environment)}
    if each.release is None:
        line = say("slack.where.unknown", **place)
    else:
        name = f"`{safe(each.revision.short)}` {safe(each.revision.summary, 60)}".rstrip() if each.revision else "?"
        line = say("slack.where.runs", revision=name, **place)
        if each.number is not None:
            line += f" (#{each.number})"
        if each.since:
            line += ", " + say("slack.where.since", when=when(each.since))
    if each.held:
        line += f"\n⛔ {safe(sentence(each.held, catalogue.name_of))}"
    return f"{line}\n⚠️ {safe(each.doubt)}" if each.doubt else line
