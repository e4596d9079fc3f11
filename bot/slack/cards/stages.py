"""Draws the stages: as a plan block of task cards, or as plain sections where a workspace has no plan blocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.model import Action, Coverage, Rollout, Stage, Status, TestReport
from bot.core.wording import duration, say
from bot.slack.cards.markup import bold, clipped, context, is_web, link, literal, section, visible, words
from bot.slack.cards.scene import BAD, ICONS, Scene, rejected
from bot.slack.content import Block
from bot.slack.said import when

MOST_STAGES = 30
MOST_ACTIONS = 8
_DETAIL = 120
_MOST_CHARACTERS = 5000

# docs.slack.dev, "Task card block": pending, in_progress, complete or error; anything else is refused.
_TASK = {
    Status.QUEUED: "pending",
    Status.RUNNING: "in_progress",
    Status.WAITING: "in_progress",
    Status.STOPPING: "in_progress",
    Status.SUCCEEDED: "complete",
    Status.SKIPPED: "complete",
    Status.FAILED: "error",
    Status.STOPPED: "error",
    Status.SUPERSEDED: "error",
    Status.UNKNOWN: "error",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One action in words; nothing in it is escaped yet."""

    icon: str
    name: str
    facts: tuple[str, ...]
    since: datetime | None = None
    """Since when it runs: shown as a time, so that no edit is needed only because time goes by."""
    url: str | None = None
    """Where the backend shows more of it."""


def numbers(tests: TestReport) -> str:
    """Say a test report in numbers: `41 passed, 2 failed, 1 skipped in 2.3s`."""
    parts = [say("card.tests.passed", n=tests.passed)]
    for key, count in (("failed", tests.failed), ("errors", tests.errors), ("skipped", tests.skipped)):
        if count:
            parts.append(say(f"card.tests.{key}", n=count))
    return say("card.tests", numbers=", ".join(parts), time=duration(tests.seconds))


def covered(coverage: Coverage) -> str:
    """Say a coverage in percent, never rounded up to what it is not: `87.4% covered`."""
    return say("card.coverage", percent=percent(coverage))


def percent(coverage: Coverage) -> str:
    """Write the percentage with one digit, cut instead of rounded; whole ones without it."""
    tenths = 1000 * coverage.covered // coverage.total if coverage.total else 1000
    return f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10)


def progress(rollout: Rollout) -> str:
    """Say how far a deployment is: `1 of 2 targets, traffic 10 %, AllowTraffic`; once all is done, no step."""
    parts = [say("card.rollout", done=rollout.done, n=rollout.total)] if rollout.total else []
    if rollout.percent is not None:
        parts.append(say("card.traffic", percent=f"{rollout.percent:g}"))
    if rollout.step and (rollout.done < rollout.total or rollout.percent not in {None, 100}):
        parts.append(rollout.step)
    return ", ".join(parts)


def line(action: Action) -> Line:
    """Put an action into words."""
    facts: list[str] = []
    if action.status in {Status.STOPPED, Status.SKIPPED, Status.SUPERSEDED, Status.UNKNOWN, Status.WAITING}:
        facts.append(say(f"status.{action.status}"))
    if action.tests and action.tests.total:
        facts.append(numbers(action.tests))
    if action.tests and action.tests.coverage:
        facts.append(covered(action.tests.coverage))
    if action.rollout and action.rollout.told:
        facts.append(progress(action.rollout))
    if rejected(action):
        facts.append(say("card.row.rejected"))
    elif action.detail and (action.status in BAD or not action.status.finished):
        facts.append(clipped(visible(action.detail.replace("`", "")), _DETAIL))
    took = _seconds(action.started, action.finished)
    if took is not None and not (action.tests and action.tests.total):
        facts.append(duration(took))
    running = action.status in {Status.RUNNING, Status.STOPPING}
    return Line(
        ICONS[action.status],
        clipped(visible(action.name), 80),
        tuple(facts),
        since=action.started if running else None,
        url=action.url,
    )


def heading(stage: Stage) -> str:
    """Put a stage into words: `Build · done in 42s`."""
    took = _seconds(stage.started, stage.finished)
    status = say("card.stage.queued") if stage.status is Status.QUEUED else say(f"status.{stage.status}")
    if stage.status.finished and took is not None:
        status = say("card.stage.took", status=status, time=duration(took))
    again = say("card.stage.attempt", attempt=stage.attempt) if stage.attempt > 1 else ""
    return f"{clipped(visible(stage.name), 80)} · {status}{again}"


