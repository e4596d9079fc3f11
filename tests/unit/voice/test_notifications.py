"""Notifications by Echo: only for whom asked for them, once for each event, through a strict stand-in for Amazon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.event import listen

from bot.core.commands import Verb, Voices
from bot.core.errors import Refused
from bot.core.model import Status
from bot.core.voice import VoiceRule
from bot.store import events, messages
from bot.store.database import Database
from bot.store.leases import Sole
from bot.voice.notifying import Notifier
from bot.voice.proactive import Account, ProactiveEvents
from tests.support.amazon import CLIENT, SECRET, Amazon, amazon
from tests.support.voice_world import ANA, BEN, CHI, NOBODY, Room, declared, open_room, voice_of


@dataclass
class Echo:
    """A room, Amazon, and a client between them."""

    room: Room
    amazon: Amazon
    client: httpx.AsyncClient
    secret: str = SECRET

    def notifier(self) -> Notifier:
        """Give a notifier as a server has it that started just now."""
        account = Account(
            client_id=CLIENT,
            client_secret=SecretStr(self.secret),
            api_url=self.amazon.url,
            token_url=f"{self.amazon.url}/auth/o2/token",
            live=False,
        )
        alexa = ProactiveEvents(self.client, account, clock=self.room.clock)
        return Notifier(self.room.parts, alexa, Sole())

    async def tell(self) -> list[str]:
        """Tell what there is to tell, and give all that was told so far."""
        await self.notifier().take_in()
        return self.amazon.said


@pytest.fixture
async def echo(sqlite: Database) -> AsyncIterator[Echo]:
    with amazon() as place:
        async with open_room(sqlite) as room, httpx.AsyncClient(trust_env=False) as client:
            room.notifications = True
            yield Echo(room, place, client)


async def test_who_asked_for_it_hears_that_a_release_waits_and_how_it_ends(echo: Echo) -> None:
    room = echo.room
    await room.office.notify(ANA, wanted=True)
    assert (await room.office.speaker(ANA)).notify
    release = await room.world.at_gate("ana")
    assert await echo.tell() == ["Sayso: shop 1 waits for an approval before prod"]
    await room.world.do("ben", Verb.REJECT, release=release.id)
    await room.world.when(release, lambda seen: not seen.active)
    assert (await echo.tell())[1:] == ["Sayso: shop 1 failed on its way to prod"]
    (alert, _) = echo.amazon.taken
    assert alert.relevantAudience.payload.user == ANA.account
    assert [each.locale for each in alert.localizedAttributes] == ["en-GB"]
    await room.world.ship("ana", "staging")
    assert (await echo.tell())[2:] == ["Sayso: shop 2 is done in staging"]
    assert len(echo.amazon.tokens) == 3, "one for each notifier, as each is a new server"


async def test_nobody_hears_who_did_not_ask_or_of_what_others_asked_for(echo: Echo) -> None:
    await echo.room.office.notify(BEN, wanted=True)
    await echo.room.world.at_gate("ana")
    assert await echo.tell() == []


async def test_it_can_be_ended_by_the_voice_the_account_and_by_unpairing(echo: Echo) -> None:
    room = echo.room
    await room.office.notify(ANA, wanted=True)
    await room.office.notify(ANA, wanted=False)
    assert not (await room.office.speaker(ANA)).notify
    await room.office.notify(ANA, wanted=True)
    await room.office.notify(NOBODY, wanted=False)
    assert not (await room.office.speaker(ANA)).notify
    await room.office.notify(ANA, wanted=True)
    listed = await room.type("ana", Verb.VOICES)
    assert isinstance(listed, Voices) and listed.voices[0].notify
    await room.type("ana", Verb.UNPAIR)
    await room.world.at_gate("ana")
    assert await echo.tell() == []


async def test_only_a_paired_voice_may_ask_and_only_where_it_is_set_up(echo: Echo) -> None:
    for voice in (CHI, NOBODY):
        with pytest.raises(Refused):
            await echo.room.office.notify(voice, wanted=True)
    echo.room.notifications = False
    with pytest.raises(Refused, match="not set up"):
        await echo.room.office.notify(ANA, wanted=True)
    await echo.room.office.notify(ANA, wanted=False)


@pytest.mark.parametrize(("locale", "words"), [("de-DE", "wartet vor prod"), ("fr-FR", "waits for an approval")])
async def test_it_is_said_in_the_language_of_the_echo_if_we_speak_it(echo: Echo, locale: str, words: str) -> None:
    chi = CHI.model_copy(update={"locale": locale})
    await echo.room.pair(chi, "chi")
    await echo.room.office.notify(chi, wanted=True)
    await echo.room.world.at_gate("chi")
    assert words in (await echo.tell())[0]


async def test_two_voices_in_one_account_hear_it_once(echo: Echo) -> None:
    room = echo.room
    await room.pair(voice_of("ana-at-night"), "ana")
    await room.office.notify(ANA, wanted=True)
    await room.office.notify(voice_of("ana-at-night"), wanted=True)
    await room.world.at_gate("ana")
    assert len(await echo.tell()) == 1


@pytest.mark.parametrize("status", [429, 432, 500, 503, 401])
async def test_what_may_pass_is_tried_again(echo: Echo, status: int) -> None:
    await echo.room.office.notify(ANA, wanted=True)
    await echo.room.world.at_gate("ana")
    echo.amazon.answers = [status, status]
    assert len(await echo.tell()) == 1
    assert echo.amazon.calls == 3


async def test_tries_are_bounded_and_the_next_event_is_told(echo: Echo) -> None:
    room = echo.room
    await room.office.notify(ANA, wanted=True)
    release = await room.world.at_gate("ana")
    echo.amazon.answers = [500] * 4
    assert await echo.tell() == []
    await room.world.do("ben", Verb.APPROVE, release=release.id)
    run_id = await room.world.when_running(release, "Production")
    room.world.backend.end(run_id, "Production", "Deploy")
    await room.world.when_status(release, Status.SUCCEEDED)
    assert await echo.tell() == ["Sayso: shop 1 is done in prod"]


async def test_a_lost_answer_and_a_crash_before_the_cursor_moved_tell_nobody_twice(echo: Echo) -> None:
    await echo.room.office.notify(ANA, wanted=True)
    await echo.room.world.at_gate("ana")
    echo.amazon.lost = 1
    assert len(await echo.tell()) == 1

    async with echo.room.world.database.write() as c:
        await messages.move(c, "notifications", 0)
    assert len(await echo.tell()) == 1


async def test_events_that_nobody_is_told_of_cost_one_write_together(echo: Echo) -> None:
    await echo.room.world.at_gate("ana")
    await echo.room.world.stop_watching()
    async with echo.room.world.database.read() as c:
        assert len(await events.after(c, 0)) > 3
    commits: list[object] = []
    listen(echo.room.world.database.engine.sync_engine, "commit", commits.append)
    assert await echo.tell() == []
    assert len(commits) == 1


async def test_an_account_that_takes_nothing_any_more_is_not_asked_again(echo: Echo) -> None:
    await echo.room.office.notify(ANA, wanted=True)
    await echo.room.world.at_gate("ana")
    echo.amazon.answers = [403]
    assert await echo.tell() == []
    assert not (await echo.room.office.speaker(ANA)).notify


async def test_wrong_credentials_stop_nothing_else(echo: Echo, caplog: pytest.LogCaptureFixture) -> None:
    echo.secret = "wrong"
    await echo.room.office.notify(ANA, wanted=True)
    await echo.room.world.at_gate("ana")
    assert await echo.tell() == []
    assert "ALEXA_CLIENT_SECRET" in caplog.text and "wrong" not in caplog.text
    assert echo.amazon.calls == 0


async def test_what_is_old_or_closed_to_voice_is_not_told(echo: Echo) -> None:
    room = echo.room
    await room.office.notify(ANA, wanted=True)
    await room.world.at_gate("ana")
    room.later = timedelta(minutes=31)
    assert await echo.tell() == []
    room.later = timedelta()
    room.world.catalogue = declared(staging=VoiceRule.DENY)
    await room.world.ship("ana", "staging")
    assert await echo.tell() == []
