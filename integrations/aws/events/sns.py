"""Tells whether a message is SNS's own, by its signature: pure.

SNS Developer Guide, "Verifying the signatures of Amazon SNS messages": the lines that are signed, SHA-1 for version 1
and SHA-256 for version 2.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate

from bot.core.errors import Unauthenticated
from bot.core.model import Frozen

OLDEST = timedelta(hours=1)
"""SNS tries again for about that long; what is older was recorded by somebody, or says nothing new any more."""
EARLIEST = timedelta(minutes=5)
_HOST = re.compile(r"sns\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-\w+\.pem")
_HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - SNS's version 1


class Kind(StrEnum):
    """What a message is for."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"
    UNSUBSCRIPTION = "UnsubscribeConfirmation"


_SIGNED = {
    Kind.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    Kind.SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    Kind.UNSUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


class Message(Frozen):
    """A message of which nothing is believed yet."""

    fields: Mapping[str, str]
    kind: Kind

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


def read_message(body: bytes) -> Message:
    """Read a request's body; raises `Unauthenticated` for what can't be a message of SNS."""
    try:
        found: Any = json.loads(body)
        kind = Kind(found["Type"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unauthenticated("This is no message of SNS.") from error
    fields = {name: value for name, value in found.items() if isinstance(value, str)}
    return Message(fields=fields, kind=kind)


def expect(message: Message, topics: frozenset[str], now: datetime) -> None:
    """Check what needs no key: the topic, the age, the certificate's address. Raises `Unauthenticated`."""
    if message["TopicArn"] not in topics:
        raise Unauthenticated("Sayso does not listen to this topic.")
    try:
        sent = datetime.fromisoformat(message["Timestamp"])
    except ValueError as error:
        raise Unauthenticated("The message does not say when it was sent.") from error
    age = now - (sent if sent.tzinfo else sent.replace(tzinfo=UTC))
    if not -EARLIEST <= age <= OLDEST:
        raise Unauthenticated("The message is too old, or from the future.")
    if message["SignatureVersion"] not in _HASHES:
        raise Unauthenticated("The message has no signature of a known version.")
    if not _is_certificate(message["SigningCertURL"], message["TopicArn"]):
        raise Unauthenticated("The message names a certificate that is not SNS's.")
    if message.kind is Kind.SUBSCRIPTION and not _is_sns(message["SubscribeURL"], message["TopicArn"]):
        raise Unauthenticated("The message names an address that is not SNS's.")


def verify(message: Message, certificate: bytes, now: datetime) -> None:
    """Check the signature with the certificate (PEM); raises `Unauthenticated`."""
    try:
        found = load_pem_x509_certificate(certificate)
        key = found.public_key()
        signature = base64.b64decode(message["Signature"], validate=True)
        if not isinstance(key, rsa.RSAPublicKey) or found.not_valid_after_utc < now:
            raise Unauthenticated("The certificate of the message is not valid.")
        key.verify(signature, signed_text(message), padding.PKCS1v15(), _HASHES[message["SignatureVersion"]])
    except (ValueError, binascii.Error, InvalidSignature, UnsupportedAlgorithm) as error:
        raise Unauthenticated("The signature of the message is not right.") from error


def signed_text(message: Message) -> bytes:
    """Give what SNS signs: name and value of some fields, each on a line."""
    lines = (f"{name}\n{message[name]}\n" for name in _SIGNED[message.kind] if name in message.fields)
    return "".join(lines).encode()


def _is_certificate(url: str, topic: str) -> bool:
    """Tell whether an address is that of one of SNS's certificates.

    Its host is not enough: other addresses there are calls, and some of their answers hold what their caller chose.
    """
    if not _is_sns(url, topic):
        return False
    parts = urlsplit(url)
    return _CERTIFICATE.fullmatch(parts.path) is not None and not parts.query and not parts.fragment


def _is_sns(url: str, topic: str) -> bool:
    """Tell whether an address is that of SNS in the topic's region."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = _HOST.fullmatch(parts.hostname or "")
    plain = parts.scheme == "https" and port in {None, 443} and parts.username is None
    return plain and host is not None and topic.split(":")[3:4] == [host["region"]]
