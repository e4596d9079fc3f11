"""The deliverer brings messages up to date against a real playground: once, in order, whatever goes wrong."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.catalogue import Notify
from bot.core.events import (
    ActionFinished,
    Event,
    GateOpened,
    ReleaseFinished,
    RunStarted,
    StageFinished,
    StopRequested,
)
from bot.core.model import ReleaseKind, Status
from bot.deliver.telling import Telling
from bot.slack.cards.renderer import SlackRenderer
from bot.slack.content import SlackContent
from bot.slack.sender import LIMITS
from bot.store import messages
from bot.store.database import Database
from tests.support import release_looks as looks
from tests.support.office import CARDS, CLOSED, OTHER, Office, now, open_office, workspace
from tests.support.waiting import until

FINISHED = ReleaseFinished(status=Status.SUCCEEDED, attempt=1, seconds=185)
FAILED = ReleaseFinished(status=Status.FAILED, attempt=1, detail="Build failed: 2 tests failed", seconds=65)
UNIT_FAILED = ActionFinished(stage="Build", attempt=1, action="Unit", status=Status.FAILED, detail="2 tests failed")


async def shows(office: Office, words: str) -> list[dict[str, Any]]:
    return await until(office.top, lambda found: found and words in found[-1]["text"])


async def test_a_card_is_posted_edited_in_place_and_ends_up_true(each_office: Office) -> None:
    office = each_office
    release = await office.ask()
    async with office.delivering():
        await shows(office, "Asked for")
        release = await office.change(release, look=looks.building())
        await shows(office, "Running")
        await office.change(release, look=looks.shipped())
        found = await shows(office, "Done")
        await office.quiet()
    assert len(found) == 1
    assert not found[0].get("edited"), "Slack marks only text as edited"


async def test_a_hundred_quick_changes_are_a_few_edits_and_the_last_state_wins(office: Office) -> None:
    release = await office.ask()
    async with office.delivering():
        await shows(office, "Asked for")
        began = time.monotonic()
        for count in range(100):
            release = await office.change(release, look=looks.building(), reason=f"change {count}")
            if count % 10 == 0:
                await asyncio.sleep(0.01)
        await office.change(release, look=looks.shipped())
        await shows(office, "Done")
        await office.quiet()
    allowed = (time.monotonic() - began) / LIMITS.edit_interval
    assert len(await office.calls("chat.update")) < 5 + allowed
    assert len(await office.top()) == 1


async def test_versions_that_look_alike_are_not_worth_a_call(office: Office) -> None:
    release = await office.ask()
    async with office.delivering():
        release = await office.change(release, look=looks.building())
        await shows(office, "Running")
        await office.quiet()
        edits = len(await office.calls("chat.update"))
        for _ in range(5):
            release = await office.change(release)
        await office.quiet()
    assert len(await office.calls("chat.update")) == edits
    assert (await office.rows(release))[0].delivered == release.version


@pytest.mark.parametrize("fault", ["lost", "500", "503", "reset", "429:1", "error:fatal_error"])
async def test_a_first_post_that_goes_wrong_leaves_one_card(office: Office, fault: str) -> None:
    await office.fault("chat.postMessage", fault)
    release = await office.ask()
    async with office.delivering():
        await office.change(release, look=looks.shipped())
        await shows(office, "Done")
        await office.settled(release)
    assert len(await office.top()) == 1


@pytest.mark.parametrize("fault", ["lost", "500", "reset", "429:1"])
async def test_an_edit_that_goes_wrong_is_made_again(office: Office, fault: str) -> None:
    release = await office.ask()
    async with office.delivering():
        await shows(office, "Asked for")
        await office.fault("chat.update", fault, times=2)
        await office.change(release, look=looks.shipped())
        await shows(office, "Done")
        await office.quiet()


async def test_a_note_whose_answer_is_lost_is_not_posted_twice(office: Office) -> None:
    release = await office.ask()
    async with office.delivering():
        await shows(office, "Asked for")
        await office.fault("chat.postMessage", "lost")
        release = await office.change(release, StopRequested(by="ben", reason="wrong <commit>"), stopped_by="ben")
        await until(office.below, bool)
        await office.settled(release)
    assert [note["text"] for note in await office.below()] == ["🛑 Ben asked to stop it: wrong &lt;commit&gt;"]


async def test_a_crash_between_the_post_and_its_record_makes_no_second_card(each_office: Office) -> None:
    office = each_office
    release = await office.ask()
    row = (await office.rows(release))[0]
    async with office.database.write() as c:
        await messages.begin_post(c, row.id, now())
    await office.messenger.post(CARDS, SlackContent("Posted, then the machine went down"), message_id=row.id)
    async with office.delivering():
        await shows(office, "Asked for")
        await office.quiet()
    assert len(await office.top()) == 1


async def test_a_crash_before_the_post_posts_after_looking(office: Office) -> None:
    release = await office.ask()
    row = (await office.rows(release))[0]
    async with office.database.write() as c:
        await messages.begin_post(c, row.id, now() - timedelta(seconds=10))
    async with office.delivering():
        await shows(office, "Asked for")
        await office.quiet()
    assert len(await office.calls("conversations.history")) == 1
    assert len(await office.top()) == 1


class SlowToAnswer(Database):
    """Gives what it read now and then only after a while, when it may no longer be so."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.pauses = itertools.cycle([1.0, 0.0, 0.0])

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with super().read() as c:
            yield c
        await asyncio.sleep(next(self.pauses))


