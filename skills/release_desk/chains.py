"""The certificate chain that a request names: where it may lie, and the key in it once it has proved itself."""

from __future__ import annotations

import asyncio
import posixpath
import re
import ssl
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from bot.core.errors import Unauthenticated

NAME: Final = "echo-api.amazon.com"
HOST: Final = "s3.amazonaws.com"
FOLDER: Final = "/echo.api/"
MOST_BYTES: Final = 64 * 1024
"""Amazon's chain has about 6 KB."""
MOST_CERTIFICATES: Final = 8
MOST_KEPT: Final = 16
"""Amazon uses one address for months; more are somebody trying."""
MOST_AT_ONCE: Final = 4
SECONDS: Final = 2.0
"""For the whole fetch; Alexa waits 8 s for the answer."""
_ADDRESS = re.compile(r"[A-Za-z0-9._~:/-]{1,512}")


class ChainUnreachable(Unauthenticated):
    """The certificate that the request names can't be fetched just now."""


def chain_address(named: str) -> str:
    """Give the address in its normal form, if Amazon's chains may lie there; raises `Unauthenticated`.

    Rules: ASK, "Host a Custom Skill as a Web Service", checking the signature certificate's URL: https, this host in
    any case, port 443 or none, and, once `..` is resolved, this folder in exactly this case. Stricter than that: no
    escapes, query, fragment or user, which Amazon never sends and which only make addresses ambiguous.
    """
    if not _ADDRESS.fullmatch(named):
        raise Unauthenticated
    try:
        parts = urlsplit(named)
        port = parts.port
    except ValueError as error:
        raise Unauthenticated from error
    path = posixpath.normpath(parts.path)
    if parts.scheme != "https" or parts.netloc.lower() not in {HOST, f"{HOST}:443"} or port not in {None, 443}:
        raise Unauthenticated
    if not parts.path.startswith("/") or parts.path.startswith("//") or not path.startswith(FOLDER):
        raise Unauthenticated
    return f"https://{HOST}{path}"


def read_roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Read trusted roots; those that the library can't read or warns of are left out."""
    found = []
    for block in re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", pem, re.DOTALL):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                found.append(x509.load_pem_x509_certificate(block))
            except (ValueError, Warning):
                continue
    return tuple(found)


class Chains:
    """Keys by address, fetched once and kept until the first certificate of their chain expires."""

    def __init__(
        self, roots: Sequence[x509.Certificate], client: httpx.AsyncClient, now: Callable[[], datetime]
    ) -> None:
        """Take a client that follows no redirects; its own timeouts don't matter."""
        self._store = Store(list(roots))
        self._client = client
        self._now = now
        self._kept: OrderedDict[str, tuple[RSAPublicKey, datetime]] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[RSAPublicKey]] = {}

    async def key(self, named: str) -> RSAPublicKey:
        """Give the key of the chain at this address; raises `Unauthenticated` (`ChainUnreachable`: try again)."""
        address = chain_address(named)
        kept = self._kept.get(address)
        if kept and self._now() < kept[1]:
            self._kept.move_to_end(address)
            return kept[0]
        task = self._fetching.get(address)
        if task is None:
            if len(self._fetching) >= MOST_AT_ONCE:
                raise ChainUnreachable
            task = asyncio.create_task(self._fetched(address))
            self._fetching[address] = task
            task.add_done_callback(lambda done: self._done(address, done))
        return await asyncio.shield(task)

    def _done(self, address: str, task: asyncio.Task[RSAPublicKey]) -> None:
        self._fetching.pop(address, None)
        if not task.cancelled():
            task.exception()  # whoever asked may have left; the next one asks anew

    async def _fetched(self, address: str) -> RSAPublicKey:
        pem = await self._fetch(address)
        key, until = self._proved(pem)
        self._kept[address] = key, until
        self._kept.move_to_end(address)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return key

    async def _fetch(self, address: str) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(SECONDS), self._client.stream("GET", address) as response:
                if response.status_code != httpx.codes.OK:
                    raise Unauthenticated if response.is_client_error else ChainUnreachable
                async for part in response.aiter_raw():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise Unauthenticated
        except (TimeoutError, httpx.HTTPError, ssl.SSLError) as error:
            raise ChainUnreachable from error
        return bytes(body)

    def _proved(self, pem: bytes) -> tuple[RSAPublicKey, datetime]:
        """Check the chain up to a trusted root, its times, and the name in its leaf."""
        now = self._now()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a stranger's certificate: it may be odd, and is checked below
                leaf, *others = x509.load_pem_x509_certificates(pem)
                if len(others) >= MOST_CERTIFICATES:
                    raise Unauthenticated
                verifier = PolicyBuilder().store(self._store).time(now).build_server_verifier(x509.DNSName(NAME))
                chain = verifier.verify(leaf, others)
                key = leaf.public_key()
        except (ValueError, UnsupportedAlgorithm, VerificationError) as error:
            raise Unauthenticated from error
        if not isinstance(key, RSAPublicKey):
            raise Unauthenticated
        return key, min(each.not_valid_after_utc for each in chain)
