"""Two looks at one run: what is true now, what happened in between, and what it means for the release.

Looks may be lost, late, repeated or out of order, so `merge` only ever moves forward: inside one attempt of a stage an
action goes queued, running, waiting, finished, and never back; only a higher attempt starts anew. Every event belongs
to one such step, and so is told once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from bot.core.events import (
    ActionFinished,
    Deployed,
    Event,
    GateDecided,
    GateOpened,
    ReleaseFinished,
    ReleaseRevived,
    RunStarted,
    StageFinished,
    StageStarted,
)
from bot.core.model import Action, Release, ReleaseKind, Run, Stage, Status

_RANK = {Status.QUEUED: 0, Status.RUNNING: 1, Status.WAITING: 2, Status.STOPPING: 3}


def _rank(status: Status) -> int:
    return _RANK.get(status, 4)


def merge(old: Run | None, new: Run) -> Run:
    """Combine what was known with a look, whichever of the two is newer."""
    if old is None:
        return new
    if old.id != new.id:
        raise ValueError(f"looks at two runs, {old.id} and {new.id}, can't be merged")
    earlier, later = (old, new) if old.seen <= new.seen else (new, old)
    names = [stage.name for stage in later.stages]
    names += [stage.name for stage in earlier.stages if stage.name not in names]
    stages = tuple(_merge_stage(earlier.stage(name), later.stage(name)) for name in names)
    leading = _leading(earlier, later)
    status = leading.status
    if not status.finished:
        status = _unfinished(
            (earlier.status, later.status) if earlier.attempt == later.attempt else (leading.status,),
            waiting=any(stage.status is Status.WAITING for stage in stages),
        )
    return leading.model_copy(
        update={
            "stages": stages,
            "status": status,
            "revision": later.revision or earlier.revision,
            "started": later.started or earlier.started,
            "seen": later.seen,
        }
    )


def _leading(earlier: Run, later: Run) -> Run:
    """Choose whose status counts: the higher attempt's, then the finished one's, then the later one's."""
    if earlier.attempt != later.attempt:
        return max(earlier, later, key=lambda run: run.attempt)
    return earlier if earlier.status.finished else later


def _merge_stage(earlier: Stage | None, later: Stage | None) -> Stage:
    if earlier is None or later is None:
        found = earlier or later
        assert found is not None
        return found
    if earlier.attempt != later.attempt:
        return max(earlier, later, key=lambda stage: stage.attempt)
    before = {action.name: action for action in earlier.actions}
    after = {action.name: action for action in later.actions}
    actions = tuple(_merge_action(before.get(name), after.get(name)) for name in after | before)
    leading = earlier if earlier.status.finished else later
    status = leading.status
    if not status.finished:
        status = _unfinished(
            (earlier.status, later.status), waiting=any(action.status is Status.WAITING for action in actions)
        )
    return leading.model_copy(update={"actions": actions, "status": status})


def _unfinished(statuses: tuple[Status, ...], *, waiting: bool) -> Status:
    """Give the status of something under way: its own rank without waiting, and waiting only if a part of it does."""
    if Status.STOPPING in statuses:
        return Status.STOPPING
    if waiting:
        return Status.WAITING
    return max((Status.RUNNING if status is Status.WAITING else status for status in statuses), key=_rank)


def _merge_action(earlier: Action | None, later: Action | None) -> Action:
    if earlier is None or later is None:
        found = earlier or later
        assert found is not None
        return found
    if _rank(earlier.status) > _rank(later.status) or earlier.status.finished:
        leading, other = earlier, later
    else:
        leading, other = later, earlier
    update: dict[str, object] = {
        field: getattr(other, field)
        for field in ("started", "tests", "rollout", "log", "gate", "url")
        if getattr(leading, field) is None and getattr(other, field) is not None
    }
    if leading.gate and other.gate and leading.gate.token == other.gate.token and leading.gate.decision is None:
        update["gate"] = other.gate
    return leading.model_copy(update=update) if update else leading


def _seconds(started: datetime | None, finished: datetime | None) -> float | None:
    return (finished - started).total_seconds() if started and finished else None


def changes(old: Run | None, new: Run) -> tuple[Event, ...]:
    """Tell what happened between two looks, in order; `new` must come from `merge`."""
    return tuple(_changes(old, new))


def _changes(old: Run | None, new: Run) -> Iterator[Event]:
    if _run_began(new) and not (old and _run_began(old)):
        yield RunStarted(run_id=new.id, revision=new.revision)
    for stage in new.stages:
        yield from _stage_changes(old.stage(stage.name) if old else None, stage)


def _run_began(run: Run) -> bool:
    """Tell whether any work was done on a run; one that is queued again for a retry began long ago."""
    return run.attempt > 1 or _began(run) or any(_began(stage) for stage in run.stages)


def _began(it: Run | Stage) -> bool:
    """Tell whether work was done on it: what is skipped, superseded or stopped in the queue ends without a start."""
    if it.status in {Status.SKIPPED, Status.SUPERSEDED, Status.STOPPED}:
        return it.started is not None
    return it.status is not Status.QUEUED


def _stage_changes(old: Stage | None, new: Stage) -> Iterator[Event]:
    anew = old is None or old.attempt < new.attempt
    before = {action.name: action for action in old.actions} if old else {}
    same = None if anew else old
    if _began(new) and not (same and _began(same)):
        yield StageStarted(stage=new.name, attempt=new.attempt)
    for action in new.actions:
        yield from _action_changes(before.get(action.name), action, new, anew=anew)
    if new.status.finished and not (same and same.status.finished):
        yield StageFinished(
            stage=new.name,
            attempt=new.attempt,
            status=new.status,
            detail=new.detail,
            seconds=_seconds(new.started, new.finished),
        )


