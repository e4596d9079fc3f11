"""Slack's answers, from a real playground, are named as what they mean for us."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.core.errors import ContentRefused, DeliveryError, Gone, RateLimited, Unreachable
from bot.core.ports import Posted
from bot.slack.content import SlackContent
from bot.slack.sender import SlackMessenger, open_client
from tests.playground.serving import TOKEN, Town
from tests.support.office import CARDS, CLOSED, workspace

HELLO = SlackContent("hello")


@pytest.fixture
def place() -> object:
    with workspace() as running:
        yield running


@pytest.fixture
async def slack(place: Town) -> AsyncIterator[SlackMessenger]:
    async with open_client(SecretStr(TOKEN), f"{place.url}/api/") as client:
        yield SlackMessenger(client)


def since() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


async def test_a_message_is_found_again_by_its_id(slack: SlackMessenger) -> None:
    posted = await slack.post(CARDS, HELLO, message_id="m1")
    note = await slack.post(CARDS, HELLO, message_id="m2", thread=posted.ts)
    assert await slack.find("m1", CARDS, since=since()) == posted
    assert await slack.find("m2", CARDS, since=since(), thread=posted.ts) == note
    assert await slack.find("m2", CARDS, since=since()) is None
    assert await slack.find("m3", CARDS, since=since()) is None
    assert await slack.find("m1", CARDS, since=datetime.now(UTC) + timedelta(minutes=1)) is None


async def test_an_edited_message_is_still_found(slack: SlackMessenger) -> None:
    posted = await slack.post(CARDS, HELLO, message_id="m1")
    await slack.edit(posted, SlackContent("changed"))
    assert await slack.find("m1", CARDS, since=since()) == posted


async def test_a_file_is_found_again(slack: SlackMessenger, place: Town) -> None:
    card = await slack.post(CARDS, HELLO, message_id="m1")
    await slack.upload(CARDS, name="shop-1", text="täxt\n" * 3, message_id="0123456789abcdef", thread=card.ts)
    found = await slack.find("0123456789abcdef", CARDS, since=since(), thread=card.ts)
    assert found is not None
    files = [one for message in place.messages(CARDS) for one in message.get("files", [])]
    assert [one["name"] for one in files] == ["shop-1-89abcdef.log"]


async def test_a_direct_channel_is_always_the_same_and_a_message_has_a_link(slack: SlackMessenger) -> None:
    channel = await slack.open_direct("U0ANA")
    assert channel == await slack.open_direct("U0ANA")
    posted = await slack.post(channel, HELLO, message_id="m1")
    assert posted.channel == channel
    assert (await slack.link(posted)).startswith("http")


@pytest.mark.parametrize(
    ("fault", "ambiguous"),
    [
        ("500", True),
        ("503", True),
        ("reset", True),
        ("lost", True),
        ("error:internal_error", True),
        ("error:invalid_auth", False),
        ("error:missing_scope", False),
    ],
)
async def test_what_may_have_happened_is_told_from_what_surely_has_not(
    slack: SlackMessenger, place: Town, *, fault: str, ambiguous: bool
) -> None:
    place.post("fault", method="chat.postMessage", fault=fault)
    with pytest.raises(Unreachable) as raised:
        await slack.post(CARDS, HELLO, message_id="m1")
    assert raised.value.ambiguous is ambiguous


async def test_a_refused_connection_is_not_ambiguous() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with open_client(SecretStr(TOKEN), f"http://127.0.0.1:{port}/api/") as client:
        with pytest.raises(Unreachable) as raised:
            await SlackMessenger(client).post(CARDS, HELLO, message_id="m1")
    assert not raised.value.ambiguous


async def test_a_rate_limit_says_how_long(slack: SlackMessenger, place: Town) -> None:
    place.post("fault", method="chat.postMessage", fault="429:7")
    with pytest.raises(RateLimited) as raised:
        await slack.post(CARDS, HELLO, message_id="m1")
    assert raised.value.retry_after == 7


async def test_places_that_are_not_open_say_what_to_do(slack: SlackMessenger) -> None:
    with pytest.raises(Gone, match=f"not in the channel {CLOSED}: invite it"):
        await slack.post(CLOSED, HELLO, message_id="m1")
    with pytest.raises(Gone, match="check the id"):
        await slack.post("C0NOWHERE", HELLO, message_id="m1")
    with pytest.raises(Gone, match="was deleted"):
        await slack.edit(Posted(channel=CARDS, ts="1.1"), HELLO)
    with pytest.raises(Gone, match="no such person"):
        await slack.open_direct("U0NOBODY")


async def test_refused_blocks_say_where_they_are_wrong(slack: SlackMessenger) -> None:
    with pytest.raises(ContentRefused, match="/blocks/0") as raised:
        await slack.post(CARDS, SlackContent("x", [{"type": "section"}]), message_id="m1")
    assert not raised.value.unsupported
    with pytest.raises(ContentRefused) as raised:
        await slack.post(CARDS, SlackContent("x", [{"type": "hologram"}]), message_id="m1")
    assert raised.value.unsupported
    with pytest.raises(ContentRefused, match="msg_too_long"):
        await slack.edit(await slack.post(CARDS, HELLO, message_id="m2"), SlackContent("x" * 4001))


async def test_an_error_that_we_do_not_know_is_named(slack: SlackMessenger, place: Town) -> None:
    place.post("fault", method="chat.postMessage", fault="error:new_kind_of_error")
    with pytest.raises(DeliveryError, match="Slack says new_kind_of_error"):
        await slack.post(CARDS, HELLO, message_id="m1")


async def test_one_call_is_one_request(slack: SlackMessenger, place: Town) -> None:
    place.post("fault", method="chat.postMessage", fault="lost")
    with pytest.raises(Unreachable):
        await slack.post(CARDS, HELLO, message_id="m1")
    calls = [call for call in place.get("ledger")["calls"] if call["method"] == "chat.postMessage"]
    assert len(calls) == 1, "the SDK does not repeat it by itself"
