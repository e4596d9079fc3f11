from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.changes import as_it_came_out, changes, follow, merge, outcome
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
from bot.core.model import Release, Run, Stage, Status, Surface
from tests.support.histories import BEGIN, History, delivered

many = settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(min_value=0, max_value=2**64)


def identity(event: Event) -> tuple[object, ...]:
    """Name the one step of the run that an event tells of."""
    match event:
        case RunStarted():
            return (event.kind,)
        case StageStarted() | StageFinished():
            return event.kind, event.stage, event.attempt
        case ActionFinished():
            return event.kind, event.stage, event.attempt, event.action
        case GateOpened() | GateDecided():
            return event.kind, event.token
    raise AssertionError(event)


def told_along(looks: list[Run]) -> tuple[list[Run], list[Event]]:
    """Follow looks as they come: what was known after each, and all that was told."""
    known: list[Run] = []
    told: list[Event] = []
    for look in looks:
        old = known[-1] if known else None
        known.append(merge(old, look))
        told += changes(old, known[-1])
    return known, told


def release(stage: str | None) -> Release:
    return Release(
        id="x",
        number=1,
        service="shop",
        environment="staging" if stage else "everywhere",
        requested_by="ana",
        surface=Surface.SLACK,
        backend="local",
        stage=stage,
        created=BEGIN,
        updated=BEGIN,
    )


@many
@given(seeds)
def test_lost_repeated_and_reordered_looks_end_in_the_truth(seed: int) -> None:
    chance = Random(seed)
    looks = History(chance).looks
    known, _ = told_along(delivered(looks, chance))
    assert known[-1] == looks[-1]


@many
@given(seeds)
def test_no_event_is_told_twice(seed: int) -> None:
    chance = Random(seed)
    _, told = told_along(delivered(History(chance).looks, chance))
    twice = [name for name, count in Counter(map(identity, told)).items() if count > 1]
    assert not twice


@many
@given(seeds)
def test_a_finished_attempt_is_never_revived(seed: int) -> None:
    chance = Random(seed)
    known, _ = told_along(delivered(History(chance).looks, chance))
    for before, after in pairwise(known):
        assert after.attempt >= before.attempt
        if before.status.finished and after.attempt == before.attempt:
            assert after.status is before.status
        for old in before.stages:
            new = after.stage(old.name)
            assert new is not None
            assert new.attempt >= old.attempt
            if old.status.finished and new.attempt == old.attempt:
                assert new.status is old.status


@many
@given(seeds)
def test_it_does_not_matter_which_of_two_looks_comes_first(seed: int) -> None:
    chance = Random(seed)
    looks = History(chance).looks
    one, other = chance.choice(looks), chance.choice(looks)
    assert merge(one, other) == merge(other, one)
    assert merge(one, one) == one
    assert changes(one, merge(one, one)) == ()


@many
@given(seeds)
def test_a_history_without_gaps_is_told_completely_and_in_order(seed: int) -> None:
    looks = History(Random(seed)).looks
    _, told = told_along(looks)
    began = {(s.name, s.attempt) for look in looks for s in look.stages if s.status is Status.RUNNING}
    ended = {(s.name, s.attempt): s.status for look in looks for s in look.stages if s.status.finished}
    tokens = {a.gate.token for look in looks for s in look.stages for a in s.actions if a.gate}
    assert {(e.stage, e.attempt) for e in told if isinstance(e, StageStarted)} == began
    assert {(e.stage, e.attempt): e.status for e in told if isinstance(e, StageFinished)} == ended
    assert {e.token for e in told if isinstance(e, GateOpened)} == tokens
    places = {identity(event): place for place, event in enumerate(told)}
    for event in told:
        if isinstance(event, StageFinished) and event.status is not Status.SKIPPED:
            assert places["stage_started", event.stage, event.attempt] < places[identity(event)]
        if isinstance(event, GateDecided):
            assert places["gate_opened", event.token] < places[identity(event)]


@many
@given(seeds)
def test_an_action_carried_over_by_a_retry_is_not_told_again(seed: int) -> None:
    _, told = told_along(History(Random(seed)).looks)
    ends = Counter((e.stage, e.action, e.status, e.seconds, e.detail) for e in told if isinstance(e, ActionFinished))
    runs = Counter(
        (stage.name, action.name, action.started)
        for stage, action in {
            (s.name, a.name, a.started): (s, a)
            for look in History(Random(seed)).looks
            for s in look.stages
            for a in s.actions
            if a.status.finished
        }.values()
    )
    assert sum(ends.values()) == len(runs)


