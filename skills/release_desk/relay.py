"""The skill's Lambda function: hands each request on to Sayso's server, and nothing more. Standard library only.

It may do nothing by itself: it has no rights in AWS and knows neither services nor people. Lambda checks who calls it
(the permission names the skill's id); here the id in the request is checked once more. Set `SAYSO_URL`,
`ALEXA_SKILL_ID` (several separated by commas) and `ALEXA_RELAY_SECRET`, the same as on the server.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

SECONDS = 6.5
"""For the server's answer; Alexa waits 8 for ours."""
MOST_BYTES = 256 * 1024


class RelayError(Exception):
    """The request was not handed on; Alexa says that there was a problem."""


def handler(event: dict[str, Any], _context: object = None) -> Any:
    """Hand the request on and give the server's answer; raises `RelayError` with the reason, for CloudWatch."""
    return relay(event, os.environ, time.time())


def relay(event: dict[str, Any], settings: Mapping[str, str], now: float) -> Any:
    """Sign the request and post it to `SAYSO_URL`/alexa; `now` is in seconds since 1970."""
    missing = [name for name in ("SAYSO_URL", "ALEXA_SKILL_ID", "ALEXA_RELAY_SECRET") if not settings.get(name)]
    if missing:
        raise RelayError(f"Set {' and '.join(missing)} in the function's environment.")
    allowed = {each.strip() for each in settings["ALEXA_SKILL_ID"].split(",")}
    if _skill(event) not in allowed:
        raise RelayError("This request is not for our skill.")
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    seconds = str(int(now))
    # The same in skills/release_desk/verify.py; written out here, so that this file alone is the function.
    basis = b"v0:%b:%b" % (seconds.encode(), body)
    digest = hmac.new(settings["ALEXA_RELAY_SECRET"].encode(), basis, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Sayso-Timestamp": seconds,
        "X-Sayso-Signature": f"v0={digest}",
    }
    status, answer = _post(settings["SAYSO_URL"], body, headers)
    if status != http.client.OK:
        raise RelayError(f"Sayso at {settings['SAYSO_URL']} answered HTTP {status}.")
    try:
        return json.loads(answer)
    except ValueError as error:
        raise RelayError(f"What answered at {settings['SAYSO_URL']} is not Sayso.") from error


def _skill(event: dict[str, Any]) -> str | None:
    try:
        return str(event["context"]["System"]["application"]["applicationId"])
    except (KeyError, TypeError):
        return None


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    parts = urlsplit(url)
    here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.scheme not in ({"https", "http"} if here else {"https"}):
        raise RelayError("SAYSO_URL must be an https address.")
    connection = (
        http.client.HTTPSConnection(parts.netloc, timeout=SECONDS, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    )
    try:
        connection.request("POST", f"{parts.path.rstrip('/')}/alexa", body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read(MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise RelayError(f"Sayso at {url} can't be reached: {error or type(error).__name__}.") from error
    finally:
        connection.close()
