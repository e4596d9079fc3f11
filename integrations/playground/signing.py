"""Slack's request signature (docs.slack.dev, "Verifying requests from Slack")."""

from __future__ import annotations

import hashlib
import hmac


def signature_headers(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Sign exactly these bytes: `v0=` and the HMAC-SHA256 of `v0:timestamp:body`."""
    digest = hmac.new(secret.encode(), b"v0:%d:%b" % (timestamp, body), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"v0={digest}"}
