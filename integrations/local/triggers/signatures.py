"""Tells whether a webhook comes from who knows its secret, by its raw bytes, before anything in it is read."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

WINDOW = 300
"""Seconds that a signed moment may be off (Standard Webhooks, "Verifying webhook authenticity")."""


def proves(kind: str, secret: str, headers: Mapping[str, str], body: bytes, *, in_path: str | None, now: float) -> bool:
    """Tell whether a request proves that its sender knows the secret.

    `headers` by small name; `in_path` is the secret in the address, where a registry sends it so; `now` is in seconds
    since 1970.
    """
    key = secret.encode()
    match kind:
        case "github":  # docs.github.com, "Validating webhook deliveries"
            return _signed(headers.get("x-hub-signature-256", ""), key, body)
        case "bitbucket":  # support.atlassian.com, "Manage webhooks", secure webhooks
            return _signed(headers.get("x-hub-signature", ""), key, body)
        case "gitlab" if "webhook-signature" in headers:  # GitLab's signing token: the Standard Webhooks way
            return _standard(secret, headers, body, now)
        case "gitlab":  # docs.gitlab.com, "Webhooks", secret token
            return _same(headers.get("x-gitlab-token", ""), secret)
        case "artifactory" if in_path is None:  # jfrog.com, "Webhooks": the secret itself, or a signature with it
            given = headers.get("x-jfrog-event-auth", "")
            return _same(given, secret) or _same(given.lower(), hmac.new(key, body, hashlib.sha256).hexdigest())
        case _:
            return in_path is not None and _same(in_path, secret)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _signed(header: str, key: bytes, body: bytes) -> bool:
    return _same(header, f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}")


def _standard(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    given, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not given or not moment.isdecimal() or len(moment) > 12 or abs(now - int(moment)) > WINDOW:
        return False
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = secret.encode()
    digest = hmac.new(key, f"{given}.{moment}.".encode() + body, hashlib.sha256).digest()
    right = f"v1,{base64.b64encode(digest).decode()}"
    return any(_same(each, right) for each in headers.get("webhook-signature", "").split(" "))