async def test_a_look_at_the_outbox_that_is_out_of_date_posts_nothing_twice(each_office: Office) -> None:
    office = each_office
    office.database = SlowToAnswer(office.database.engine)
    async with office.delivering():
        for count in range(6):
            release = await office.ask(card=(CARDS, OTHER)[count % 2], told=False)
            for _ in range(20):
                office.signal.fire(release.id)
                await asyncio.sleep(0.02)
        await office.settled(release)
    assert len(await office.calls("chat.postMessage")) == 6
    assert await office.calls("conversations.history") == []


async def test_restarts_in_the_middle_lose_nothing_and_repeat_nothing(each_office: Office) -> None:
    office = each_office
    release = await office.ask()
    happened: list[Event] = [StageFinished(stage=f"S{n}", attempt=1, status=Status.SUCCEEDED) for n in range(6)]
    for count, event in enumerate(happened):
        async with office.delivering():
            await asyncio.sleep(0.03 * count)
            release = await office.change(release, event, look=looks.building(), reason=f"change {count}")
    release = await office.change(release, FINISHED, look=looks.shipped())
    async with office.delivering():
        await shows(office, "Done")
        await office.settled(release)
    assert len(await office.top()) == 1
    notes = [note["text"] for note in await office.below()]
    assert notes == [*(f"✅ *S{n}* is done" for n in range(6)), "✅ Done · 3m 05s"]


async def test_a_rate_limit_on_edits_does_not_hold_up_posts(office: Office) -> None:
    first = await office.ask()
    async with office.delivering():
        await shows(office, "Asked for")
        await office.fault("chat.update", "429:3600")
        await office.change(first, look=looks.building())
        await until(lambda: office.calls("chat.update"), bool)
        await office.ask(environment="prod300")
        await until(office.top, lambda found: len(found) == 2)
    assert len(await office.calls("chat.update")) == 1, "it waits as long as it was told"


