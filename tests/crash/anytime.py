"""Releases with every kind of action, and kills at moments that nobody chose: a journey without stations."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from bot.core.model import Release, Status
from tests.crash.journey import Journey, Kill
from tests.support.every_kind import CONTENT, EFFECTS, Objects
from tests.support.programs import PATIENCE, Programs


class Anytime(Journey):
    """Kills whenever it is time, whatever happens just then; `strike` kills, and starts again what was killed."""

    effects_of_a_release = EFFECTS

    def __init__(
        self, programs: Programs, seed: int, objects: Objects, strike: Callable[[], str] | None = None
    ) -> None:
        super().__init__(programs, seed)
        self._objects = objects
        self._strike = strike or self._kill_server
        self.seen: Counter[str] = Counter()
        """What was under way at the kills: a stage, the gate, or the end."""

    def go(self, kills: int, a_round: int = 3) -> None:
        """Release until so many kills were done, at most so many while one pair of releases is under way."""
        while len(self.kills) < kills:
            self.number += 1
            self._round_of(min(a_round, kills - len(self.kills)))

    def told(self) -> str:
        """Say what was done."""
        written = sum(len(self._objects.shipped(name)) for name in self.programs.services.names)
        again = written - len(self.releases)
        under_way = ", ".join(f"{count} x {what}" for what, count in self.seen.most_common())
        return f"{super().told()}\n  under way: {under_way}; uploads repeated: {again}"

    def _round_of(self, kills: int) -> None:
        asked = [self._ask(name, last=False) for name in self.programs.services.names]
        due = time.monotonic() + self.chance.uniform(0, 4)
        since = time.monotonic()
        now = self._now(asked)
        while len(now) < len(asked) or any(one.active for one in now):
            assert time.monotonic() - since < 3 * PATIENCE, f"they do not end: {now}"
            if kills and time.monotonic() >= due:
                moments = [_moment(one) for one in now]
                self.kills.append(Kill(self.number, f"{self._strike()} killed in {' and '.join(moments)}", 0))
                self.seen.update(moments)
                kills -= 1
                since = time.monotonic()
                due = since + self.chance.uniform(0, 4)
            for release in now:
                self._press(release)
            time.sleep(0.05)
            now = self._now(asked)
        self.releases += [self._finish(one) for one in asked]

    def _press(self, release: Release) -> None:
        """Approve as soon as there is a button; whoever gets an error tries again."""
        if release.run and release.run.open_gate and not release.approvals:
            card = self.programs.card(release, "sayso.approve")
            if card:
                self.programs.click(card, "sayso.approve", "ben")

    def _kill_server(self) -> str:
        self.programs.kill_server()
        self.programs.start_server()
        return "the server"

    def check(self) -> None:
        """Check what a journey checks, and what lies in S3."""
        super().check()
        for name in self.programs.services.names:
            shipped = self._objects.shipped(name)
            releases = [one for one in self.releases if one.service == name]
            assert len(shipped) >= len(releases)
            assert set(shipped) == {CONTENT}


def _moment(release: Release) -> str:
    if not release.active:
        return "the end"
    if release.run is None:
        return "the start"
    if release.run.open_gate:
        return "the gate"
    running = [stage.name for stage in release.run.stages if stage.status is Status.RUNNING]
    return running[0] if running else "between stages"
