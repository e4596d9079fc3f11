"""What of Amazon a skill's server talks to: signed requests, and the place where their certificate chain lies."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from integrations.playground.echo.certificates import Authority, Certified
from integrations.playground.echo.turn import NoAnswer

SPEAKER: Final = "echo-api.amazon.com"
STORE: Final = "s3.amazonaws.com"
CHAIN_PATH: Final = "/echo.api/echo-api-cert-playground.pem"


class Endpoint:
    """A skill behind HTTP: signs each envelope as Alexa does and posts it. A `Skill` of the device."""

    def __init__(self, url: str, certified: Certified, http: httpx.AsyncClient) -> None:
        """Take the skill's whole address, as `http://127.0.0.1:8080/alexa`."""
        self._url = url
        self._key = certified.key
        self._http = http
        self.last: dict[str, Any] = {}
        """The last request with its headers, and the answer's status: for whoever wants to see it."""

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
        headers = self.headers(body)
        self.last = {"url": self._url, "headers": headers, "status": None}
        try:
            response = await self._http.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise NoAnswer(f"The skill at {self._url} does not answer ({type(error).__name__}).") from error
        self.last["status"] = response.status_code
        if not response.is_success:
            raise NoAnswer(f"The skill answered HTTP {response.status_code}: {response.text[:200]}")
        try:
            return response.json()
        except ValueError as error:
            raise NoAnswer("The skill's answer is no JSON.") from error


@asynccontextmanager
async def chain_store(authority: Authority, chain: bytes, port: int = 0) -> AsyncIterator[int]:
    """Serve the chain over TLS as the host where Amazon's lies, on loopback; gives the port."""
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

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=server_context(authority.issue([STORE])))
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
