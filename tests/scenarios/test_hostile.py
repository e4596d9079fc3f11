"""Double and hostile input at the whole app: states stay right, there is one card, and answers are honest."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from time import time

import httpx
import pytest

from bot.core.model import Status
from integrations.playground.signing import signature_headers
from tests.playground.serving import SECRET
from tests.support import seen
from tests.support.small_service import EFFECTS_OF_A_RELEASE, PEOPLE
from tests.support.waiting import until
from tests.support.whole_app import WholeApp, open_whole_app

CROWD = {**PEOPLE, **{f"p{number:02}": f"U1P{number:02}" for number in range(20)}}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[WholeApp]:
    async with open_whole_app(tmp_path / "whole") as app:
        yield app


def done(app: WholeApp) -> list[str]:
    """Give what was done to the world."""
    return [what for what, _, _ in app.services.effects()]


async def test_a_command_that_is_delivered_twice_makes_one_release(whole: WholeApp) -> None:
    release = await whole.asked()
    again = await whole.do("deliver", kind="duplicate", skew=-2)  # the same second would make it the same signature
    assert again["outcome"] == "ok"
    assert "already" in again["answer"]
    replayed = await whole.do("deliver", kind="replay")
    assert (replayed["status"], replayed["answer"]) == (200, "")
    await whole.click(await whole.card(release, "approve"), "approve", "ben")
    await whole.ended(release)
    assert len(await whole.releases()) == 1
    assert done(whole) == list(EFFECTS_OF_A_RELEASE)


async def test_of_twenty_people_who_approve_at_once_one_does_and_the_others_learn_who(tmp_path: Path) -> None:
    async with open_whole_app(tmp_path / "whole", people=CROWD) as app:
        release = await app.asked()
        card = await app.card(release, "approve")
        crowd = [who for who in CROWD if who.startswith("p")]
        clicks = await asyncio.gather(*(app.click(card, "approve", who) for who in crowd))
        assert {click["outcome"] for click in clicks} == {"ok"}
        ended = await app.ended(release)
        (decision,) = ended.approvals
        name = app.sayso.catalogue.name_of(decision.by)
        for who in crowd:
            if who != decision.by:
                assert any(name in text for text in await app.whispered(who, "approved"))
        assert done(app) == list(EFFECTS_OF_A_RELEASE)


async def test_a_stale_button_changes_nothing_and_says_why(whole: WholeApp) -> None:
    release = await whole.asked()
    card = await whole.card(release, "approve")
    await whole.click(card, "approve", "ana")
    assert any("else" in text for text in await whole.whispered("ana", "approve"))
    assert (await whole.release(release)).approvals == ()
    await whole.click(card, "approve", "ben")
    ended = await whole.ended(release)
    for verb, words in (("approve", "Ben"), ("stop", "done")):
        if f"sayso.{verb}" in seen.buttons(card):
            await whole.click(card, verb, "chi", message=card)
            await whole.whispered("chi", words)
    assert await whole.release(release) == ended
    assert done(whole) == list(EFFECTS_OF_A_RELEASE)


async def test_nobody_is_called_by_what_strangers_write(tmp_path: Path) -> None:
    bad = "<!channel> <@U0CHI> & <https://evil.example|click> *bold*"
    async with open_whole_app(tmp_path / "whole", message=bad) as app:
        release = await app.asked(f"/deploy alpha prod because {bad}")
        await app.click(await app.card(release, "approve"), "approve", "ben")
        await app.ended(release)
        messages = seen.messages(await app.state())
        called = {mention for one in messages for mention in one["mentions"] if mention[:1] not in {"C", "D"}}
        assert called <= {PEOPLE["ana"], PEOPLE["ben"]}
        shown = str(messages)
        assert "<!channel>" not in shown
        assert "<https://evil.example" not in shown
        assert "&lt;!channel&gt;" in shown


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"command=/deploy&text=" + b"a" * 1_000_000, 413),
        (b"command=/deploy&text=\xff\xfe&user_id=U0ANA", 400),
        (b"payload=%FF%FE", 400),
        (b"payload={", 400),
        (b"", 400),
    ],
    ids=["1 MB", "not UTF-8", "not UTF-8 in a payload", "half a payload", "nothing"],
)
async def test_signed_nonsense_is_turned_away_and_the_bot_goes_on(whole: WholeApp, body: bytes, status: int) -> None:
    headers = signature_headers(SECRET, int(time()), body) | {"Content-Type": FORM}
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        answer = await http.post(f"{whole.door}/slack/events", content=body, headers=headers)
        unsigned = await http.post(f"{whole.door}/slack/events", content=body, headers={"Content-Type": FORM})
    assert answer.status_code == status
    assert unsigned.status_code in {401, 413}
    assert "Traceback" not in answer.text
    assert await whole.releases() == []
    await whole.asked("/deploy alpha staging")


async def test_a_wrong_signature_and_an_old_one_have_no_effect(whole: WholeApp) -> None:
    await whole.say("/release status")
    for wrong in ({"kind": "bad_signature"}, {"kind": "duplicate", "skew": -3600}):
        assert (await whole.do("deliver", **wrong))["status"] == 401


@pytest.mark.parametrize("fault", ["429:1", "500", "503", "reset", "lost", "error:internal_error"])
async def test_a_web_api_that_fails_everywhere_delays_messages_but_loses_and_repeats_none(
    whole: WholeApp, fault: str
) -> None:
    for method in ("chat.postMessage", "chat.update", "conversations.open", "conversations.history"):
        await whole.do("fault", method=method, fault=fault, times=2)
    release = await whole.asked()
    card = await whole.card(release, "approve")
    for method in ("chat.postMessage", "chat.update", "chat.postEphemeral"):
        await whole.do("fault", method=method, fault=fault, times=2)
    assert (await whole.click(card, "approve", "ben"))["outcome"] == "ok"
    ended = await whole.ended(release)
    assert ended.status is Status.SUCCEEDED
    assert done(whole) == list(EFFECTS_OF_A_RELEASE)

    def all_there(state: seen.State) -> bool:
        texts = " ".join(one["text"] for one in seen.messages(state))
        return all(words in texts for words in ("*Source* is", "*Build* is", "*Staging* is", "*Approval* is"))

    state = await until(whole.state, all_there)
    assert len(seen.cards(state, release)) == 1
    texts = Counter((one["channel"], one["text"]) for one in seen.messages(state))
    assert max(texts.values()) == 1, texts


async def test_an_answer_that_comes_too_late_though_the_post_was_made_leaves_one_card(whole: WholeApp) -> None:
    await whole.do("fault", method="chat.postMessage", fault="delay:12")
    release = await whole.asked("/deploy alpha staging")
    await whole.ended(release)
    assert len(seen.cards(await whole.state(), release)) == 1
