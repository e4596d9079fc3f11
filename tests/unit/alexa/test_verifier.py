"""Only Alexa's own requests, signed, fresh, for our skill and new, come in; everything else is turned away alike."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.core.errors import Unauthenticated
from integrations.playground.echo.certificates import Authority, Certified
from skills.release_desk import chains
from skills.release_desk.chains import ChainUnreachable, chain_address
from skills.release_desk.verify import RELAY_SIGNATURE, RELAY_TIME, Headers, relay_signature
from tests.support.alexa_world import NOW, OTHER_SKILL, SECRET, World

CHAIN = "https://s3.amazonaws.com/echo.api/echo-api-cert-playground.pem"


async def test_a_good_request_comes_in_and_its_chain_is_fetched_once(world: World) -> None:
    assert (await world.asks())["request"]["type"] == "LaunchRequest"
    await world.asks(world.body(number="2"))
    assert world.fetched == ["/echo.api/echo-api-cert-playground.pem"]


async def test_many_requests_at_once_fetch_the_chain_once(world: World) -> None:
    await asyncio.gather(*(world.asks(world.body(number=str(number))) for number in range(20)))
    assert len(world.fetched) == 1


async def test_each_of_several_skills_comes_in(world: World) -> None:
    assert await world.asks(world.body(skill="amzn1.ask.skill.second"))


@pytest.mark.parametrize(
    "url",
    [
        CHAIN,
        "https://s3.amazonaws.com:443/echo.api/echo-api-cert-playground.pem",
        "HTTPS://S3.AmazonAWS.com/echo.api/../echo.api/echo-api-cert-playground.pem",
    ],
)
def test_a_chain_may_lie_where_amazon_says(url: str) -> None:
    assert chain_address(url) == CHAIN


@pytest.mark.parametrize(
    "url",
    [
        "http://s3.amazonaws.com/echo.api/c.pem",
        "https://notamazon.com/echo.api/c.pem",
        "https://s3.amazonaws.com.evil.org/echo.api/c.pem",
        "https://s3.amazonaws.com@evil.org/echo.api/c.pem",
        "https://s3.amazonaws.com/EcHo.aPi/c.pem",
        "https://s3.amazonaws.com/invalid.path/c.pem",
        "https://s3.amazonaws.com/echo.api/../evil/c.pem",
        "https://s3.amazonaws.com/echo.api/%2e%2e/evil/c.pem",
        "https://s3.amazonaws.com/echo.api%2f..%2fevil/c.pem",
        "https://s3.amazonaws.com/echo.api/..\\evil/c.pem",
        "https://s3.amazonaws.com/echo.apis/c.pem",
        "https://s3.amazonaws.com//echo.api/c.pem",
        "https://s3.amazonaws.com/echo.api/c.pem?x=1",
        "https://s3.amazonaws.com/echo.api/c.pem#x",
        "https://s3.amazonaws.com/echo.api/\nc.pem",
        "https://s3.amazonaws.com:563/echo.api/c.pem",
        "https://s3.amazonaws.com:99999/echo.api/c.pem",
        "https://s3.amazonaws.com:/echo.api/c.pem",
        "https://s3.amazonaws.com/echo.api/" + "x" * 600,
        "file:///echo.api/c.pem",
        "",
    ],
)
async def test_a_chain_may_lie_nowhere_else_and_is_not_even_fetched(world: World, url: str) -> None:
    with pytest.raises(Unauthenticated):
        chain_address(url)
    with pytest.raises(Unauthenticated):
        await world.asks(url=url or " ")
    assert world.fetched == []


async def test_a_changed_body_is_turned_away(world: World) -> None:
    body = world.body()
    with pytest.raises(Unauthenticated):
        await world.verifier.verify(world.headers(body), body + b" ")


async def test_another_key_is_turned_away(world: World, stranger: Certified) -> None:
    with pytest.raises(Unauthenticated):
        await world.asks(signer=stranger)


@pytest.mark.parametrize("without", ["signature-256", "signaturecertchainurl"])
@pytest.mark.parametrize("twice", [False, True])
async def test_a_header_that_is_missing_or_doubled_is_turned_away(world: World, without: str, twice: bool) -> None:
    body = world.body()
    headers = world.headers(body)
    headers = headers * 2 if twice else [each for each in headers if each[0].decode() != without]
    with pytest.raises(Unauthenticated):
        await world.verifier.verify(headers, body)


@pytest.mark.parametrize("signature", [b"", b"!!!", b"AAAA", "ä".encode("latin-1")])
async def test_a_signature_that_is_none_is_turned_away(world: World, signature: bytes) -> None:
    body = world.body()
    headers: Headers = [(key, signature if key == b"signature-256" else value) for key, value in world.headers(body)]
    with pytest.raises(Unauthenticated):
        await world.verifier.verify(headers, body)


@pytest.mark.parametrize(("seconds", "good"), [(-151, False), (-149, True), (149, True), (151, False)])
async def test_a_request_is_good_for_150_seconds(world: World, seconds: int, good: bool) -> None:
    body = world.body(at=NOW + timedelta(seconds=seconds))
    if good:
        assert await world.asks(body)
    else:
        with pytest.raises(Unauthenticated):
            await world.asks(body)


async def test_a_skill_event_is_good_for_an_hour(world: World) -> None:
    assert await world.asks(world.body(at=NOW - timedelta(minutes=59), type="AlexaSkillEvent.SkillDisabled"))
    with pytest.raises(Unauthenticated):
        await world.asks(world.body(at=NOW - timedelta(minutes=61), type="AlexaSkillEvent.SkillDisabled", number="2"))


async def test_another_skill_is_turned_away(world: World) -> None:
    with pytest.raises(Unauthenticated):
        await world.asks(world.body(skill=OTHER_SKILL))


async def test_the_same_request_comes_in_once_unless_it_could_not_be_answered(world: World) -> None:
    envelope = await world.asks()
    with pytest.raises(Unauthenticated):
        await world.asks()
    world.verifier.forget(envelope)
    assert await world.asks()


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"request": {}}', b'{"request": null, "context": 1}'],
)
async def test_signed_nonsense_is_turned_away(world: World, body: bytes) -> None:
    with pytest.raises(Unauthenticated):
        await world.asks(body)


@pytest.mark.parametrize("timestamp", [None, 5, "", "yesterday", "2026-11-25T12:00:00", "9999-99-99T00:00:00Z"])
async def test_a_time_that_is_none_is_turned_away(world: World, timestamp: Any) -> None:
    with pytest.raises(Unauthenticated):
        await world.asks(world.body(timestamp=timestamp))


async def _turned_away_with(world: World, certified: Certified) -> None:
    world.pages["/echo.api/echo-api-cert-playground.pem"] = certified.chain_pem
    with pytest.raises(Unauthenticated):
        await world.asks(signer=certified)


async def test_an_expired_leaf_is_turned_away(world: World, authority: Authority) -> None:
    await _turned_away_with(world, authority.issue(["echo-api.amazon.com"], rsa_key=True, days=(-9, -1)))


async def test_a_leaf_that_is_not_good_yet_is_turned_away(world: World, authority: Authority) -> None:
    await _turned_away_with(world, authority.issue(["echo-api.amazon.com"], rsa_key=True, days=(1, 9)))


async def test_a_leaf_of_another_name_is_turned_away(world: World, authority: Authority) -> None:
    await _turned_away_with(world, authority.issue(["echo-api.amazon.com.evil.org"], rsa_key=True))


async def test_a_leaf_with_another_kind_of_key_is_turned_away(world: World, alexa: Certified) -> None:
    odd = world.authority.issue(["echo-api.amazon.com"])
    world.pages["/echo.api/echo-api-cert-playground.pem"] = odd.chain_pem
    with pytest.raises(Unauthenticated):
        await world.asks(signer=alexa)


async def test_an_unknown_root_is_turned_away(world: World, stranger: Certified) -> None:
    await _turned_away_with(world, stranger)


async def test_a_kept_key_is_good_only_until_its_leaf_expires(world: World) -> None:
    await world.asks()
    world.now = NOW + timedelta(days=15)
    with pytest.raises(Unauthenticated):
        await world.asks(world.body(number="2"))
    assert len(world.fetched) == 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"not a certificate",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"x" * (chains.MOST_BYTES + 1),
    ],
)
async def test_a_garbage_chain_is_turned_away_and_not_kept(world: World, garbage: bytes) -> None:
    good = world.pages["/echo.api/echo-api-cert-playground.pem"]
    world.pages["/echo.api/echo-api-cert-playground.pem"] = garbage
    with pytest.raises(Unauthenticated):
        await world.asks()
    world.pages["/echo.api/echo-api-cert-playground.pem"] = good
    assert await world.asks()


async def test_a_chain_that_never_ends_is_given_up(world: World) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
            await writer.drain()

    world.pages["/echo.api/echo-api-cert-playground.pem"] = endless
    with pytest.raises(Unauthenticated):
        await world.asks()
    assert sent < 200 * chains.MOST_BYTES


async def test_a_redirect_is_not_followed(world: World) -> None:
    async def elsewhere(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: https://s3.amazonaws.com/evil.pem\r\nContent-Length: 0\r\n\r\n")

    world.pages["/echo.api/echo-api-cert-playground.pem"] = elsewhere
    with pytest.raises(Unauthenticated):
        await world.asks()
    assert len(world.fetched) == 1


async def test_a_store_that_hangs_is_given_up_and_known_keys_still_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    await world.asks()
    monkeypatch.setattr(chains, "SECONDS", 0.2)
    url = "https://s3.amazonaws.com/echo.api/hangs.pem"
    world.pages["/echo.api/hangs.pem"] = hang
    with pytest.raises(ChainUnreachable):
        await world.asks(world.body(number="2"), url=url)
    assert await world.asks(world.body(number="3"))


async def test_no_more_than_a_few_chains_are_kept(world: World) -> None:
    page = world.pages["/echo.api/echo-api-cert-playground.pem"]
    for number in range(chains.MOST_KEPT + 4):
        world.pages[f"/echo.api/{number}.pem"] = page
        await world.asks(world.body(number=str(number)), url=f"https://s3.amazonaws.com/echo.api/{number}.pem")
    await world.asks(world.body(number="again"), url="https://s3.amazonaws.com/echo.api/0.pem")
    assert world.fetched.count("/echo.api/0.pem") == 2


def _relayed(world: World, body: bytes, secret: str = SECRET, seconds: int = 0) -> Headers:
    time = str(int(world.now.timestamp()) + seconds)
    signed = {RELAY_TIME: time, RELAY_SIGNATURE: relay_signature(secret, time, body)}
    return [(key.lower().encode(), value.encode()) for key, value in signed.items()]


async def test_the_relay_comes_in_with_its_secret(world: World) -> None:
    body = world.body()
    assert await world.verifier.verify(_relayed(world, body), body)
    assert world.fetched == []


@pytest.mark.parametrize("how", [{"secret": "another"}, {"seconds": -151}, {"seconds": 151}])
async def test_the_relay_is_turned_away_with_another_secret_or_time(world: World, how: dict[str, Any]) -> None:
    body = world.body()
    with pytest.raises(Unauthenticated):
        await world.verifier.verify(_relayed(world, body, **how), body)


async def test_the_relays_requests_are_checked_for_skill_and_replay_too(world: World) -> None:
    body = world.body(skill=OTHER_SKILL)
    with pytest.raises(Unauthenticated):
        await world.verifier.verify(_relayed(world, body), body)
    body = world.body()
    await world.verifier.verify(_relayed(world, body), body)
    with pytest.raises(Unauthenticated):
        await world.verifier.verify(_relayed(world, body), body)
