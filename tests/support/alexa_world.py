"""A stand-in for Amazon with real TLS, certificates and signatures; and the verifier that must judge it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from integrations.playground.echo.amazon import STORE, Endpoint, server_context
from integrations.playground.echo.certificates import Authority, Certified
from skills.release_desk.chains import Chains, read_roots
from skills.release_desk.fetching import chain_client
from skills.release_desk.verify import Headers, Verifier

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SKILL = "amzn1.ask.skill.desk"
OTHER_SKILL = "amzn1.ask.skill.other"
SECRET = "a-secret-of-the-relay"


@dataclass
class World:
    """What a test changes: the clock, the pages of the store, and who signs."""

    authority: Authority
    alexa: Certified
    client: httpx.AsyncClient
    pages: dict[str, bytes | Callable[[asyncio.StreamWriter], Any]]
    fetched: list[str]
    now: datetime = NOW
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        chains = Chains(read_roots(self.authority.root_pem), self.client, lambda: self.now)
        self.verifier = Verifier(
            skills={SKILL, "amzn1.ask.skill.second"}, now=lambda: self.now, chains=chains, relay_secret=SECRET
        )

    def body(self, *, skill: str = SKILL, at: datetime | None = None, number: str = "1", **request: Any) -> bytes:
        application = {"applicationId": skill}
        envelope = {
            "session": {"application": application},
            "context": {"System": {"application": application}},
            "request": {
                "type": "LaunchRequest",
                "requestId": number,
                "timestamp": (at or self.now).strftime("%Y-%m-%dT%H:%M:%SZ"),
                **request,
            },
        }
        return json.dumps(envelope).encode()

    def headers(self, body: bytes, *, url: str | None = None, signer: Certified | None = None) -> Headers:
        signed = Endpoint("http://127.0.0.1", signer or self.alexa, self.client).headers(body)
        signed |= {"SignatureCertChainUrl": url} if url else {}
        return [(key.lower().encode(), value.encode()) for key, value in signed.items()]

    async def asks(self, body: bytes | None = None, **how: Any) -> dict[str, Any]:
        body = self.body() if body is None else body
        return await self.verifier.verify(self.headers(body, **how), body)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority(NOW)


@pytest.fixture(scope="session")
def alexa(authority: Authority) -> Certified:
    return authority.issue(["echo-api.amazon.com"], rsa_key=True)


@pytest.fixture(scope="session")
def stranger() -> Certified:
    return Authority(NOW).issue(["echo-api.amazon.com"], rsa_key=True)


@pytest.fixture
async def world(authority: Authority, alexa: Certified) -> AsyncIterator[World]:
    pages: dict[str, Any] = {"/echo.api/echo-api-cert-playground.pem": alexa.chain_pem}
    fetched: list[str] = []
    # TLS is checked by the real clock, which a test does not set.
    outside = Authority(datetime.now(UTC))
    async with (
        _store(outside, pages, fetched) as port,
        chain_client(outside.root_pem.decode(), ("127.0.0.1", port)) as client,
    ):
        yield World(authority, alexa, client, pages, fetched)


@asynccontextmanager
async def _store(outside: Authority, pages: dict[str, Any], fetched: list[str]) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            fetched.append(path)
            page = pages.get(path)
            if callable(page):
                await page(writer)
            elif page is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page))
            await writer.drain()
        except OSError:
            pass  # the client has seen enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(outside.issue([STORE])))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
