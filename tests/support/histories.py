"""Makes up true histories of runs: every state that a run goes through, one look after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from bot.core.model import Action, ActionKind, Decision, Gate, Rollout, Run, Stage, Status

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


class Ended(Exception):
    """The run was stopped or superseded."""


class History:
    """Plays one run by chance and looks at it after every step."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.looks: list[Run] = []
        self.tokens = 0
        self.run = Run(
            id="r1",
            pipeline="shop",
            seen=BEGIN,
            stages=tuple(
                Stage(name=f"S{number}", actions=tuple(self.planned())) for number in range(chance.randint(1, 4))
            ),
        )
        self.stoppable = chance.random() < 0.3
        self.play()

    def planned(self) -> list[Action]:
        kinds = [ActionKind.BUILD, ActionKind.BUILD, ActionKind.DEPLOY, ActionKind.APPROVAL]
        orders = sorted(self.chance.choices([1, 2], k=self.chance.randint(1, 3)))
        return [Action(name=f"a{i}", kind=self.chance.choice(kinds), order=order) for i, order in enumerate(orders)]

    @property
    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=len(self.looks) + 1)

    def look(self) -> None:
        self.run = self.run.model_copy(update={"seen": self.now})
        self.looks.append(self.run)

    def change_run(self, **update: object) -> None:
        self.run = self.run.model_copy(update=update)

    def stage(self, name: str) -> Stage:
        found = self.run.stage(name)
        assert found is not None
        return found

    def change_stage(self, name: str, **update: object) -> None:
        stages = tuple(each.model_copy(update=update) if each.name == name else each for each in self.run.stages)
        self.change_run(stages=stages)

    def change_action(self, name: str, action: str, **update: object) -> None:
        """Change an action, and with it whether its stage and the run wait for somebody."""
        actions = tuple(
            each.model_copy(update=update) if each.name == action else each for each in self.stage(name).actions
        )
        waits = Status.WAITING if any(each.status is Status.WAITING for each in actions) else Status.RUNNING
        stopping = self.stage(name).status is Status.STOPPING
        self.change_stage(name, actions=actions, status=Status.STOPPING if stopping else waits)
        self.change_run(status=Status.STOPPING if stopping else waits)

    def play(self) -> None:
        self.look()
        if self.chance.random() < 0.1:
            self.change_run(status=self.chance.choice([Status.SUPERSEDED, Status.STOPPED]), finished=self.now)
            self.look()
            return
        self.change_run(status=Status.RUNNING, started=self.now)
        self.look()
        try:
            self.play_stages()
        except Ended:
            self.look()
            return
        self.change_run(status=Status.SUCCEEDED, finished=self.now, detail="")
        self.look()

    def play_stages(self) -> None:
        for name in [stage.name for stage in self.run.stages]:
            if self.chance.random() < 0.05:
                self.change_run(status=Status.SUPERSEDED, finished=self.now)
                raise Ended
            if self.chance.random() < 0.05:
                self.change_stage(name, status=Status.SKIPPED)
                self.look()
                continue
            while not self.play_stage(name):
                if self.chance.random() < 0.4:
                    raise Ended
                self.retry(name)

    def play_stage(self, name: str) -> bool:
        self.change_stage(name, status=Status.RUNNING, started=self.now, finished=None, detail="")
        self.change_run(status=Status.RUNNING)
        self.look()
        for order in sorted({action.order for action in self.stage(name).actions}):
            group = [
                action.name
                for action in self.stage(name).actions
                if action.order == order and action.status is not Status.SUCCEEDED
            ]
            busy = list(group)
            while busy:
                action = self.chance.choice(busy)
                if self.step(name, action):
                    busy.remove(action)
                self.look()
                if self.stoppable and self.chance.random() < 0.05:
                    self.stop(name)
                    raise Ended
            bad = [each for each in self.stage(name).actions if each.status in {Status.FAILED, Status.UNKNOWN}]
            if bad:
                self.change_stage(name, status=bad[0].status, finished=self.now, detail=f"{bad[0].name} went wrong")
                self.change_run(status=bad[0].status, finished=self.now, detail=f"{bad[0].name} went wrong")
                self.look()
                return False
        self.change_stage(name, status=Status.SUCCEEDED, finished=self.now)
        self.look()
        return True

    def step(self, stage: str, name: str) -> bool:
        """Bring an action one step further; tell whether that was its last."""
        action = next(each for each in self.stage(stage).actions if each.name == name)
        if action.status is Status.QUEUED:
            self.change_action(stage, name, status=Status.RUNNING, started=self.now)
            return False
        if action.kind is ActionKind.APPROVAL and action.gate is None:
            self.tokens += 1
            self.change_action(stage, name, status=Status.WAITING, gate=Gate(token=f"t{self.tokens}"))
            return False
        if action.kind is ActionKind.APPROVAL and action.gate:
            if action.gate.decision is None:
                decision = Decision(approved=self.chance.random() < 0.8, by="ana", at=self.now)
                action = action.model_copy(update={"gate": action.gate.model_copy(update={"decision": decision})})
                if self.chance.random() < 0.3:
                    self.change_action(stage, name, gate=action.gate)
                    return False
            assert action.gate and action.gate.decision
            status = Status.SUCCEEDED if action.gate.decision.approved else Status.FAILED
            self.change_action(stage, name, status=status, finished=self.now, gate=action.gate)
            return True
        if self.chance.random() < 0.4:
            done = (action.rollout.done if action.rollout else 0) + 1
            self.change_action(stage, name, rollout=Rollout(done=done, total=9), detail=f"step {done}")
            return False
        status = self.chance.choices([Status.SUCCEEDED, Status.FAILED, Status.UNKNOWN], [8, 2, 1])[0]
        self.change_action(stage, name, status=status, finished=self.now, detail=status.value)
        return True

    def stop(self, name: str) -> None:
        self.change_stage(name, status=Status.STOPPING)
        self.change_run(status=Status.STOPPING)
        self.look()
        for action in self.stage(name).actions:
            if action.status is not Status.QUEUED and not action.status.finished:
                done = Status.SUCCEEDED if self.chance.random() < 0.5 else Status.STOPPED
                self.change_action(name, action.name, status=done, finished=self.now)
                self.look()
        self.change_stage(name, status=Status.STOPPED, finished=self.now, detail="stopped")
        self.change_run(status=Status.STOPPED, finished=self.now, detail="stopped")

    def retry(self, name: str) -> None:
        again_all = self.chance.random() < 0.5
        stage = self.stage(name)
        actions = tuple(
            Action(name=action.name, kind=action.kind, order=action.order)
            if again_all or action.status is not Status.SUCCEEDED
            else action
            for action in stage.actions
        )
        queued = self.chance.random() < 0.5
        self.change_stage(
            name,
            attempt=stage.attempt + 1,
            actions=actions,
            status=Status.QUEUED if queued else Status.RUNNING,
            started=None if queued else self.now,
            finished=None,
            detail="",
        )
        self.change_run(status=Status.QUEUED if queued else Status.RUNNING, finished=None, detail="")
        self.look()


def delivered(looks: list[Run], chance: Random) -> list[Run]:
    """Lose, repeat and reorder looks; the last one arrives at least once, at any place."""
    kept = [look for look in looks[:-1] if chance.random() < 0.7]
    kept += [chance.choice(looks) for _ in range(chance.randint(0, 5))]
    kept.append(looks[-1])
    how = chance.random()
    if how < 0.3:
        kept.sort(key=lambda look: look.seen)
    elif how < 0.6:  # late by a few places, as it happens
        places = {id(look): index + chance.uniform(0, 4) for index, look in enumerate(looks)}
        kept.sort(key=lambda look: places[id(look)])
    else:
        chance.shuffle(kept)
    return kept
