"""Lets a request from Slack in only if its raw bytes prove themselves: size, signature, time, then shape."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from pydantic import SecretStr

from bot.core.errors import BadInput, SaysoError, Unauthenticated
from bot.core.wording import say
from bot.slack.envelopes import check_event, check_interaction

LARGEST_BODY = 512 * 1024
"""Bytes. Slack's largest requests, modal submissions, stay far below."""
WINDOW = 300
"""Seconds that a signature is good for (docs.slack.dev, "Verifying requests from Slack")."""
_TIMESTAMP = re.compile(rb"[0-9]{1,12}")
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


class TooLarge(BadInput):
    """The request is larger than anything that Slack sends."""


def status_of(error: SaysoError) -> HTTPStatus:
    """Give the HTTP status for what the guard raised."""
    if isinstance(error, Unauthenticated):
        return HTTPStatus.UNAUTHORIZED
    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if isinstance(error, TooLarge) else HTTPStatus.BAD_REQUEST


def verify(secret: SecretStr, headers: list[tuple[bytes, bytes]], body: bytes, *, now: float) -> str:
    """Check who sent these bytes and when; give the signature. `headers` is as in ASGI, `now` in seconds since 1970.

    Raises `Unauthenticated`, and says no more than that to a stranger: which check failed is nobody's business.
    """
    timestamp = _single(headers, b"x-slack-request-timestamp")
    signature = _single(headers, b"x-slack-signature")
    if not _TIMESTAMP.fullmatch(timestamp) or abs(now - int(timestamp)) > WINDOW:
        raise Unauthenticated
    basis = b"v0:" + timestamp + b":" + body
    expected = b"v0=" + hmac.new(secret.get_secret_value().encode(), basis, hashlib.sha256).hexdigest().encode()
    if not hmac.compare_digest(expected, signature):
        raise Unauthenticated
    return signature.decode()


def _single(headers: list[tuple[bytes, bytes]], name: bytes) -> bytes:
    """Find a header that stands there exactly once, so that nobody after us can read another one."""
    found = [value for key, value in headers if key.lower() == name]
    if len(found) != 1:
        raise Unauthenticated
    return found[0]


def check_shape(content_type: str, body: bytes) -> None:
    """Check that verified bytes are a form or JSON document as Slack sends them; `BadInput` otherwise."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        text = body.decode()
        if kind == _JSON:
            check_event(_writable(json.loads(text)))
        elif kind == _FORM:
            _check_form(parse_qs(text, keep_blank_values=True))
        else:
            raise BadInput(say("slack.guard.content_type"))
    except (ValueError, RecursionError) as error:  # ValueError: not UTF-8, not JSON, another shape
        raise BadInput(say("slack.guard.malformed")) from error


def _check_form(fields: Mapping[str, list[str]]) -> None:
    if "payload" in fields:
        check_interaction(_writable(json.loads(fields["payload"][-1])))
    elif "command" not in fields and "ssl_check" not in fields:
        raise BadInput(say("slack.guard.malformed"))


def _writable(payload: Any) -> Any:
    """Give it back if it can be written down again, which lone surrogates can't."""
    json.dumps(payload, ensure_ascii=False).encode()
    return payload


class Replays:
    """The signatures that had their effect lately; an identical request again has none.

    A request that failed is forgotten, so that Slack's own retry, which may come within the same second and then has
    the same signature, is let in. Across restarts the desk's idempotency keys do the same job.
    """

    def __init__(self, most: int = 8192) -> None:
        self._most = most
        self._seen: OrderedDict[str, None] = OrderedDict()

    def first(self, signature: str) -> bool:
        """Note the signature; tell whether it is new."""
        if signature in self._seen:
            return False
        self._seen[signature] = None
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True

    def forget(self, signature: str) -> None:
        """Let the same request in again."""
        self._seen.pop(signature, None)
