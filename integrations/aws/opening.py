"""Opens the backend for the plugin: from here on boto3 is needed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from boto3.session import Session

from integrations.aws.backend import AwsBackend
from integrations.aws.clients import Clients
from integrations.aws.pace import Pace


@asynccontextmanager
async def open_clients(endpoints: Mapping[str, str], clock: Callable[[], datetime]) -> AsyncIterator[Clients]:
    """Open the way to boto3 with its own chain of credentials; nothing is asked of AWS yet."""
    clients = Clients(session=Session, pace=Pace(time.monotonic), clock=clock, endpoints=endpoints)
    try:
        yield clients
    finally:
        await clients.close()


@asynccontextmanager
async def open_aws(endpoints: Mapping[str, str], clock: Callable[[], datetime]) -> AsyncIterator[AwsBackend]:
    """Open the backend; nothing is asked of AWS yet."""
    async with open_clients(endpoints, clock) as clients:
        backend = AwsBackend(clients, clock)
        try:
            yield backend
        finally:
            backend.close()
