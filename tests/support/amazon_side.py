"""What Amazon is in tests on one machine: a queue of moto's, keys, and a catalogue whose pipelines are over there.

The pipelines themselves are run by a second `sayso serve`, which has the catalogue's local form and its `/aws` open.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
KEY_ID, SECRET = "AKIDOFTHETESTS", "a-secret-of-the-tests-that-is-long-enough"
OURS: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}  # fmt: skip
"""How boto3 finds the keys, whatever this machine's own configuration says."""
THEIRS: Mapping[str, str] = {"SAYSO_AWS_ACCESS_KEY_ID": KEY_ID, "SAYSO_AWS_SECRET_ACCESS_KEY": SECRET}
"""What opens `/aws` of the other side."""


@dataclass(frozen=True)
class EventQueue:
    """An SQS queue over HTTP."""

    endpoint: str
    url: str


@contextmanager
def event_queue() -> Iterator[EventQueue]:
    """Run a queue for the time of the block."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    sqs = boto3.client("sqs", region_name=REGION, endpoint_url=endpoint, aws_access_key_id=KEY_ID,
                       aws_secret_access_key=SECRET)  # fmt: skip
    # A name of its own: moto keeps its queues, with what is left in them, for all servers of a process.
    url = sqs.create_queue(QueueName=f"changes-{uuid.uuid4().hex}")["QueueUrl"]
    loud = logging.getLogger("werkzeug")
    before = loud.level
    loud.setLevel(logging.WARNING)  # it would note every request
    try:
        yield EventQueue(endpoint, url)
    finally:
        sqs.send_message(QueueUrl=url, MessageBody="ends the long poll that the server would wait for")
        sqs.close()
        loud.setLevel(before)
        server.stop()


def in_aws(local: str, *services: str) -> str:
    """Write a catalogue whose services have their pipelines, of the same names, in AWS instead of on this machine."""
    people, _, _ = local.partition("[services.")
    return people + "".join(
        f"""[services.{name}]
channel = "releases"
[services.{name}.target]
region = "{REGION}"
pipeline = "{name}"
[services.{name}.environments.staging]
backend = "aws"
stage = "Staging"
[services.{name}.environments.prod]
backend = "aws"
stage = "Production"
"""
        for name in services
    )
