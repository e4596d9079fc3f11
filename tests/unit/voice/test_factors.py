"""The second factor: the number that Alexa says and Slack offers, and Alexa's own PIN; each proves one plan, once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bot.core.commands import Accepted, Releases, Verb
from bot.core.errors import BackendUnavailable, Conflict, NotFound, Refused
from bot.core.memos import LockNotice, Outcome, Question
from bot.core.voice import Factor, PinResult, PinWanted, Plan, Tap, VoiceRule
from bot.signals import Signal
from bot.store.database import Database
from bot.store.tables import PLANS
from bot.voice import confirming
from bot.voice.expiring import Expiry
from bot.watcher.echo import Echo
from tests.support.voice_world import ANA, BEN, NOBODY, Room, declared, open_room, voice_of
from tests.support.waiting import until

ACHIEVED = PinResult(status="ACHIEVED")
NOT_MATCH = PinResult(status="NOT_ACHIEVED", reason="NOT_MATCH")
WITH_PIN = voice_of("ana", level=400)


async def question(room: Room, plan: Plan) -> Question:
    found = [memo for _, memo in await room.memos() if isinstance(memo, Question) and memo.plan == plan.id]
    assert len(found) == 1
    return found[0]


async def wrong_tap(room: Room) -> None:
    plan, tap = await room.asked_for_tap(ANA)
    other = next(each for each in (await question(room, plan)).choices if each != tap.number)
    await room.tap("ana", plan, other)


async def nothing_happened(room: Room) -> bool:
    answer = await room.world.do("ana", Verb.HISTORY)
    assert isinstance(answer, Releases)
    return answer.releases == ()


async def test_a_yes_is_answered_with_a_number_and_the_question_is_written_before_that(room: Room) -> None:
    plan, tap = await room.asked_for_tap(ANA)
    assert plan.factor is Factor.CHAT and 10 <= tap.number <= 99
    ((message, asked),) = await room.memos()
    assert message.destination == "person:ana" and message.urgent
    assert isinstance(asked, Question) and asked.outcome is None
    assert len(set(asked.choices)) == 3 and tap.number in asked.choices
    assert (asked.heard, asked.label, asked.environment) == ("deploy it", "shop", "prod")
    assert await nothing_happened(room)


async def test_the_right_number_carries_it_out_once(each_room: Room) -> None:
    room = each_room
    plan, tap = await room.asked_for_tap(ANA)
    answers = await asyncio.gather(*(room.tap("ana", plan, tap.number) for _ in range(3)))
    assert sorted(each.repeated for each in answers) == [False, True, True]
    (spoken,) = await room.spoken(answers[0].release)
    assert spoken.confirmed == "tap"
    asked = await question(room, plan)
    assert (asked.outcome, asked.became) == (Outcome.USED, answers[0].release.label)
    told = await room.confirm(ANA, plan)
    assert isinstance(told, Accepted) and told.repeated, "Alexa can tell that it is done"


async def test_a_yes_said_twice_is_answered_with_the_same_number_and_asks_once(room: Room) -> None:
    plan, tap = await room.asked_for_tap(ANA)
    assert await room.confirm(ANA, plan) == tap
    assert len(await room.memos()) == 1


async def test_a_wrong_number_ends_the_plan_also_for_the_right_one(room: Room) -> None:
    plan, tap = await room.asked_for_tap(ANA)
    other = next(each for each in (await question(room, plan)).choices if each != tap.number)
    with pytest.raises(Refused, match="not the number"):
        await room.tap("ana", plan, other)
    with pytest.raises(Conflict, match="answered wrong"):
        await room.tap("ana", plan, tap.number)
    with pytest.raises(Conflict, match="answered wrong"):
        await room.confirm(ANA, plan)
    assert (await question(room, plan)).outcome is Outcome.WRONG
    assert await nothing_happened(room)


async def test_the_right_and_a_wrong_number_at_the_same_moment_are_one_of_both(each_room: Room) -> None:
    room = each_room
    plan, tap = await room.asked_for_tap(ANA)
    other = next(each for each in (await question(room, plan)).choices if each != tap.number)
    taps = [room.tap("ana", plan, number) for number in (tap.number, other)]
    right, wrong = list[object](await asyncio.gather(*taps, return_exceptions=True))
    if isinstance(right, Accepted):
        assert isinstance(wrong, Accepted | Conflict) or "not the number" in str(wrong)
        assert (await question(room, plan)).outcome is Outcome.USED
    else:
        assert isinstance(right, Conflict) and isinstance(wrong, Refused)
        assert await nothing_happened(room)


async def test_nobody_else_may_press(room: Room) -> None:
    plan, tap = await room.asked_for_tap(ANA)
    for number in (tap.number, tap.number + 1):
        with pytest.raises(Refused, match="somebody else's"):
            await room.tap("ben", plan, number)
    assert isinstance(await room.tap("ana", plan, tap.number), Accepted)


async def test_a_number_that_was_not_offered_is_nothing(room: Room) -> None:
    plan, tap = await room.asked_for_tap(ANA)
    with pytest.raises(NotFound):
        await room.tap("ana", plan, 100)
    with pytest.raises(NotFound):
        await room.tap("ana", plan.model_copy(update={"id": "none"}), tap.number)
    assert isinstance(await room.tap("ana", plan, tap.number), Accepted)


async def test_a_plan_without_a_yes_has_no_number_to_press(room: Room) -> None:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="prod")
    for number in range(10, 100, 7):
        with pytest.raises(NotFound):
            await room.tap("ana", plan, number)


async def test_two_minutes_after_the_number_it_is_too_late(room: Room) -> None:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="prod")
    room.later = timedelta(seconds=100)
    tap = await room.confirm(ANA, plan)
    assert isinstance(tap, Tap)
    room.later = timedelta(seconds=190)
    assert await room.confirm(ANA, plan) == tap, "the two minutes begin with the number"
    room.later = timedelta(seconds=221)
    with pytest.raises(Conflict, match="too long"):
        await room.tap("ana", plan, tap.number)
    assert (await question(room, plan)).outcome is Outcome.EXPIRED
    assert await nothing_happened(room)


async def test_a_question_that_nobody_answers_expires_by_itself(room: Room) -> None:
    plan, _ = await room.asked_for_tap(ANA)
    await confirming.expire(room.parts)
    assert (await question(room, plan)).outcome is None
    room.later = timedelta(seconds=121)
    await confirming.expire(room.parts)
    assert (await question(room, plan)).outcome is Outcome.EXPIRED


async def test_another_server_hears_at_once_that_there_is_a_question_to_send(each_room: Room) -> None:
    room, changed = each_room, Signal()
    echo = Echo(room.world.database, asked=Signal(), changed=changed, every=60)
    await echo.look()
    await echo.look()
    with changed.listen() as ear:
        await room.asked_for_tap(ANA)
        await echo.look()
        assert await ear.wait(0) == {""}


async def test_what_is_long_over_is_dropped_but_never_a_message_that_was_not_sent(room: Room) -> None:
    await room.asked_for_tap(ANA)

    async def kept() -> int:
        async with room.parts.database.read() as c:
            return (await c.scalar(select(func.count()).select_from(PLANS))) or 0

    assert await kept() == 1
    room.later = timedelta(days=8)
    task = asyncio.create_task(Expiry(room.parts).run())
    await until(kept, lambda found: not found)
    task.cancel()
    assert await room.memos()


async def test_a_no_after_the_yes_calls_the_question_off(room: Room) -> None:
    plan, tap = await room.asked_for_tap(ANA)
    await room.office.drop(ANA, plan.id)
    assert (await question(room, plan)).outcome is Outcome.DROPPED
    with pytest.raises(Conflict, match="called off"):
        await room.tap("ana", plan, tap.number)


async def test_what_the_desk_refuses_at_the_tap_is_told_in_the_message(room: Room) -> None:
    plan, tap = await room.asked_for_tap(ANA)
    await room.world.deploy("ben", "prod")
    with pytest.raises(Conflict, match="on its way"):
        await room.tap("ana", plan, tap.number)
    asked = await question(room, plan)
    assert asked.outcome is Outcome.FAILED and "on its way" in asked.why


async def test_a_backend_that_does_not_answer_leaves_the_question_open(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = await room.world.ship("ben", "staging")
    plan, tap = await room.asked_for_tap(ANA)
    assert plan.release and plan.release.id == staged.id
    look = room.world.backend.observe

    async def silent(*_: object) -> object:
        raise BackendUnavailable

    monkeypatch.setattr(room.world.backend, "observe", silent)
    with pytest.raises(BackendUnavailable):
        await room.tap("ana", plan, tap.number)
    assert (await question(room, plan)).outcome is None
    monkeypatch.setattr(room.world.backend, "observe", look)
    assert isinstance(await room.tap("ana", plan, tap.number), Accepted)


async def test_a_restart_between_the_number_and_the_tap_changes_nothing(sqlite: Database) -> None:
    async with open_room(sqlite) as room:
        plan, tap = await room.asked_for_tap(ANA)
        await room.world.stop_watching()
        room.world.start_watching()
        room.random = random.Random(99)  # each use of `room.office` is a new office, as after a restart
        done = await room.tap("ana", plan, tap.number)
        assert isinstance(done, Accepted) and not done.repeated


async def test_five_wrong_numbers_in_a_row_lock_the_voice_and_everybody_hears_of_it(room: Room) -> None:
    for _ in range(4):
        with pytest.raises(Refused, match="not the number"):
            await wrong_tap(room)
    with pytest.raises(Refused, match="locked for 15 more minutes"):
        await wrong_tap(room)
    notices = [(message.destination, memo) for message, memo in await room.memos() if isinstance(memo, LockNotice)]
    assert [destination for destination, _ in notices] == ["person:ana", "C0RELEASES"]
    assert (await room.office.speaker(ANA)).locked_until
    for verb in (Verb.DEPLOY, Verb.STOP):
        with pytest.raises(Refused, match="locked"):
            await room.plan(ANA, verb, service="shop", environment="staging")
    assert isinstance(await room.plan(BEN, Verb.DEPLOY, service="shop", environment="staging"), Plan)
    await room.type("ana", Verb.UNPAIR)
    await room.pair(ANA, "ana")
    with pytest.raises(Refused, match="locked"):
        await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    room.later = timedelta(minutes=15, seconds=1)
    assert (await room.office.speaker(ANA)).locked_until is None
    assert isinstance(await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging"), Plan)


async def test_a_lock_calls_off_what_else_waits_for_a_tap(room: Room) -> None:
    second = voice_of("ana-at-work", account="office")
    await room.pair(second, "ana")
    other, tap = await room.asked_for_tap(second)
    for _ in range(5):
        with pytest.raises(Refused):
            await wrong_tap(room)
    assert (await question(room, other)).outcome is Outcome.DROPPED
    with pytest.raises(Conflict, match="called off"):
        await room.tap("ana", other, tap.number)


async def test_a_right_number_lets_the_count_begin_anew(room: Room) -> None:
    for _ in range(4):
        with pytest.raises(Refused, match="not the number"):
            await wrong_tap(room)
    plan, tap = await room.asked_for_tap(ANA)
    done = await room.tap("ana", plan, tap.number)
    await room.world.do("ben", Verb.STOP, release=done.release.id, abandon=True)
    await room.world.when(done.release, lambda seen: not seen.active)
    with pytest.raises(Refused, match="not the number"):
        await wrong_tap(room)


@pytest.fixture
async def pin_room(sqlite: Database) -> AsyncIterator[Room]:
    async with open_room(sqlite, declared(prod=VoiceRule.PIN)) as opened:
        yield opened


async def wanted_pin(room: Room) -> Plan:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="prod")
    wanted = await room.confirm(ANA, plan)
    assert isinstance(wanted, PinWanted) and wanted.level == 400
    return plan


async def test_a_pin_that_alexa_verified_carries_it_out_once(pin_room: Room) -> None:
    plan = await wanted_pin(pin_room)
    done = await pin_room.confirm(WITH_PIN, plan, pin=ACHIEVED)
    assert isinstance(done, Accepted)
    (spoken,) = await pin_room.spoken(done.release)
    assert spoken.confirmed == "pin"
    again = await pin_room.confirm(WITH_PIN, plan, pin=ACHIEVED)
    assert again.repeated and again.release.id == done.release.id


async def test_a_pin_counts_only_for_the_same_person_and_at_its_level(pin_room: Room) -> None:
    plan = await wanted_pin(pin_room)
    with pytest.raises(NotFound):
        await pin_room.confirm(voice_of("ben", level=400), plan, pin=ACHIEVED)
    with pytest.raises(Refused, match="did not confirm that it is you"):
        await pin_room.confirm(ANA, plan, pin=ACHIEVED)
    assert await nothing_happened(pin_room)


@pytest.mark.parametrize("reason", [None, "METHOD_LOCKOUT"])
async def test_only_a_pin_that_was_wrong_is_called_wrong(pin_room: Room, reason: str | None) -> None:
    plan = await wanted_pin(pin_room)
    with pytest.raises(Refused, match="did not confirm that it is you"):
        await pin_room.confirm(WITH_PIN, plan, pin=PinResult(status="NOT_ACHIEVED", reason=reason))
    assert await nothing_happened(pin_room)


async def test_a_whole_account_has_no_pin_so_it_is_told_before_it_is_asked(sqlite: Database) -> None:
    async with open_room(sqlite, declared(prod=VoiceRule.PIN, accounts=True)) as room:
        await room.pair(NOBODY, "chi")
        with pytest.raises(Refused, match="your own voice"):
            await room.plan(NOBODY, Verb.DEPLOY, service="shop", environment="prod")
        assert isinstance(await room.plan(NOBODY, Verb.DEPLOY, service="shop", environment="staging"), Plan)


async def test_a_pin_before_the_yes_is_nothing(pin_room: Room) -> None:
    plan = await pin_room.plan(ANA, Verb.DEPLOY, service="shop", environment="prod")
    with pytest.raises(Conflict):
        await pin_room.confirm(WITH_PIN, plan, pin=ACHIEVED)
    assert await nothing_happened(pin_room)


async def test_a_wrong_pin_ends_the_plan_and_counts(pin_room: Room) -> None:
    for n in range(5):
        plan = await wanted_pin(pin_room)
        with pytest.raises(Refused, match="PIN was not right" if n < 4 else "locked"):
            await pin_room.confirm(WITH_PIN, plan, pin=NOT_MATCH)
        with pytest.raises((Conflict, Refused)):
            await pin_room.confirm(WITH_PIN, plan, pin=ACHIEVED)
    assert await nothing_happened(pin_room)


async def test_without_a_pin_it_is_said_how_to_get_one_and_nobody_is_locked(pin_room: Room) -> None:
    for result in (
        PinResult(status="NOT_ENABLED"),
        PinResult(status="NOT_ACHIEVED", reason="VERIFICATION_METHOD_NOT_SETUP"),
    ) * 3:
        plan = await wanted_pin(pin_room)
        with pytest.raises(Refused, match="Alexa app"):
            await pin_room.confirm(ANA, plan, pin=result)
    assert (await pin_room.office.speaker(ANA)).locked_until is None


async def test_a_pin_that_comes_too_late_does_nothing(pin_room: Room) -> None:
    plan = await wanted_pin(pin_room)
    pin_room.later = timedelta(seconds=121)
    with pytest.raises(Conflict, match="too long"):
        await pin_room.confirm(WITH_PIN, plan, pin=ACHIEVED)


async def test_an_approval_by_voice_and_tap_lets_the_release_go_on(room: Room) -> None:
    release = await room.world.at_gate("ana")
    plan, tap = await room.asked_for_tap(BEN, Verb.APPROVE)
    assert (await question(room, plan)).label == release.label
    done = await room.tap("ben", plan, tap.number)
    assert (done.given, done.needed) == (1, 1)
    await room.world.when_running(release, "Production")
    (spoken,) = await room.spoken(release)
    assert (spoken.by, spoken.verb, spoken.confirmed) == ("ben", "approve", "tap")


async def test_letting_a_run_go_on_by_voice_is_no_approval_of_ones_own(room: Room) -> None:
    await room.world.ship("ana", "staging")
    plan, tap = await room.asked_for_tap(ANA)
    assert plan.command.verb is Verb.PROMOTE and plan.offered and not plan.offered.may_approve
    done = await room.tap("ana", plan, tap.number)
    assert (done.given, done.needed) == (0, 1)
