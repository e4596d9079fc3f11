"""An account with a pipeline in it, and the backend that works on it as `sayso serve` would."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError

from bot.core.model import Release, Run, Surface
from integrations.aws.backend import AwsBackend
from integrations.aws.clients import Clients
from integrations.aws.details.looking import Details
from integrations.aws.pace import Pace
from tests.aws_live.account import ON_AWS, Account, made
from tests.support.waiting import until

PATIENCE = 600.0 if ON_AWS else 60.0
"""Seconds: CodeBuild has to find a machine."""


@dataclass
class Live:
    """The backend, and the account that it works on."""

    backend: AwsBackend
    clients: Clients
    account: Account
    numbers: Iterator[int]

    def wish(self, **more: Any) -> Release:
        """Make a wish with an id that no other has."""
        now = datetime.now(UTC)
        return Release(
            id=f"{int(time.time() * 1000):011x}{secrets.token_hex(6)}", number=next(self.numbers), service="shop",
            environment="prod", requested_by="ada", surface=Surface.CLI, backend="aws", created=now, updated=now,
            **more,
        )  # fmt: skip

    async def look(self, run_id: str) -> Run:
        """Look as the watcher does."""
        return await self.backend.observe(self.account.target, run_id)

    async def until(self, run_id: str, holds: Any) -> Run:
        """Wait until a run looks so."""
        return await until(lambda: self.look(run_id), holds, PATIENCE)


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """Make the pipeline once for all tests."""
    region = os.environ.get("SAYSO_TEST_REGION", "eu-west-1")
    session = boto3.session.Session(region_name=region)
    try:
        known = session.get_credentials() is not None
    except BotoCoreError:
        known = False
    if not known:
        pytest.skip("There are no AWS credentials here; deploy/aws/README.md tells how to run these tests.")
    with made(session.client, f"sayso-live-{secrets.token_hex(4)}", region) as found:
        yield found


@pytest.fixture
async def live(account: Account) -> AsyncIterator[Live]:
    """Open the backend; without events, so that what is seen is what is asked for."""

    def now() -> datetime:
        return datetime.now(UTC)

    pace = Pace(time.monotonic) if ON_AWS else Pace(time.monotonic, 1000, 1000)
    clients = Clients(session=boto3.session.Session, pace=pace, clock=now)
    backend = AwsBackend(clients, now, details=Details(clients, now), poll=3.0 if ON_AWS else 0.1, together=0.1)
    yield Live(backend, clients, account, count(1))
    backend.close()
    await clients.close()
