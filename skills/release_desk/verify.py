"""Lets a request to the skill in only if its raw bytes prove themselves: signature first, then time, skill, replay.

Two senders are known: Alexa (a certificate chain of Amazon's) and our own Lambda relay (a shared secret). Rules: ASK,
"Host a Custom Skill as a Web Service". Nobody is told which check failed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from bot.core.errors import Unauthenticated
from skills.release_desk.chains import Chains

WINDOW: Final = timedelta(seconds=150)
EVENT_WINDOW: Final = timedelta(hours=1)
"""For skill events, which Alexa delivers again for a while."""
RELAY_TIME, RELAY_SIGNATURE = "X-Sayso-Timestamp", "X-Sayso-Signature"
_TIME = re.compile(r"[0-9]{1,12}")

Headers = list[tuple[bytes, bytes]]
"""As in ASGI."""


class Replays:
    """The ids of requests that had their effect while their window is open.

    In the memory of one process: the desk's own idempotency, by the same id, holds across restarts and replicas.
    """

    def __init__(self, most: int = 8192) -> None:
        self._most = most
        self._seen: OrderedDict[str, datetime] = OrderedDict()

    def first(self, request_id: str, now: datetime, until: datetime) -> bool:
        """Note the id; tell whether it is new."""
        if self._seen.get(request_id, now) > now:
            return False
        self._seen[request_id] = until
        self._seen.move_to_end(request_id)
        while len(self._seen) > self._most or (self._seen and next(iter(self._seen.values())) <= now):
            self._seen.popitem(last=False)
        return True

    def forget(self, request_id: str) -> None:
        """Let the same request in again, because it had no effect."""
        self._seen.pop(request_id, None)


class Verifier:
    """Checks requests for these skills. Without `chains` Alexa itself can't speak, without `relay_secret` the relay."""

    def __init__(
        self,
        *,
        skills: Iterable[str],
        now: Callable[[], datetime],
        chains: Chains | None = None,
        relay_secret: str | None = None,
    ) -> None:
        """Take the skills' ids and a clock with a time zone."""
        self._skills = frozenset(skills)
        self._now = now
        self._chains = chains
        self._relay_secret = relay_secret
        self._replays = Replays()

    async def verify(self, headers: Headers, body: bytes) -> dict[str, Any]:
        """Give the envelope of a request that is good; raises `Unauthenticated` (also `ChainUnreachable`)."""
        if _all(headers, RELAY_SIGNATURE):
            self._check_relay(headers, body)
        else:
            await self._check_alexa(headers, body)
        return self._check_content(body)

    def forget(self, envelope: dict[str, Any]) -> None:
        """Let this request in again: it was good, but could not be answered."""
        self._replays.forget(str(envelope["request"]["requestId"]))

    def _check_relay(self, headers: Headers, body: bytes) -> None:
        time, signature = _single(headers, RELAY_TIME), _single(headers, RELAY_SIGNATURE)
        if self._relay_secret is None or not _TIME.fullmatch(time):
            raise Unauthenticated
        expected = relay_signature(self._relay_secret, time, body)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise Unauthenticated
        if abs(self._now().timestamp() - int(time)) > WINDOW.total_seconds():
            raise Unauthenticated

    async def _check_alexa(self, headers: Headers, body: bytes) -> None:
        named, signature = _single(headers, "SignatureCertChainUrl"), _single(headers, "Signature-256")
        if self._chains is None:
            raise Unauthenticated
        key = await self._chains.key(named)
        try:
            key.verify(b64decode(signature, validate=True), body, PKCS1v15(), SHA256())
        except (ValueError, InvalidSignature) as error:
            raise Unauthenticated from error

    def _check_content(self, body: bytes) -> dict[str, Any]:
        """Check what only a known sender is believed; everything that is missing is wrong."""
        try:
            envelope = json.loads(body)
            request = envelope["request"]
            kind, request_id = str(request["type"]), str(request["requestId"])
            sent = datetime.fromisoformat(request["timestamp"])
            skills = {envelope["context"]["System"]["application"]["applicationId"]}
            if session := envelope.get("session"):
                skills.add(session["application"]["applicationId"])
            window = EVENT_WINDOW if kind.startswith("AlexaSkillEvent.") else WINDOW
            now = self._now()
            if not skills <= self._skills or abs(now - sent) > window:
                raise Unauthenticated
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise Unauthenticated from error
        if not self._replays.first(request_id, now, sent + window):
            raise Unauthenticated
        return dict(envelope)


def relay_signature(secret: str, time: str, body: bytes) -> str:
    """Sign these bytes at this time (seconds since 1970): `v0=` and the HMAC-SHA256 of `v0:time:body`, in hex."""
    return "v0=" + hmac.new(secret.encode(), b"v0:%b:%b" % (time.encode(), body), hashlib.sha256).hexdigest()


def _all(headers: Headers, name: str) -> list[bytes]:
    wanted = name.lower().encode()
    return [value for key, value in headers if key.lower() == wanted]


def _single(headers: Headers, name: str) -> str:
    """Find a header that stands there exactly once, so that nobody after us can read another one."""
    found = _all(headers, name)
    if len(found) != 1:
        raise Unauthenticated
    return found[0].decode("latin-1")