def plan(scene: Scene) -> list[Block]:
    """Draw one plan block with a task per stage; nothing if the run has none yet."""
    stages = scene.stages[:MOST_STAGES]
    if not stages:
        return []
    room = _MOST_CHARACTERS
    tasks: list[Block] = []
    for place, stage in enumerate(stages, start=1):
        task: Block = {
            "type": "task_card",
            "task_id": f"{place}-{clipped(visible(stage.name), 100)}",
            "title": heading(stage),
            "status": _TASK[stage.status],
        }
        details = _details(stage)
        size = sum(len(str(piece.get("text", ""))) + len(piece.get("url", "")) for piece in details)
        if details and size <= room:
            room -= size
            task["details"] = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": details}]}
        tasks.append(task)
    return [{"type": "plan", "title": summary(scene), "tasks": tasks}]


def summary(scene: Scene) -> str:
    """Say how many stages are done."""
    done = sum(stage.status is Status.SUCCEEDED for stage in scene.stages)
    return say("card.plan", done=done, n=len(scene.stages))


def sections(scene: Scene) -> list[Block]:
    """Draw the stages with nothing but sections and small print."""
    blocks: list[Block] = []
    room = _MOST_CHARACTERS
    for stage in scene.stages[:MOST_STAGES]:
        name, _, status = heading(stage).partition(" · ")
        text = f"{ICONS[stage.status]} {bold(name)} · {words(status)}"
        lines = [_written(each) for each in _lines(stage)]
        size = sum(map(len, lines))
        if lines and size <= room and len(blocks) < 20:
            room -= size
            blocks += [section(text), context("\n".join(lines))]
        elif blocks and blocks[-1]["type"] == "section" and len(blocks[-1]["text"]["text"]) < 2000:
            blocks[-1] = section(f"{blocks[-1]['text']['text']}\n{text}")
        else:
            blocks.append(section(text))
    return blocks


def _lines(stage: Stage) -> list[Line]:
    if stage.status is Status.QUEUED:  # what it waits for, if it is its turn
        return [Line("⏳", clipped(visible(stage.detail), _DETAIL), ())] if stage.detail else []
    if _says_it_all(stage):
        return []
    # What failed or runs is shown even in a stage with very many actions.
    shown = sorted(stage.actions, key=lambda action: (action.status not in BAD, action.status.finished))[:MOST_ACTIONS]
    lines = [line(action) for action in stage.actions if action in shown]
    if (more := len(stage.actions) - len(lines)) > 0:
        lines.append(Line("…", say("card.more_actions", n=more), ()))
    if stage.detail and stage.status in BAD and not any(action.status in BAD for action in stage.actions):
        lines.append(Line("…", clipped(visible(stage.detail), _DETAIL), ()))
    return lines


def _says_it_all(stage: Stage) -> bool:
    """Tell whether the heading is enough: a stage that went well and has one action with nothing more to tell."""
    if stage.status is not Status.SUCCEEDED or len(stage.actions) != 1:
        return False
    only = stage.actions[0]
    told = only.tests and (only.tests.total or only.tests.coverage)
    return not told and not (only.rollout and only.rollout.told)


def _details(stage: Stage) -> list[Block]:
    pieces: list[Block] = []
    for each in _lines(stage):
        begin = "\n" if pieces else ""
        if is_web(each.url):
            pieces += [literal(f"{begin}{each.icon} "), {"type": "link", "url": each.url, "text": each.name}]
            begin = ""
        else:
            begin += f"{each.icon} {each.name}"
        text = " · ".join((begin, *each.facts))
        if each.since:
            pieces.append(literal(f"{text} · {say('card.since')} "))
            pieces.append(
                {
                    "type": "date",
                    "timestamp": int(each.since.timestamp()),
                    "format": "{time_secs}",
                    "fallback": f"{each.since:%H:%M:%S} UTC",
                }
            )
        elif text:
            pieces.append(literal(text))
    return pieces


def _written(each: Line) -> str:
    facts = [words(fact) for fact in each.facts]
    if each.since:
        facts.append(f"{say('card.since')} {when(each.since)}")
    return " · ".join((f"{each.icon} {link(each.url, words(each.name))}", *facts))


def _seconds(started: datetime | None, finished: datetime | None) -> float | None:
    return max(0.0, (finished - started).total_seconds()) if started and finished else None
