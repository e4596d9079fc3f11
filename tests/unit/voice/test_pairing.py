"""Whose voice is whose: codes that the skill says and a person types, each once, in time, and not by guessing."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest
from sqlalchemy import text

from bot.core.commands import Verb, Voices
from bot.core.errors import NotUnderstood, Refused
from bot.core.memos import LockNotice
from bot.store import voices
from bot.store.database import Database
from tests.support.voice_world import ANA, BEN, CHI, DEE, NOBODY, Room, declared, open_room, voice_of


async def listed(room: Room, who: str) -> Voices:
    answer = await room.type(who, Verb.VOICES)
    assert isinstance(answer, Voices)
    return answer


async def test_a_code_that_is_typed_makes_the_voice_that_persons(room: Room) -> None:
    assert (await room.office.speaker(CHI)).actor is None
    code = await room.office.pairing_code(CHI)
    assert len(code.code) == 7 and code.code[3] == " "
    await room.type("chi", Verb.PAIR, code.code)
    speaker = await room.office.speaker(CHI)
    assert speaker.actor and speaker.actor.person == "chi" and speaker.recognised


async def test_a_code_works_once_in_time_and_the_newest_only(room: Room) -> None:
    old = await room.office.pairing_code(CHI)
    new = await room.office.pairing_code(CHI)
    with pytest.raises(Refused, match="not valid"):
        await room.type("chi", Verb.PAIR, old.code)
    room.later = timedelta(minutes=5, seconds=1)
    with pytest.raises(Refused, match="not valid"):
        await room.type("chi", Verb.PAIR, new.code)
    fresh = await room.office.pairing_code(CHI)
    await room.type("chi", Verb.PAIR, fresh.code)
    with pytest.raises(Refused, match="not valid"):
        await room.type("dee", Verb.PAIR, fresh.code)
    assert not (await listed(room, "dee")).voices


async def test_a_code_delivered_twice_pairs_once_and_says_the_same(each_room: Room) -> None:
    room = each_room
    code = (await room.office.pairing_code(CHI)).code
    first, second = await asyncio.gather(room.type("chi", Verb.PAIR, code), room.type("chi", Verb.PAIR, code))
    assert isinstance(first, Voices) and isinstance(second, Voices)
    assert first.voices == second.voices
    assert len((await listed(room, "chi")).voices) == 1


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abc def"])
async def test_what_can_not_be_a_code_is_no_try(room: Room, typed: str) -> None:
    with pytest.raises(NotUnderstood, match="six digits"):
        await room.type("chi", Verb.PAIR, typed)
    async with room.world.database.read() as c:
        assert (await voices.tries(c, "chi", "code")).wrong == 0


async def test_five_wrong_codes_lock_the_person_who_types_and_nobody_else(each_room: Room) -> None:
    room = each_room
    good = (await room.office.pairing_code(CHI)).code
    wrong = "000000" if good != "000 000" else "111111"
    for _ in range(4):
        with pytest.raises(Refused, match="not valid"):
            await room.type("chi", Verb.PAIR, wrong)
    with pytest.raises(Refused, match="in 15 minutes"):
        await room.type("chi", Verb.PAIR, wrong)
    with pytest.raises(Refused, match="too many wrong codes"):
        await room.type("chi", Verb.PAIR, good)
    ((message, notice),) = await room.memos()
    assert message.destination == "person:chi"
    assert isinstance(notice, LockNotice) and (notice.what, notice.tries) == ("code", 5)
    await room.type("dee", Verb.PAIR, good)
    room.later = timedelta(minutes=15, seconds=1)
    await room.type("chi", Verb.PAIR, (await room.office.pairing_code(CHI.model_copy(update={"person": "x"}))).code)


async def test_guesses_at_the_same_moment_all_count(each_room: Room) -> None:
    room = each_room
    found = await asyncio.gather(*(room.type("chi", Verb.PAIR, f"{n:06d}") for n in range(8)), return_exceptions=True)
    assert all(isinstance(each, Refused) for each in found)
    assert sum("not valid" in str(each) for each in found) == 4


async def test_a_right_code_lets_the_count_begin_anew(room: Room) -> None:
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(Refused, match="not valid"):
                await room.type("chi", Verb.PAIR, "000001")
        await room.type("chi", Verb.PAIR, (await room.office.pairing_code(CHI)).code)
        await room.type("chi", Verb.UNPAIR)


async def test_a_code_that_was_used_buys_no_more_guesses(room: Room) -> None:
    used = (await room.office.pairing_code(CHI)).code
    await room.type("chi", Verb.PAIR, used)
    for _ in range(4):
        with pytest.raises(Refused, match="not valid"):
            await room.type("chi", Verb.PAIR, "000001")
    await room.type("chi", Verb.PAIR, used)
    with pytest.raises(Refused, match="in 15 minutes"):
        await room.type("chi", Verb.PAIR, "000001")


async def test_a_code_that_was_used_does_not_bind_again_what_was_unbound(room: Room) -> None:
    used = (await room.office.pairing_code(CHI)).code
    await room.type("chi", Verb.PAIR, used)
    await room.type("chi", Verb.UNPAIR)
    with pytest.raises(Refused, match="not valid"):
        await room.type("chi", Verb.PAIR, used)


async def test_who_is_paired_gets_no_code_and_who_is_not_recognised_neither(room: Room) -> None:
    with pytest.raises(Refused, match="paired already, as Ana"):
        await room.office.pairing_code(ANA)
    for voice in (NOBODY, voice_of("chi", level=200), voice_of("chi", level=None)):
        with pytest.raises(Refused, match="voice ID"):
            await room.office.pairing_code(voice)


async def test_a_whole_account_speaks_for_a_person_only_where_the_team_allows_it(sqlite: Database) -> None:
    async with open_room(sqlite, declared(accounts=True)) as room:
        await room.pair(NOBODY, "chi")
        speaker = await room.office.speaker(NOBODY)
        assert speaker.actor and speaker.actor.person == "chi" and not speaker.recognised
        assert (await listed(room, "chi")).voices[0].whole_account
        assert (await room.office.speaker(DEE)).actor is None, "whom Alexa knows is not taken for somebody else"
        assert (await room.office.speaker(voice_of(None, account="next door"))).actor is None
        room.world.catalogue = declared(accounts=False)
        assert (await room.office.speaker(NOBODY)).actor is None


async def test_a_level_below_the_catalogues_is_not_recognised(sqlite: Database) -> None:
    async with open_room(sqlite, declared(confidence=300)) as room:
        assert (await room.office.speaker(voice_of("ana", level=299))).actor is None
        room.world.catalogue = declared(confidence=200)
        assert (await room.office.speaker(voice_of("ana", level=200))).actor


async def test_unpairing_lists_what_was_and_leaves_nothing(room: Room) -> None:
    gone = await room.type("ana", Verb.UNPAIR)
    assert isinstance(gone, Voices) and [each.person for each in gone.voices] == ["ana"]
    assert not (await listed(room, "ana")).voices
    assert (await room.office.speaker(ANA)).actor is None
    assert (await room.office.speaker(BEN)).actor


async def test_a_skill_that_is_disabled_forgets_the_account_and_no_other(room: Room) -> None:
    elsewhere = voice_of("chi", account="office")
    await room.pair(elsewhere, "chi")
    assert await room.office.forget(NOBODY) == 2
    assert await room.office.forget(NOBODY) == 0
    assert (await room.office.speaker(ANA)).actor is None
    assert (await room.office.speaker(elsewhere)).actor


async def test_somebody_who_left_the_catalogue_has_no_voice(room: Room) -> None:
    known = room.world.catalogue
    room.world.catalogue = known.model_copy(update={"people": {"ben": known.people["ben"]}})
    assert (await room.office.speaker(ANA)).actor is None


async def test_no_id_of_amazons_and_no_code_stands_in_the_database(room: Room) -> None:
    code = (await room.office.pairing_code(CHI)).code.replace(" ", "")
    await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    async with room.world.database.read() as c:
        for table in ("voices", "pairing_codes", "plans", "messages", "events", "commands"):
            rows = str((await c.execute(text(f"SELECT * FROM {table}"))).all())
            assert "amzn1" not in rows, table
            assert code not in rows, table


async def test_a_code_that_another_voice_has_just_now_is_not_given_twice(room: Room) -> None:
    class Stuck(random.Random):
        drawn = iter([123456, 123456, 654321])

        def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
            return next(self.drawn)

    room.random = Stuck()
    assert (await room.office.pairing_code(CHI)).code == "123 456"
    assert (await room.office.pairing_code(DEE)).code == "654 321"
