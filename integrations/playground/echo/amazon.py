"""What of Amazon a skill's server talks to: signed requests, and the place where their certificate chain lies."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from integrations.playground.echo.certificates import Certified
from integrations.playground.echo.turn import NoAnswer

SPEAKER: Final = "echo-api.amazon.com"
STORE: Final = "s3.amazonaws.com"
CHAIN_PATH: Final = "/echo.api/echo-api-cert-playground.pem"


@dataclass(slots=True)
class Exchange:
    """One request to a skill and what came back; `status` is 0 while there is no answer."""

    headers: dict[str, str]
    body: bytes
    status: int = 0
    answer: str = ""
    seconds: float = 0.0


class Endpoint:
    """A skill behind HTTP: signs each envelope as Alexa does and posts it. A `Skill` of the device."""

    def __init__(
        self,
        url: str,
        certified: Certified,
        http: httpx.AsyncClient,
        note: Callable[[Exchange], None] = lambda _: None,
    ) -> None:
        """Take the skill's whole address, as `http://127.0.0.1:8080/alexa`; `note` is told of every exchange."""
        self._url = url
        self._key = certified.key
        self._http = http
        self._note = note

    def headers(self, body: bytes) -> dict[str, str]:
        """Sign exactly these bytes (ASK, "Host a Custom Skill as a Web Service")."""
        assert isinstance(self._key, RSAPrivateKey)
        return {
            "Content-Type": "application/json; charset=utf-8",
            "SignatureCertChainUrl": f"https://{STORE}{CHAIN_PATH}",
            "Signature": b64encode(self._key.sign(body, PKCS1v15(), SHA1())).decode(),  # noqa: S303  Alexa sends both
            "Signature-256": b64encode(self._key.sign(body, PKCS1v15(), SHA256())).decode(),
        }

    async def __call__(self, envelope: dict[str, Any]) -> Any:
        """Ask the skill; raises `NoAnswer`."""
        body = json.dumps(envelope, ensure_ascii=False).encode()
        exchange = Exchange(self.headers(body), body)
        began = time.perf_counter()
        try:
            response = await self._http.post(self._url, content=body, headers=exchange.headers, timeout=None)
            exchange.status, exchange.answer = response.status_code, response.text
        except httpx.HTTPError as error:
            raise NoAnswer(f"The skill at {self._url} does not answer ({type(error).__name__}).") from error
        finally:  # also when the device has waited long enough
            exchange.seconds = time.perf_counter() - began
            self._note(exchange)
        if not response.is_success:
            raise NoAnswer(f"The skill answered HTTP {response.status_code}: {response.text[:200]}")
        try:
            return response.json()
        except ValueError as error:
            raise NoAnswer("The skill's answer is no JSON.") from error


@asynccontextmanager
async def chain_store(own: Certified, chain: bytes, port: int = 0) -> AsyncIterator[int]:
    """Serve the chain over TLS as the host where Amazon's lies, which `own` is for, on loopback; gives the port."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(chain), chain)
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(answer if head.startswith(f"GET {CHAIN_PATH} ".encode()) else missing)
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asks so is not answered
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=server_context(own))
    async with server:
        yield server.sockets[0].getsockname()[1]


def server_context(certified: Certified) -> ssl.SSLContext:
    """Make a TLS server's context; OpenSSL reads keys from files only, so one lives for a moment."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain.pem"), Path(folder, "key.pem")
        key.touch(mode=0o600)
        chain.write_bytes(certified.chain_pem)
        key.write_bytes(certified.key_pem)
        context.load_cert_chain(chain, key)
    return context
