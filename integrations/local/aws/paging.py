"""Makes pagination tokens: opaque, bound to the question they belong to, and not to be made by others."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from integrations.local.aws.problems import Problem

LONGEST = 2048
"""Characters, as in the model."""
_TAG = 16


class Pages:
    """Tokens of one endpoint; `code` is the service's error for one that is none."""

    def __init__(self, secret: SecretStr, code: str = "InvalidNextTokenException") -> None:
        self._key = hashlib.sha256(b"pages:" + secret.get_secret_value().encode()).digest()
        self._code = code

    def after(self, operation: str, given: Mapping[str, Any]) -> str | None:
        """Give where the asked page begins; None for the first one."""
        token = given.get("nextToken")
        if token is None:
            return None
        try:
            raw = base64.urlsafe_b64decode(token.encode() if len(token) <= LONGEST else b"!")
        except (binascii.Error, ValueError):
            raw = b""
        tag, after = raw[:_TAG], raw[_TAG:]
        if not hmac.compare_digest(tag, self._tag(operation, given, after)):
            raise Problem(self._code, "The next token is not one that this question gave. Start without one.")
        return after.decode()

    def token(self, operation: str, given: Mapping[str, Any], after: str | None) -> str | None:
        """Give the token of the next page; None if there is none."""
        if after is None:
            return None
        return base64.urlsafe_b64encode(self._tag(operation, given, after.encode()) + after.encode()).decode()

    def _tag(self, operation: str, given: Mapping[str, Any], after: bytes) -> bytes:
        asked = {name: value for name, value in given.items() if name not in {"nextToken", "maxResults"}}
        question = json.dumps([operation, asked], sort_keys=True).encode()
        return hmac.digest(self._key, question + b"\0" + after, "sha256")[:_TAG]