def _action_changes(old: Action | None, new: Action, stage: Stage, *, anew: bool) -> Iterator[Event]:
    gate, before = new.gate, old.gate if old else None
    if gate:
        known = before is not None and before.token == gate.token
        if not known:
            yield GateOpened(
                stage=stage.name, action=new.name, token=gate.token, message=gate.message, expires=gate.expires
            )
        if gate.decision and not (known and before and before.decision):
            yield GateDecided(stage=stage.name, action=new.name, token=gate.token, decision=gate.decision)
    if not new.status.finished:
        return
    carried_over = old is not None and old.status is new.status and old.finished == new.finished
    if carried_over or (old is not None and old.status.finished and not anew):
        return
    yield ActionFinished(
        stage=stage.name,
        attempt=stage.attempt,
        action=new.name,
        status=new.status,
        detail=new.detail,
        seconds=_seconds(new.started, new.finished),
        tests=new.tests,
    )


def scope(run: Run, stage: str | None) -> tuple[Stage, ...]:
    """Give the stages that belong to a release: all, or those up to the stage that is its environment."""
    names = [each.name for each in run.stages]
    return run.stages if stage is None or stage not in names else run.stages[: names.index(stage) + 1]


def held(run: Run | None, stage: str | None) -> Stage | None:
    """Find the stage of a release that only a condition keeps from going on."""
    return next((each for each in scope(run, stage) if each.held), None) if run else None


def _attempt(run: Run, stage: str | None) -> int:
    """Count the retries of a release's own stages: a later stage's retry does not concern it."""
    return sum(each.attempt for each in scope(run, stage))


def outcome(run: Run, stage: str | None) -> tuple[Status, str]:
    """Tell how a release stands whose environment is this stage of the run, and why if not well."""
    own = run.stage(stage) if stage else None
    if own and own.status.finished:
        return own.status, own.detail or ("" if own.status is Status.SUCCEEDED else run.detail)
    if stage and run.status is Status.SUCCEEDED:
        return Status.UNKNOWN, f"The run ended well, but it never came to the stage {stage}."
    return run.status, run.detail


def as_it_came_out(look: Run) -> Run:
    """Call a stage that was stopped done if each of its actions had succeeded by then: the stop came too late for it.

    A backend calls it stopped because the run went no further; but what was to be deployed there is.
    """
    stages = tuple(
        stage.model_copy(update={"status": Status.SUCCEEDED, "detail": ""})
        if stage.status is Status.STOPPED
        and stage.actions
        and all(action.status is Status.SUCCEEDED for action in stage.actions)
        else stage
        for stage in look.stages
    )
    if stages == look.stages:
        return look
    done = all(stage.status in {Status.SUCCEEDED, Status.SKIPPED} for stage in stages)
    news: dict[str, object] = (
        {"status": Status.SUCCEEDED, "detail": ""} if done and look.status is Status.STOPPED else {}
    )
    return look.model_copy(update={"stages": stages, **news})


def _deployed(environment: str, run: Run, kind: ReleaseKind) -> Deployed:
    # Where no stage can be rolled back, the older revision is started anew: the run does not know what it is for.
    back = run.rollback or kind is ReleaseKind.ROLLBACK
    return Deployed(environment=environment, run_id=run.id, revision=run.revision, rollback=back)


def follow(
    release: Release, look: Run, *, environments: Mapping[str, str], now: datetime
) -> tuple[Release, tuple[Event, ...]]:
    """Carry a look over into the release; give the release as it is now and what is to be told.

    `environments` maps stages of this pipeline to the service's environments: a stage that ends well has deployed.
    The release comes back unchanged (same `version`) when the look brings nothing new.
    """
    run = merge(release.run, as_it_came_out(look))
    status, detail = outcome(run, release.stage)
    if status.finished and run.attempt < release.min_attempt:
        status, detail = Status.RUNNING, ""
    own = {stage.name for stage in scope(run, release.stage)}
    told = [event for event in changes(release.run, run) if getattr(event, "stage", None) in own | {None}]
    events: list[Event] = []
    if release.status.finished and not status.finished:
        events.append(ReleaseRevived(attempt=run.attempt))
    for event in told:
        events.append(event)
        if (
            isinstance(event, StageFinished)
            and event.status is Status.SUCCEEDED
            and (environment := environments.get(event.stage))
        ):
            events.append(_deployed(environment, run, release.kind))
    ended = status.finished and (
        not release.status.finished
        or (release.run is not None and _attempt(run, release.stage) > _attempt(release.run, release.stage))
    )
    if ended:
        if status is Status.SUCCEEDED and not release.stage:
            events.append(_deployed(release.environment, run, release.kind))
        events.append(
            ReleaseFinished(
                status=status, attempt=run.attempt, detail=detail, seconds=(now - release.created).total_seconds()
            )
        )
    if not events and release.run is not None and run.model_copy(update={"seen": release.run.seen}) == release.run:
        return release, ()
    return (
        release.model_copy(
            update={
                "run": run,
                "run_id": run.id,
                "revision": run.revision or release.revision,
                "status": status,
                "detail": detail,
                "active": not status.finished,
                "finished": now if ended else release.finished if status.finished else None,
                "version": release.version + 1,
                "updated": now,
            }
        ),
        tuple(events),
    )