@many
@given(seeds)
def test_a_release_ends_once_per_attempt_and_deploys_once_per_stage(seed: int) -> None:
    chance = Random(seed)
    looks = History(chance).looks
    stage = chance.choice([None, *(each.name for each in looks[0].stages)])
    environments = {each.name: f"env-{each.name}" for each in looks[0].stages if chance.random() < 0.7}
    now = BEGIN + timedelta(hours=1)
    current, told = release(stage), list[Event]()
    for look in delivered(looks, chance):
        before = current
        current, events = follow(before, look, environments=environments, now=now)
        told += events
        if events:
            assert current.version == before.version + 1
        else:
            assert current.version in {before.version, before.version + 1}
            assert (current == before) == (current.version == before.version)
        assert follow(current, look, environments=environments, now=now) == (current, ())
        assert current.active != current.status.finished
        assert (current.finished is not None) == current.status.finished
    assert current.status is outcome(as_it_came_out(looks[-1]), stage)[0]
    ends = [event for event in told if isinstance(event, ReleaseFinished)]
    assert len({event.attempt for event in ends}) == len(ends)
    assert [event.attempt for event in ends] == sorted(event.attempt for event in ends)
    going = [event for event in told if isinstance(event, (ReleaseFinished, ReleaseRevived))]
    for first, second in pairwise(going):
        assert not (isinstance(first, ReleaseRevived) and isinstance(second, ReleaseRevived))
    if current.status.finished:
        assert ends
        assert ends[-1].status is current.status
    deployed = Counter(event.environment for event in told if isinstance(event, Deployed))
    well = Counter(
        environments[e.stage]
        for e in told
        if isinstance(e, StageFinished) and e.status is Status.SUCCEEDED and e.stage in environments
    )
    if stage is None and current.status is Status.SUCCEEDED:
        well["everywhere"] += 1
    assert deployed == well
    assert not deployed or max(deployed.values()) == 1


def look(*stages: Stage, status: Status = Status.RUNNING, second: int = 0) -> Run:
    return Run(id="r1", pipeline="shop", status=status, stages=stages, seen=BEGIN + timedelta(seconds=second))


def test_looks_at_two_runs_are_not_mixed_up() -> None:
    one = look()
    with pytest.raises(ValueError, match="two runs"):
        merge(one, one.model_copy(update={"id": "r2"}))


def test_a_later_stages_retry_does_not_end_a_release_that_was_done_before_it() -> None:
    staging = Stage(name="Staging", status=Status.SUCCEEDED)
    broken = look(staging, Stage(name="Production", status=Status.FAILED), status=Status.FAILED)
    current, first = follow(release("Staging"), broken, environments={}, now=BEGIN)
    assert [e.kind for e in first if isinstance(e, ReleaseFinished)] == ["release_finished"]
    again = look(staging, Stage(name="Production", attempt=2, status=Status.RUNNING), second=1)
    current, second = follow(current, again, environments={}, now=BEGIN)
    assert second == ()
    assert current.status is Status.SUCCEEDED


def test_a_run_that_was_superseded_in_the_queue_never_started() -> None:
    queued = look(status=Status.QUEUED)
    gone = look(status=Status.SUPERSEDED, second=1)
    assert changes(queued, merge(queued, gone)) == ()


def test_a_skipped_stage_ends_without_having_started() -> None:
    queued = look(Stage(name="Load test"))
    skipped = merge(queued, look(Stage(name="Load test", status=Status.SKIPPED), second=1))
    assert [event.kind for event in changes(queued, skipped)] == ["stage_finished"]


def test_the_end_of_a_release_is_when_it_last_ended() -> None:
    failed = look(Stage(name="Prod", status=Status.FAILED), status=Status.FAILED)
    well = look(Stage(name="Prod", attempt=2, status=Status.SUCCEEDED), status=Status.SUCCEEDED, second=9)
    current, _ = follow(release("Prod"), failed, environments={}, now=BEGIN)
    later = BEGIN + timedelta(minutes=5)
    current, _ = follow(current, well, environments={}, now=later)
    assert current.finished == later


def test_a_look_from_before_a_retry_that_was_asked_for_ends_nothing() -> None:
    failed = look(Stage(name="Prod", status=Status.FAILED), status=Status.FAILED)
    current, _ = follow(release("Prod"), failed, environments={}, now=BEGIN)
    retried = current.model_copy(update={"min_attempt": 2, "status": Status.RUNNING, "active": True, "finished": None})
    current, told = follow(retried, failed, environments={}, now=BEGIN)
    assert told == ()
    assert current.status is Status.RUNNING