async def test_a_row_that_can_not_be_delivered_does_not_hold_up_the_others(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    closed = await office.ask(card=CLOSED)
    opened = await office.ask()
    async with office.delivering():
        await shows(office, "Asked for")
        await office.change(closed, FINISHED, look=looks.shipped())
        await office.change(opened, look=looks.shipped())
        await shows(office, "Done")
        rows = await office.settled(closed)
    assert rows[0].dead == f"Sayso is not in the channel {CLOSED}: invite it there with /invite."
    assert all(row.dead for row in rows), "its notes have no place either"
    assert [entry.levelname for entry in caplog.records].count("ERROR") == 1, "said once"
    assert len(await office.calls("chat.postMessage")) == 2


class Stumbling(SlackRenderer):
    """Can't draw rollbacks."""

    def render(self, telling: Telling) -> SlackContent | None:
        if telling.release.kind is ReleaseKind.ROLLBACK:
            raise ZeroDivisionError
        return super().render(telling)


async def test_a_card_that_can_not_be_drawn_does_not_hold_up_the_others(office: Office) -> None:
    office.renderer = Stumbling(office.catalogue)
    broken = await office.ask(kind=ReleaseKind.ROLLBACK)
    async with office.delivering():
        await until(lambda: office.rows(broken), lambda rows: rows[0].tries >= 2)
        await office.ask()
        await shows(office, "Asked for")
    row = (await office.rows(broken))[0]
    assert row.not_before is not None, "it waits, and longer each time"
    assert row.dead is None


async def test_a_deleted_card_is_given_up(office: Office) -> None:
    release = await office.ask()
    async with office.delivering():
        card = (await shows(office, "Asked for"))[0]
        await office.place.client().chat_delete(channel=CARDS, ts=card["ts"])
        release = await office.change(release, look=looks.shipped())
        await until(lambda: office.rows(release), lambda rows: rows[0].dead == f"The message in {CARDS} was deleted.")
    assert await office.top() == []


async def test_a_workspace_without_plan_blocks_gets_sections_from_then_on(database: Database) -> None:
    with workspace(refuse_plan_blocks=True) as place:
        async with open_office(database, place) as office:
            first = await office.ask()
            second = await office.ask()
            async with office.delivering():
                await until(office.top, lambda found: len(found) == 2)
                await office.change(first, look=looks.building())
                await until(office.top, lambda found: any("Running" in each["text"] for each in found))
                await office.change(second, look=looks.building())
                await until(office.top, lambda found: all("Running" in each["text"] for each in found))
            refused = [call for call in await office.calls("chat.update") if call["error"] == "invalid_blocks"]
            assert len(refused) == 1
            assert all(block["type"] != "plan" for card in await office.top() for block in card["blocks"])


async def test_content_that_is_refused_in_any_look_skips_a_version_and_no_more(office: Office) -> None:
    release = await office.ask()
    async with office.delivering():
        await shows(office, "Asked for")
        await office.fault("chat.update", "error:invalid_blocks", times=3)
        release = await office.change(release, look=looks.building())
        await office.quiet()
        assert len(await office.calls("chat.update")) == 3, "no busy loop"
        await office.change(release, look=looks.shipped())
        await shows(office, "Done")


async def test_a_failure_is_told_below_the_card_with_the_whole_log_and_to_the_requester(each_office: Office) -> None:
    office = each_office
    office.logs["log-1"] = "\n".join(f"line {n}" for n in range(500))
    release = await office.ask()
    async with office.delivering():
        release = await office.change(release, UNIT_FAILED, FAILED, look=looks.failing())
        await until(office.below, lambda found: len(found) == 3)
        await office.settled(release)
    told, file, outcome = sorted(await office.below(), key=lambda note: ("files" in note, note["ts"]))[:3]
    texts = [note["text"] for note in await office.below()]
    assert "❌ *Build* / *Unit* failed: 2 tests failed" in texts
    assert "❌ Failed · 1m 05s: Build failed: 2 tests failed" in texts
    files = [one for note in (told, file, outcome) for one in note.get("files", [])]
    assert [one["size"] for one in files] == [len(office.logs["log-1"])]
    assert files[0]["name"].startswith(f"shop-{release.number}-Build-Unit-")
    direct = [row for row in await office.rows(release) if row.purpose == "direct"]
    assert [row.destination for row in direct] == ["person:ana"]
    written = (await office.standing(direct[0].channel or ""))[0]["text"]
    assert written.startswith(f"❌ Your release *shop #{release.number}* to *{release.environment}*: failed")
    assert "/archives/C0RELEASES/p" in written


async def test_a_log_that_the_note_shows_whole_is_no_file(office: Office) -> None:
    office.logs["log-1"] = "collected 44 items\nE   AssertionError: 1.24 != 1.25\n2 failed, 41 passed"
    release = await office.ask()
    async with office.delivering():
        release = await office.change(release, UNIT_FAILED, look=looks.failing())
        await until(office.below, bool)
        await office.settled(release)
    assert [note for note in await office.below() if note.get("files")] == []


async def test_a_file_whose_answer_is_lost_is_not_shared_twice(office: Office) -> None:
    office.logs["log-1"] = "line\n" * 100
    await office.fault("files.completeUploadExternal", "lost")
    release = await office.ask()
    async with office.delivering():
        release = await office.change(release, UNIT_FAILED, look=looks.failing())
        await until(office.below, lambda found: any(note.get("files") for note in found))
        await office.settled(release)
    assert len([note for note in await office.below() if note.get("files")]) == 1


async def test_other_channels_hear_what_they_asked_for(database: Database) -> None:
    notify = [
        Notify(channel="other", events=frozenset({"started", "failed"})),
        Notify(channel="closed", environments=frozenset({"staging"}), events=frozenset({"requested"})),
        Notify(channel="releases", events=frozenset({"started"})),
    ]
    with workspace() as place:
        async with open_office(database, place, *notify) as office:
            release = await office.ask()
            async with office.delivering():
                started = RunStarted(run_id="run-1", revision=looks.COMMIT)
                release = await office.change(release, started, look=looks.building())
                release = await office.change(release, FAILED, look=looks.failing())
                await until(lambda: office.top(OTHER), lambda found: len(found) == 2)
                rows = await office.settled(release)
            told = [each["text"] for each in await office.top(OTHER)]
            assert told[0].startswith(f"🔄 *shop* `3f2a1c9d` → *{release.environment}* has started (Ana) · <http")
            assert told[1].startswith(f"❌ *shop* `3f2a1c9d` → *{release.environment}*: failed · 1m 05s (Ana): Build")
            notices = {row.destination for row in rows if row.purpose == "notice"}
            assert notices == {OTHER}, "not the card's own channel, not another environment's"


async def test_nobody_is_called_to_a_gate_that_was_answered_meanwhile(each_office: Office) -> None:
    office = each_office
    opened = GateOpened(stage="Approval", action="Approve", token="gate-1")
    first = await office.change(await office.ask(), opened, look=looks.waiting())
    second = await office.change(await office.ask(), opened, look=looks.waiting())
    await office.change(second, FINISHED, look=looks.shipped())
    async with office.delivering():
        await until(office.below, lambda found: len(found) == 2)
        await office.settled(first)
        rows = await office.settled(second)
    assert {row.purpose: row.dead for row in rows if row.event_position and row.dead} == {
        "thread": "what it tells is no longer so",
        "direct": "what it tells is no longer so",
    }
    texts = [note["text"] for note in await office.below()]
    assert sorted(text[:1] for text in texts) == ["⏳", "✅"]


async def test_a_deliverer_that_starts_with_the_slack_token_wrong_waits_for_a_better_one(office: Office) -> None:
    await office.fault("*", "error:invalid_auth", times=2)
    await office.ask()
    async with office.delivering():
        await shows(office, "Asked for")


async def test_final_states_of_many_releases_all_arrive_within_the_rates(office: Office) -> None:
    asked = [await office.ask(told=False) for _ in range(12)]
    async with office.delivering():
        for release in asked:
            running = await office.change(release, look=looks.building())
            await office.change(running, look=looks.shipped())
        await until(office.top, lambda found: len(found) == 12 and all("Done" in each["text"] for each in found))
    assert [call for call in await office.calls("chat.update") if call["status"] == 429] == []
    assert [call for call in await office.calls("chat.postMessage") if call["status"] == 429] == []


async def test_a_release_without_a_card_needs_no_slack(office: Office) -> None:
    release = await office.ask(card=None)
    async with office.delivering():
        await office.change(release, RunStarted(run_id="run-1"), look=looks.building())
        await office.settled(release)
    assert await office.rows(release) == []
