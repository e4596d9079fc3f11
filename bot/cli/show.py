"""How releases look in a terminal: Rich where a person watches, plain lines where a program reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.core.commands import Deployment, Offered
from bot.core.events import Event
from bot.core.holds import in_the_way, sentence
from bot.core.model import Action, Release, Revision, Stage, Status
from bot.core.wording import duration, say

_MARKS = {
    Status.QUEUED: ("·", "dim"),
    Status.RUNNING: ("▶", "cyan"),
    Status.WAITING: ("?", "yellow"),
    Status.STOPPING: ("▶", "yellow"),
    Status.SUCCEEDED: ("✓", "green"),
    Status.FAILED: ("✗", "red"),
    Status.STOPPED: ("■", "yellow"),
    Status.SUPERSEDED: ("→", "dim"),
    Status.SKIPPED: ("-", "dim"),
    Status.UNKNOWN: ("!", "magenta"),
}

NameOf = Callable[[str], str]


def console() -> Console:
    """Make a console for stdout; Rich itself respects NO_COLOR, TERM=dumb and what is not a terminal."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def clean(text: str) -> str:
    """Take out what a terminal would obey: text of commits and tests comes from strangers."""
    return "".join(char if char.isprintable() else " " for char in text)


def headline(release: Release, name_of: NameOf) -> str:
    """Say in one line who ships what where, and how far it is."""
    what = f" {_revision(release.revision)}" if release.revision else ""
    what = what or (f" {release.ref}" if release.ref else "")
    return clean(
        say(
            f"cli.headline.{release.kind}",
            who=name_of(release.requested_by),
            label=release.label,
            environment=release.environment,
            what=what,
            status=say(f"status.{release.status}"),
        )
    )


def _revision(revision: Revision) -> str:
    """Name a revision: its short id, its summary and its author, as far as they are known."""
    by = f" ({revision.author})" if revision.author else ""
    return f"{revision.short} {revision.summary}".rstrip() + by


def _took(started: datetime | None, finished: datetime | None, now: datetime) -> str:
    return duration(max(0.0, ((finished or now) - started).total_seconds())) if started else ""


def _about(action: Action) -> str:
    parts = []
    if action.tests:
        counted = action.tests
        failed = counted.failed + counted.errors
        parts.append(say("cli.tests", passed=counted.passed, failed=failed, skipped=counted.skipped))
    if (rollout := action.rollout) and rollout.told and not action.status.finished:
        targets = f"{rollout.done}/{rollout.total}" if rollout.total else ""
        traffic = say("card.traffic", percent=f"{rollout.percent:g}") if rollout.percent is not None else ""
        parts.append(" ".join(part for part in (targets, traffic, rollout.step) if part))
    if action.detail:
        parts.append(action.detail)
    if action.url and action.status in {Status.FAILED, Status.UNKNOWN}:
        parts.append(action.url)
    return ", ".join(parts)


def _detail(stage: Stage) -> str:
    shown = [action for action in stage.actions if action.status is not Status.QUEUED and _about(action)]
    told = "; ".join(f"{action.name}: {_about(action)}" for action in shown)
    return clean(told or stage.detail)


def card(release: Release, name_of: NameOf, now: datetime) -> RenderableType:
    """Draw a release with its stages."""
    table = Table.grid(padding=(0, 2))
    for stage in release.run.stages if release.run else ():
        mark, style = _MARKS[stage.status]
        table.add_row(
            Text(f"  {mark} {stage.name}", style=style),
            Text(say(f"status.{stage.status}"), style=style),
            Text(_took(stage.started, stage.finished, now), style="dim"),
            Text(_detail(stage)),
        )
    parts: list[RenderableType] = [Text(headline(release, name_of), style="bold")]
    parts += [Text(f"  {each}", style="dim") for each in links(release)]
    parts.append(table)
    if release.detail:
        parts.append(Text(clean(release.detail), style="red" if release.status is Status.FAILED else ""))
    parts += [Text(each, style="yellow") for each in holding(release, name_of)]
    if waits := waiting_for(release):
        parts.append(Text(waits, style="yellow"))
    return Group(*parts)


def waiting_for(release: Release) -> str:
    """Say what the release waits for, if a person; else nothing."""
    found = release.run.open_gate if release.run and release.active else None
    if found is None:
        return ""
    gate = found[2]
    ends = say("cli.gate.expires", when=f"{gate.expires:%Y-%m-%d %H:%M} UTC") if gate.expires else ""
    return clean(" ".join(part for part in (gate.message or say("status.waiting"), gate.link, ends) if part))


