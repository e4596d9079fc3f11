"""Verifies AWS Signature Version 4 by signing again with botocore's own signer."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pydantic import SecretStr

from integrations.local.aws.problems import Problem

LEEWAY = timedelta(minutes=5)
"""How far a client's clock may be off, as with AWS."""
MUST_BE_SIGNED = frozenset({"host", "x-amz-date", "x-amz-target"})
"""A header outside of the signature could be swapped: the operation, for one."""
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/, ]+)/(?P<date>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request"
    r" *, *SignedHeaders=(?P<headers>[\w;.-]+) *, *Signature=(?P<signature>[0-9a-f]{64})"
)
_DATE = "%Y%m%dT%H%M%SZ"


class Signed(NamedTuple):
    """What the signature covers; `target` is the path and query as they came, header names are lower case."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes


class Verifier:
    """Knows one key pair. There is no protection against a replay within the leeway, as with AWS."""

    def __init__(self, key_id: str, secret: SecretStr, clock: Callable[[], datetime]) -> None:
        self._key_id, self._secret, self._clock = key_id, secret, clock

    def verify(self, request: Signed, service: str) -> None:
        """Check the request's signature for a service; raises `Problem` as AWS does."""
        headers: dict[str, str] = {}
        for name, value in request.headers:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        found = _claimed(headers)
        if not hmac.compare_digest(found["key"].encode(), self._key_id.encode()):
            sentence = "The security token included in the request is invalid."
            raise Problem("UnrecognizedClientException", sentence, status=403)
        if found["service"] != service:
            raise _invalid(f"Credential should be scoped to correct service: '{service}'.")
        self._check_date(headers["x-amz-date"], found["date"])
        # The signer takes this header's word for the body's hash.
        claimed = headers.get("x-amz-content-sha256")
        if claimed and not hmac.compare_digest(claimed.encode(), hashlib.sha256(request.body).hexdigest().encode()):
            raise _invalid("The provided 'x-amz-content-sha256' header does not match what was computed.")
        again = AWSRequest(request.method, f"http://signed.invalid{request.target}", data=request.body)
        for name in found["headers"].split(";"):
            again.headers[name] = headers[name]
        again.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(Credentials(self._key_id, self._secret.get_secret_value()), service, found["region"])
        wanted = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        if not hmac.compare_digest(wanted, found["signature"]):
            raise _invalid(
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method."
            )

    def _check_date(self, date: str, day: str) -> None:
        try:
            then = datetime.strptime(date, _DATE).replace(tzinfo=UTC)
        except ValueError as error:
            sentence = "X-Amz-Date must be as 20260131T120000Z."
            raise Problem("IncompleteSignatureException", sentence, status=403) from error
        if not date.startswith(day):
            raise _invalid("Date in Credential scope does not match YYYYMMDD from X-Amz-Date.")
        now = self._clock()
        if then < now - LEEWAY:
            raise _invalid(f"Signature expired: {date} is now earlier than {now - LEEWAY:{_DATE}}.")
        if then > now + LEEWAY:
            raise _invalid(f"Signature not yet current: {date} is still later than {now + LEEWAY:{_DATE}}.")


def _claimed(headers: Mapping[str, str]) -> re.Match[str]:
    """Read the Authorization header, and see that what must be signed is said to be."""
    if "authorization" not in headers:
        raise Problem("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
    found = _AUTHORIZATION.fullmatch(headers["authorization"].strip())
    if found is None:
        sentence = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' of AWS4-HMAC-SHA256."
        raise Problem("IncompleteSignatureException", sentence, status=403)
    signed = set(found["headers"].split(";"))
    if missing := (MUST_BE_SIGNED - signed) | (signed - headers.keys()):
        sentence = f"These headers must be there and signed: {', '.join(sorted(missing))}."
        raise Problem("IncompleteSignatureException", sentence, status=403)
    return found


def _invalid(message: str) -> Problem:
    return Problem("InvalidSignatureException", message, status=403)
