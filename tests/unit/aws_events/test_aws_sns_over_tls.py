"""SNS's certificate and confirmation are fetched over real TLS, from a host that an authority vouches for."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from bot.core.errors import BackendUnavailable
from integrations.aws.events.doors import Doors, get_over_https
from integrations.aws.events.hearing import Hearing
from integrations.aws.events.sns import read_message, signed_text
from integrations.playground.echo.certificates import Authority, Certified

HOST, TOPIC = "sns.eu-west-1.amazonaws.com", "arn:aws:sns:eu-west-1:123456789012:sayso"
PEM, CONFIRM = f"https://{HOST}/SimpleNotificationService-1.pem", f"https://{HOST}/?Action=ConfirmSubscription&Token=t"


@dataclass
class Internet:
    """One host, which every address leads to: a proxy takes each connection there, and TLS goes on to the end."""

    answers: dict[str, bytes] = field(default_factory=dict)
    """Whole HTTP answers by path."""
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.asked.append(path)
            writer.write(self.answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
            await writer.drain()
        await shut(writer)


async def shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@asynccontextmanager
async def internet(folder: Path, certified: Certified, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    found = Internet()
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(certified.chain_pem)
    key.write_bytes(certified.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    host = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        await shut(writer)

    tunnels: list[asyncio.Task[None]] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = asyncio.current_task()
        assert own is not None
        tunnels.append(own)
        await reader.readuntil(b"\r\n\r\n")
        inner = await asyncio.open_connection(*host.sockets[0].getsockname())
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, inner[1]), pump(inner[0], writer))

    proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    monkeypatch.setenv("HTTPS_PROXY", "http://{}:{}".format(*proxy.sockets[0].getsockname()))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    try:
        yield found
    finally:
        await asyncio.gather(*tunnels)
        proxy.close()
        host.close()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that this process trusts, and no other."""
    made = Authority(datetime.now(UTC))
    root = tmp_path / "root.pem"
    root.write_bytes(made.root_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    return made


def signed(signer: Certified, **more: str) -> dict[str, str]:
    detail = {"pipeline": "shop", "execution-id": "run-1", "state": "STARTED"}
    event = {"id": "e", "detail-type": "CodePipeline Pipeline Execution State Change", "detail": detail}
    made = {
        "Type": "Notification", "MessageId": "m", "TopicArn": TOPIC, "Timestamp": datetime.now(UTC).isoformat(),
        "Message": json.dumps(event), "SignatureVersion": "2", "SigningCertURL": PEM,
    } | more  # fmt: skip
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    text = signed_text(read_message(json.dumps(made).encode()))
    return made | {"Signature": base64.b64encode(signer.key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()}


async def test_a_topic_confirms_and_sends_with_a_certificate_that_is_fetched_once(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = authority.issue([HOST], rsa_key=True)
    heard: list[str] = []

    def news(run_id: str, *_: Any, **__: Any) -> None:
        heard.append(run_id)

    hearing = Hearing(news, dict[str, str]().get, frozenset({"shop"}), time.monotonic)
    doors = Doors(hearing, lambda: datetime.now(UTC), topics=frozenset({TOPIC}))
    transport = httpx.ASGITransport(doors.app())
    async with (
        internet(tmp_path, authority.issue([HOST]), monkeypatch) as net,
        httpx.AsyncClient(transport=transport, base_url="http://sayso") as sns,
    ):
        net.answers["/SimpleNotificationService-1.pem"] = ok(signer.certificates[0].public_bytes(Encoding.PEM))
        net.answers["/?Action=ConfirmSubscription&Token=t"] = ok(b"<ConfirmSubscriptionResponse/>")
        asked = signed(signer, Type="SubscriptionConfirmation", SubscribeURL=CONFIRM, Token="t", Message="confirm")
        for message in (asked, signed(signer)):
            assert (await sns.post("/sns", json=message)).status_code == 204
    assert heard == ["run-1"]
    assert net.asked == ["/SimpleNotificationService-1.pem", "/?Action=ConfirmSubscription&Token=t"]


@pytest.mark.parametrize("kind", ["another's name", "an unknown authority", "expired"])
async def test_a_host_that_nobody_vouches_for_is_not_believed(
    kind: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certified = {
        "another's name": lambda: authority.issue(["sns.us-east-1.amazonaws.com"]),
        "an unknown authority": lambda: Authority(datetime.now(UTC)).issue([HOST]),
        "expired": lambda: authority.issue([HOST], days=(-3, -1)),
    }[kind]()
    async with internet(tmp_path, certified, monkeypatch) as net:
        net.answers["/SimpleNotificationService-1.pem"] = ok(b"x")
        with pytest.raises(BackendUnavailable, match=r"SimpleNotificationService-1\.pem can't be fetched"):
            await get_over_https(PEM)
    assert net.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/a.pem\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        ok(b"x" * 70_000),
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    ],
    ids=["leads elsewhere", "refuses", "too long", "broken off"],
)
async def test_an_answer_that_is_no_certificate_is_not_taken(
    answer: bytes, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with internet(tmp_path, authority.issue([HOST]), monkeypatch) as net:
        net.answers["/SimpleNotificationService-1.pem"] = answer
        with pytest.raises(BackendUnavailable):
            await get_over_https(PEM)
    assert len(net.asked) == 1
