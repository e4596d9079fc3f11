"""What an environment's closed way in means for a release, and how it is said."""

from __future__ import annotations

from collections.abc import Callable

from bot.core.changes import scope
from bot.core.model import Hold, Release, ReleaseKind, Status
from bot.core.wording import say


def in_the_way(release: Release) -> tuple[Hold, ...]:
    """Give what holds a release, now or further on.

    Who is inside a stage already goes on, and a rollback, which puts an earlier revision back into the stage itself,
    does not come through its way in (CodePipeline User Guide, "Disable transitions" and "Rolling back a stage").
    """
    run = release.run
    if not release.active or (run.rollback if run else release.kind is ReleaseKind.ROLLBACK):
        return ()
    if run is None:
        return tuple(hold for hold in release.held if hold.environment == release.environment)
    ahead = {stage.name for stage in scope(run, release.stage) if stage.status is Status.QUEUED}
    return tuple(hold for hold in release.held if hold.stage in ahead)


def waits_at(release: Release) -> Hold | None:
    """Give the hold that a release stands before: all that comes before it is done."""
    before = scope(release.run, release.stage) if release.run else ()
    following = next((stage for stage in before if not stage.status.finished), None)
    if following is None:
        return None
    return next((hold for hold in in_the_way(release) if hold.closed and hold.stage == following.name), None)


def sentence(hold: Hold, name_of: Callable[[str], str], *, environment: str | None = None) -> str:
    """Say how the way in stands, by whom and why; `environment` replaces its name, as formatted by the caller."""
    why = f": {hold.reason}" if hold.reason else ""
    return say(f"hold.{hold.state}", environment=environment or hold.environment, who=name_of(hold.by), why=why)
