"""Pairing where there is no Slack: over HTTP and on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.core.commands import Verb
from bot.core.model import Status
from tests.support.commands import sayso
from tests.support.http_world import TOKENS, make_api, serving
from tests.support.voice_world import ANA, CHI, Room


async def test_a_person_pairs_lists_and_unpairs_from_a_terminal(room: Room, tmp_path: Path) -> None:
    async with serving(make_api(room.world)) as url:

        async def run(who: str, *arguments: str) -> tuple[int, str]:
            done = await asyncio.to_thread(
                lambda: sayso(*arguments, folder=tmp_path, SAYSO_URL=url, SAYSO_TOKEN=TOKENS[who])
            )
            return done.returncode, " ".join((done.stdout + done.stderr).split())

        code = (await room.office.pairing_code(CHI)).code
        wrong = await run("dee", "pair", "12")
        assert wrong[0] == 2 and "six digits" in wrong[1]
        refused = await run("dee", "pair", "000", "000")
        assert refused[0] == 1 and "not valid" in refused[1]
        assert (await run("dee", "pair", *code.split()))[1].startswith("Your voice (en-GB) speaks for you now")
        speaker = await room.office.speaker(CHI)
        assert speaker.actor and speaker.actor.person == "dee"
        assert "Your voice (en-GB), since 20" in (await run("dee", "voices"))[1]
        assert "No voice speaks for you any more" in (await run("dee", "unpair"))[1]
        assert "No voice speaks for you." in (await run("dee", "voices"))[1]
        assert (await room.office.speaker(ANA)).actor


async def test_what_was_said_by_voice_is_in_a_releases_events(room: Room, tmp_path: Path) -> None:
    plan = await room.plan(ANA, Verb.DEPLOY, service="shop", environment="staging")
    done = await room.confirm(ANA, plan)
    async with serving(make_api(room.world)) as url:
        run_id = await room.world.when_running(done.release, "Build")
        room.world.backend.end(run_id, "Build", "Unit", ok=False)
        await room.world.when_status(done.release, Status.FAILED)
        told = await asyncio.to_thread(
            lambda: sayso("watch", "shop", "#1", folder=tmp_path, SAYSO_URL=url, SAYSO_TOKEN=TOKENS["ben"])
        )
    assert "Ana asked by voice to deploy: “deploy it” (confirmed by yes)" in " ".join(told.stdout.split())