def holding(release: Release, name_of: NameOf) -> Iterable[str]:
    """Say what holds the release, now or further on."""
    yield from (clean(sentence(hold, name_of)) for hold in in_the_way(release))


def links(release: Release) -> Iterable[str]:
    """Give the web addresses of what is shipped and of the run, as far as there are some."""
    if release.revision and release.revision.url:
        yield clean(release.revision.url)
    if release.run and release.run.url:
        yield clean(release.run.url)


def card_lines(release: Release, name_of: NameOf, now: datetime) -> Iterable[str]:
    """Give the same as plain lines."""
    yield headline(release, name_of)
    yield from (f"  {each}" for each in links(release))
    for stage in release.run.stages if release.run else ():
        parts = [stage.name, say(f"status.{stage.status}"), _took(stage.started, stage.finished, now), _detail(stage)]
        yield "  " + "  ".join(part for part in parts if part)
    if release.detail:
        yield "  " + clean(release.detail)
    yield from (f"  {each}" for each in holding(release, name_of))
    if waits := waiting_for(release):
        yield "  " + waits


def event_line(event: Event, name_of: NameOf) -> str:
    """Say one event as a line."""
    values = event.model_dump()
    if "seconds" in values:
        values["took"] = f" ({duration(values['seconds'])})" if values["seconds"] is not None else ""
    values["status"] = say(f"status.{values['status']}") if "status" in values else ""
    values["detail"] = f": {values['detail']}" if values.get("detail") else ""
    values["by"] = name_of(values.get("by") or "")
    if event.kind in {"approval_given", "gate_decided"}:
        values["by"] = name_of(event.decision.by)
        values["answer"] = say("cli.yes" if event.decision.approved else "cli.no")
    revision = getattr(event, "revision", None)
    values["what"] = f" {revision.short} {revision.summary}".rstrip() if revision else ""
    values["condition"] = say(f"condition.{values['condition']}") if "condition" in values else ""
    values["why"] = f": {values['reason']}" if values.get("reason") else ""
    values["counted"] = ""
    if event.kind == "action_finished" and event.tests:
        failed = event.tests.failed + event.tests.errors
        counts = say("cli.tests", passed=event.tests.passed, failed=failed, skipped=event.tests.skipped)
        values["counted"] = f", {counts}"
    return clean(say(f"cli.event.{event.kind}", **values))


def offer_lines(offered: Offered, name_of: NameOf) -> Iterable[str]:
    """Say what already waits before the environment."""
    what = f"{offered.revision.short} {offered.revision.summary}" if offered.revision else offered.run_id
    yield clean(say("cli.offered", service=offered.service, environment=offered.environment, what=what.strip()))
    yield clean(say("cli.offered.by", who=name_of(offered.started_by)))
    yield from (f"  {clean(each)}" for each in offered.contains)
    if offered.why_not:
        yield clean(offered.why_not)
    if offered.held:
        yield clean(sentence(offered.held, name_of))
    if newer := offered.newer:
        what = f"{newer.revision.short} {newer.revision.summary}" if newer.revision else newer.run_id
        yield clean(say("cli.offered.newer", what=what.strip(), who=name_of(newer.started_by)))


def deployment_row(found: Deployment, name_of: NameOf) -> tuple[str, str, str, str, str]:
    """Give service, environment, what runs there, since when, and what is doubtful about it or holds it."""
    what = f"{found.revision.short} {found.revision.summary}".strip() if found.revision else say("cli.not_known")
    since = f"{found.since:%Y-%m-%d %H:%M} UTC" if found.since else ""
    number = f" (#{found.number})" if found.number else ""
    told = " ".join(part for part in (found.doubt, sentence(found.held, name_of) if found.held else "") if part)
    return found.service, found.environment, clean(what + number), since, clean(told)


def table(columns: Iterable[str], rows: Iterable[Iterable[str]], to: Console) -> None:
    """Print rows: a table for a person, tab-separated lines for a program."""
    if not to.is_terminal:
        for row in rows:
            to.file.write("\t".join(row) + "\n")  # Rich would turn tabs into spaces
        return
    drawn = Table(*columns, box=None, header_style="dim", pad_edge=False)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    to.print(drawn)
