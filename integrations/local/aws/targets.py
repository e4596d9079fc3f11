"""Where events go: an SQS queue, an EventBridge bus, or an address that takes them by HTTP POST."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from bot.core.errors import Misconfigured

FIX = (
    "Write addresses separated by commas: sqs+https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE, "
    "events+https://events.REGION.amazonaws.com/BUS, or https://HOST/PATH."
)
SECONDS = 10
"""For one attempt to deliver."""
Event = Mapping[str, Any]


class Undelivered(Exception):
    """The target did not take the event; trying again may help."""


class Refused(Exception):
    """The target will never take this event."""


class Target(Protocol):
    """One place that events are sent to. Blocks; call it in a thread."""

    key: str
    """Names it in the outbox: the same as long as its address is, and no secret."""
    shown: str
    """Its address without password and query, for the log."""

    def send(self, event: Event, group: str) -> None:
        """Deliver one event; `group` is what its order counts in. Raises `Undelivered` or `Refused`."""
        ...


def read_targets(setting: SecretStr) -> list[Target]:
    """Read SAYSO_AWS_EVENTS; raises `Misconfigured` for what is no address."""
    found: list[Target] = []
    for number, text in enumerate((part.strip() for part in setting.get_secret_value().split(",")), start=1):
        kind, plus, address = text.partition("+")
        if not plus:
            kind, address = "post", text
        parts = urlsplit(address)
        make = _KINDS.get(kind)
        if make is None or parts.scheme not in {"http", "https"} or not parts.hostname or not parts.path.strip("/"):
            raise Misconfigured(f"SAYSO_AWS_EVENTS: entry {number} is no address of a target.", fix=FIX)
        found.append(make(address))
    return found


def _key(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:32]


def _shown(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _client(service: str, address: str) -> Any:
    """Make boto3's client for the host of an address; credentials come from where boto3 looks for them."""
    parts = urlsplit(address)
    region = re.search(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.", f".{parts.hostname}.")
    session = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=f"{parts.scheme}://{parts.netloc}",
        region_name=region[1] if region else session.region_name or "us-east-1",
        config=Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 1}),
    )


class Queue:
    """An SQS queue; in a FIFO queue each execution is a message group."""

    def __init__(self, address: str) -> None:
        self.key, self.shown, self._url = _key(f"sqs+{address}"), _shown(address), address
        self._client: Any = None

    def send(self, event: Event, group: str) -> None:
        """Deliver as a message whose body is the event, as a rule of EventBridge does."""
        more = {"MessageGroupId": group, "MessageDeduplicationId": event["id"]} if self._url.endswith(".fifo") else {}
        try:
            self._client = self._client or _client("sqs", self._url)
            self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(event), **more)
        except (BotoCoreError, ClientError) as error:
            raise Undelivered(str(error)) from error


class Bus:
    """An EventBridge bus. Only AWS itself may say `aws.` as a source there, so it is `sayso.` instead."""

    def __init__(self, address: str) -> None:
        self.key, self.shown = _key(f"events+{address}"), _shown(address)
        self._address, self._bus = address, urlsplit(address).path.strip("/")
        self._client: Any = None

    def send(self, event: Event, group: str) -> None:  # noqa: ARG002  a bus keeps no order
        """Deliver by PutEvents; the bus makes its own envelope with its own id."""
        entry = {
            "Source": event["source"].replace("aws.", "sayso.", 1), "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]), "Resources": event["resources"], "Time": event["time"],
            "EventBusName": self._bus,
        }  # fmt: skip
        try:
            self._client = self._client or _client("events", self._address)
            answer = self._client.put_events(Entries=[entry])
        except (BotoCoreError, ClientError) as error:
            raise Undelivered(str(error)) from error
        if answer["FailedEntryCount"]:
            raise Undelivered(answer["Entries"][0].get("ErrorMessage", "the bus did not take it"))


class Address:
    """Something that takes POST requests; a user and password in the address are sent as basic authentication."""

    def __init__(self, address: str) -> None:
        self.key, self.shown, self._url = _key(address), _shown(address), address

    def send(self, event: Event, group: str) -> None:  # noqa: ARG002  one after the other is order enough
        """Deliver as JSON; any answer of 2xx takes it, one that says the event itself is wrong drops it."""
        try:
            answer = httpx.post(self._url, json=dict(event), timeout=SECONDS, follow_redirects=False)
        except httpx.HTTPError as error:
            raise Undelivered(str(error) or type(error).__name__) from error
        if answer.status_code in {400, 405, 410, 411, 413, 414, 415, 422}:
            raise Refused(f"HTTP {answer.status_code}")
        if not answer.is_success:
            raise Undelivered(f"HTTP {answer.status_code}")


_KINDS: Mapping[str, type[Queue | Bus | Address]] = {"sqs": Queue, "events": Bus, "post": Address}
