"""What is planned by voice: who may, what must prove a yes, and that it is carried out once or not at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.core.commands import Accepted, Command, Releases, Verb
from bot.core.errors import Conflict, NotFound, NotUnderstood, Refused
from bot.core.model import Status, Surface
from bot.core.voice import Factor, VoiceRule
from bot.store.database import Database
from tests.support.voice_world import ANA, BEN, CHI, DEE, NOBODY, Room, declared, open_room, voice_of


async def active(room: Room) -> tuple[str, ...]:
    answer = await room.world.do("ana", Verb.STATUS)
    assert isinstance(answer, Releases)
    return tuple(release.label for release in answer.releases)


async def test_a_plan_changes_nothing_until_it_is_confirmed(room: Room) -> None:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    assert (plan.service, plan.environment, plan.number, plan.factor) == ("shop", "staging", 1, Factor.NONE)
    assert await active(room) == ()
    done = await room.confirm(ANA, plan)
    assert isinstance(done, Accepted) and done.release.label == "shop #1" and not done.repeated
    assert (done.release.requested_by, done.release.surface) == ("ana", Surface.VOICE)


async def test_the_thread_hears_what_was_said_and_how_it_was_proved(room: Room) -> None:
    done = await room.confirm(ANA, await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging"))
    (spoken,) = await room.spoken(done.release)
    assert (spoken.by, spoken.verb, spoken.heard, spoken.confirmed) == ("ana", "deploy", "deploy it", "yes")


async def test_a_yes_that_is_said_or_delivered_twice_acts_once(each_room: Room) -> None:
    room = each_room
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    answers = await asyncio.gather(*(room.confirm(ANA, plan) for _ in range(3)))
    assert sorted(each.repeated for each in answers) == [False, True, True]
    assert len({each.release.id for each in answers}) == 1
    assert len(await room.spoken(answers[0].release)) == 1


async def test_a_wish_that_is_delivered_twice_is_one_plan(each_room: Room) -> None:
    room = each_room
    said = {"service": "shop", "environment": "staging"}
    first, second = await asyncio.gather(*(room.plan(ANA, Verb.DEPLOY, key="same", **said) for _ in range(2)))
    assert first == second
    assert isinstance(await room.confirm(ANA, first), Accepted)


async def test_another_plan_takes_the_place_of_one_without_a_yes(room: Room) -> None:
    first = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    second = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging", ref="main")
    with pytest.raises(Conflict, match="called off"):
        await room.confirm(ANA, first)
    assert isinstance(await room.confirm(ANA, second), Accepted)


async def test_a_no_drops_the_plan_and_a_second_no_is_no_error(room: Room) -> None:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    await room.office.drop(ANA, plan.id)
    await room.office.drop(ANA, plan.id)
    with pytest.raises(Conflict, match="called off"):
        await room.confirm(ANA, plan)
    assert await active(room) == ()


async def test_a_plan_is_its_speakers_own(room: Room) -> None:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    for other in (BEN, voice_of("ana", account="house", level=200), NOBODY, CHI):
        with pytest.raises((NotFound, Refused)):
            await room.confirm(other, plan)
    await room.office.drop(BEN, plan.id)
    assert isinstance(await room.confirm(ANA, plan), Accepted)


async def test_a_plan_that_is_confirmed_too_late_does_nothing(room: Room) -> None:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    room.later = timedelta(seconds=121)
    for _ in range(2):
        with pytest.raises(Conflict, match="too long"):
            await room.confirm(ANA, plan)
    assert await active(room) == ()


async def test_a_plan_that_nobody_knows_is_not_found(room: Room) -> None:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    with pytest.raises(NotFound):
        await room.confirm(ANA, plan.model_copy(update={"id": "none"}))
    await room.office.drop(ANA, "none")


@pytest.mark.parametrize("voice", [NOBODY, CHI, voice_of("ana", level=200), voice_of("ana", level=None)])
async def test_a_voice_that_is_nobodys_may_ask_how_it_goes_and_nothing_else(room: Room, voice: object) -> None:
    await room.world.at_gate("ben")
    answer = await room.office.ask(voice, Command(verb=Verb.STATUS), "status", "k")  # type: ignore[arg-type]
    assert isinstance(answer, Releases) and len(answer.releases) == 1 and not answer.waiting_for_me
    for verb in (Verb.HISTORY, Verb.WHERE):
        with pytest.raises(Refused):
            await room.office.ask(voice, Command(verb=verb), "history", "k")  # type: ignore[arg-type]
    for verb in (Verb.DEPLOY, Verb.STOP, Verb.APPROVE, Verb.ROLLBACK):
        with pytest.raises(Refused):
            await room.plan(voice, verb, service="shop", environment="staging")  # type: ignore[arg-type]


async def test_a_paired_voice_hears_what_waits_for_it_and_what_runs_where(room: Room) -> None:
    release = await room.world.at_gate("ben")
    answer = await room.office.ask(ANA, Command(verb=Verb.STATUS), "what waits for me", "k")
    assert isinstance(answer, Releases) and answer.waiting_for_me == (release.id,)
    for verb in (Verb.HISTORY, Verb.WHERE, Verb.HELP):
        await room.office.ask(ANA, Command(verb=verb), "history", "k")
    with pytest.raises(Refused):
        await room.office.ask(ANA, Command(verb=Verb.DEPLOY), "deploy", "k")


async def test_deny_closes_an_environment_even_to_questions(sqlite: Database) -> None:
    async with open_room(sqlite, declared(prod=VoiceRule.DENY)) as room:
        await room.world.at_gate("ben")
        answer = await room.office.ask(ANA, Command(verb=Verb.STATUS), "status", "k")
        assert isinstance(answer, Releases) and not answer.releases
        named = Command(verb=Verb.STATUS, service="shop", environment="prod")
        with pytest.raises(Refused, match="don't speak about"):
            await room.office.ask(ANA, named, "status", "k")
        for verb in (Verb.DEPLOY, Verb.STOP, Verb.APPROVE):
            with pytest.raises((Refused, Conflict)):
                await room.plan(ANA, verb, service="shop", environment="prod")


async def test_a_wish_without_a_place_never_names_an_environment_that_is_denied(sqlite: Database) -> None:
    async with open_room(sqlite, declared(prod=VoiceRule.DENY)) as room:

        async def told(verb: Verb) -> list[str]:
            refusals = []
            for said in ({}, {"service": "shop"}, {"environment": "prod"}):
                with pytest.raises((NotFound, Refused)) as refused:
                    await room.plan(ANA, verb, **said)
                refusals.append(f"{refused.value.sentence} {refused.value.fix}")
            return refusals

        held = await room.world.at_gate("ben")
        answers = [each for verb in (Verb.APPROVE, Verb.REJECT, Verb.STOP) for each in await told(verb)]
        await room.world.do("ana", Verb.REJECT, release=held.id)
        await room.world.when_status(held, Status.FAILED)
        answers += await told(Verb.RETRY)
        assert not [each for each in answers if "prod" in each or held.label in each]


async def test_what_is_denied_is_no_choice_beside_what_may_be_stopped(sqlite: Database) -> None:
    async with open_room(sqlite, declared(prod=VoiceRule.DENY)) as room:
        await room.world.deploy("ben", "prod")
        open_to_voice = await room.world.deploy("ben", "staging")
        assert (await room.plan(ANA, Verb.STOP)).command.release == open_to_voice.id
        assert (await room.plan(BEN, Verb.STOP)).command.release == open_to_voice.id


async def test_a_run_that_waits_is_not_called_by_its_release_where_that_is_denied(sqlite: Database) -> None:
    async with open_room(sqlite, declared(staging=VoiceRule.DENY)) as room:
        await room.world.ship("ben", "staging")
        plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="prod")
        assert plan.command.verb is Verb.PROMOTE and plan.release is None


async def test_read_lets_voice_ask_but_change_nothing(sqlite: Database) -> None:
    async with open_room(sqlite, declared(prod=VoiceRule.READ)) as room:
        await room.world.at_gate("ben")
        answer = await room.office.ask(ANA, Command(verb=Verb.STATUS), "status", "k")
        assert isinstance(answer, Releases) and answer.releases
        for verb in (Verb.STOP, Verb.APPROVE, Verb.REJECT):
            with pytest.raises(Refused, match="can't be changed by voice"):
                await room.plan(ANA, verb, service="shop", environment="prod")


async def test_voice_never_exceeds_what_the_same_person_may_in_the_chat(room: Room) -> None:
    await room.pair(DEE, "dee")
    with pytest.raises(Refused, match="not among those who may deploy"):
        await room.plan(DEE, Verb.DEPLOY, service="shop", environment="staging")


async def test_an_approval_is_never_the_requesters_even_where_the_environment_would_let_them(room: Room) -> None:
    await room.world.at_gate("ana")
    with pytest.raises(Refused, match="somebody else must approve"):
        await room.plan(ANA, Verb.APPROVE, service="shop", environment="prod")
    plan = await room.plan(BEN, Verb.APPROVE)
    assert plan.release and plan.release.requested_by == "ana" and plan.factor is Factor.CHAT
    assert plan.command.release == plan.release.id and plan.command.gate


async def test_stopping_needs_only_a_person_that_is_known(room: Room) -> None:
    release = await room.world.at_gate("ben")
    plan = await room.plan(ANA, Verb.STOP)
    assert plan.factor is Factor.NONE and plan.command.release == release.id
    assert isinstance(await room.confirm(ANA, plan), Accepted)
    await room.world.when_status(release, Status.STOPPED)


async def test_it_means_ones_own_release_also_where_others_are_under_way(room: Room) -> None:
    own = await room.world.deploy("ana", "staging")
    await room.world.deploy("ben", "prod")
    plan = await room.plan(ANA, Verb.STOP)
    assert plan.command.release == own.id
    run_id = await room.world.when_running(own, "Build")
    room.world.backend.end(run_id, "Build", "Unit", ok=False)
    await room.world.when_status(own, Status.FAILED)
    again = await room.plan(ANA, Verb.RETRY)
    assert again.command.release == own.id and again.command.attempt == 1


async def test_several_of_ones_own_are_asked_about(room: Room) -> None:
    await room.world.deploy("ana", "prod")
    await room.world.deploy("ana", "staging")
    with pytest.raises(NotUnderstood, match="staging"):
        await room.plan(ANA, Verb.STOP)
    assert (await room.plan(ANA, Verb.STOP, environment="staging")).environment == "staging"


async def test_a_build_is_named_by_its_number(room: Room) -> None:
    shipped = await room.world.ship("ana", "staging")
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging", number=shipped.number)
    assert shipped.revision and plan.command.ref == shipped.revision.id
    with pytest.raises(NotFound):
        await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging", number=77)


async def test_a_run_that_waits_there_is_offered_and_goes_on_by_voice(room: Room) -> None:
    staged = await room.world.ship("ben", "staging")
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="prod")
    assert plan.offered and plan.command.verb is Verb.PROMOTE and plan.number == staged.number
    assert plan.release and plan.release.id == staged.id


async def test_what_has_changed_since_it_was_read_back_is_not_done(room: Room) -> None:
    release = await room.world.at_gate("ana")
    plan, tap = await room.asked_for_tap(BEN, Verb.APPROVE)
    await room.world.do("chi", Verb.REJECT, release=release.id)
    with pytest.raises(Conflict, match="rejected already"):
        await room.tap("ben", plan, tap.number)
    with pytest.raises(Conflict, match=r"That was not done: .*rejected already"):
        await room.confirm(BEN, plan)


async def test_a_rollback_brings_back_what_was_read_back_or_nothing(room: Room) -> None:
    first = await room.world.ship("ben", "staging", ref="one")
    second = await room.world.ship("ben", "staging", ref="two")
    plan = await room.plan(ANA, Verb.ROLLBACK, service="shop", environment="staging")
    assert plan.becomes and plan.becomes.revision == first.revision
    await room.world.ship("ben", "staging", ref="three")
    with pytest.raises(Conflict, match="changed since"):
        await room.confirm(ANA, plan)
    assert await active(room) == ()
    done = await room.confirm(ANA, await room.plan(ANA, Verb.ROLLBACK, service="shop", environment="staging"))
    assert done.release.revision == second.revision


async def test_a_rule_that_was_tightened_meanwhile_counts(room: Room) -> None:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    room.world.catalogue = declared(staging=VoiceRule.PIN)
    with pytest.raises(Conflict, match="changed since"):
        await room.confirm(ANA, plan)
    later = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    room.world.catalogue = declared(staging=VoiceRule.READ)
    with pytest.raises(Refused, match="can't be changed by voice"):
        await room.confirm(ANA, later)


async def test_who_was_unpaired_meanwhile_confirms_nothing(room: Room) -> None:
    plan, tap = await room.asked_for_tap(ANA)
    await room.type("ana", Verb.UNPAIR)
    with pytest.raises(Refused):
        await room.tap("ana", plan, tap.number)
    assert await active(room) == ()


async def test_where_there_is_no_chat_to_confirm_in_it_is_said_at_once(room: Room) -> None:
    room.chat = False
    with pytest.raises(Refused, match="tap in Slack"):
        await room.plan(ANA, Verb.DEPLOY, service="shop", environment="prod")


async def test_allow_lets_a_yes_suffice_for_production(sqlite: Database) -> None:
    async with open_room(sqlite, declared(prod=VoiceRule.ALLOW)) as room:
        plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="prod")
        assert isinstance(await room.confirm(ANA, plan), Accepted)


async def test_what_needs_a_screen_is_not_done_by_voice(room: Room) -> None:
    for verb in (Verb.HOLD, Verb.OVERRIDE, Verb.PAIR):
        with pytest.raises(Refused, match="by voice"):
            await room.plan(ANA, verb, service="shop", environment="prod")
