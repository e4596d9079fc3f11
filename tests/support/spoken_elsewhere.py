"""What happens in a scenario while nobody speaks: Slack, pipelines, time; and what has come of it all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bot.core.commands import Accepted, Verb
from bot.core.errors import BackendUnavailable, SaysoError
from bot.core.memos import Question
from bot.core.model import FailedTest, Release, Status, TestReport
from bot.store import plans, releases
from integrations.local.states import State
from tests.support.spoken_catalogue import voice_of
from tests.support.voice_world import Room

TESTS = {"passed": (3, 0), "failed": (2, 1)}
"""How many passed and failed."""


@dataclass
class Elsewhere:
    """Everything but the device. Each step of the file is a method; a value of the file is what it is given."""

    room: Room
    known: dict[str, str] = field(default_factory=dict)
    """What was heard where a sentence has `{code}` or `{tap}`, and what was kept."""

    async def step_types(self, how: str | dict[str, str]) -> None:
        """Type the code that was said in Slack."""
        typed = {"by": how} if isinstance(how, str) else how
        async with _refused(typed.get("refused")):
            await self.room.type(typed["by"], Verb.PAIR, self.known["code"])

    async def step_at_gate(self, who: str) -> None:
        """Take a release of the shop to where it waits for production."""
        await self.room.world.at_gate(who)

    async def step_ships(self, how: dict[str, str]) -> None:
        """Take a release of the shop to its end."""
        await self.room.world.ship(how.pop("by"), how.pop("environment"), **how)

    async def step_slack_unpair(self, who: str) -> None:
        await self.room.type(who, Verb.UNPAIR)

    async def step_slack(self, said: dict[str, Any]) -> None:
        """Ask for something in Slack."""
        await self.room.world.do(said.pop("by"), said.pop("verb"), **said)

    async def step_taps(self, how: dict[str, Any]) -> None:
        """Press the number that was said, or another one."""
        asked = (await self.questions())[-1]
        async with self.room.world.database.read() as c:
            stored = await plans.get(c, asked.plan)
        assert stored
        said = int(self.known["tap"])
        number = said if how["number"] == "said" else next(each for each in asked.choices if each != said)
        async with _refused(how.get("refused")):
            assert isinstance(await self.room.tap(how["by"], stored.plan, number), Accepted)

    async def step_later(self, seconds: float) -> None:
        self.room.later += timedelta(seconds=seconds)

    async def step_ends(self, done: dict[str, Any]) -> None:
        """Let an action of a release end; `tests` are what it reports."""
        release = await self.release(done["release"])
        stage, action = done["at"].split(".")
        begun = {Status.RUNNING, Status.STOPPING}
        seen = await self.room.world.when(
            release, lambda seen: seen.run and (found := seen.run.stage(stage)) and found.status in begun
        )
        run_id = seen.run_id
        assert run_id
        if tests := done.get("tests"):
            passed, failed = TESTS[tests]
            failures = (FailedTest(name="test_rounds_prices", message="1 != 2"),) * bool(failed)
            report = TestReport(passed=passed, failed=failed, failures=failures)
            self.room.world.backend.show(run_id, stage, action, tests=report)
        state = State(done["as"]) if "as" in done else State.SUCCEEDED if done.get("ok", True) else State.FAILED
        self.room.world.backend.end_as(run_id, stage, action, state)

    async def step_unreachable(self, label: str) -> None:
        """Let the backend fail until that is known of a release."""
        release = await self.release(label)
        self.room.world.backend.failing = [BackendUnavailable()] * 1000
        await self.room.world.when(release, lambda seen: seen.unreachable_since)

    async def step_status(self, expected: dict[str, str]) -> None:
        """Wait until a release has a status, or until one of its stages runs (`running Build`)."""
        for label, how in expected.items():
            status, _, stage = how.partition(" ")
            release = await self.release(label)
            if stage:
                await self.room.world.when_running(release, stage)
            else:
                await self.room.world.when_status(release, Status(status))

    async def release(self, label: str) -> Release:
        service, number = label.split(" ")
        async with self.room.world.database.read() as c:
            return await releases.by_number(c, service, int(number))

    async def step_releases(self, expected: list[str]) -> None:
        async with self.room.world.database.read() as c:
            found = await releases.recent(c, limit=20)
        every = [f"{each.service} {each.number} {each.environment} by {each.requested_by}" for each in found]
        assert sorted(every) == sorted(expected), every

    async def step_spoken(self, expected: list[str]) -> None:
        async with self.room.world.database.read() as c:
            found = await releases.recent(c, limit=20)
        events = [event for each in found for event in await self.room.spoken(each)]
        said = [f"{each.by} {each.verb}: {each.heard} ({each.confirmed})" for each in events]
        assert said == expected, said

    async def step_questions(self, expected: list[str]) -> None:
        """Compare what became of the questions in Slack; `open` waits."""
        assert [each.outcome or "open" for each in await self.questions()] == expected

    async def questions(self) -> list[Question]:
        return [memo for _, memo in await self.room.memos() if isinstance(memo, Question)]

    async def step_approved(self, expected: dict[str, list[str]]) -> None:
        for label, people in expected.items():
            assert [each.by for each in (await self.release(label)).approvals] == people

    async def step_paired(self, expected: list[str]) -> None:
        speakers = {who: await self.room.office.speaker(voice_of(who)) for who in ("ana", "ben", "chi", "nobody")}
        assert [who for who, each in speakers.items() if each.actor] == expected

    async def step_notified(self, expected: list[str]) -> None:
        speakers = {who: await self.room.office.speaker(voice_of(who)) for who in ("ana", "ben")}
        assert [who for who, each in speakers.items() if each.notify] == expected


@asynccontextmanager
async def _refused(sentence: str | None) -> AsyncIterator[None]:
    """Expect that somebody is told this; None: that they are told nothing."""
    if sentence is None:
        yield
        return
    with pytest.raises(SaysoError) as told:
        yield
    assert told.value.sentence == sentence
