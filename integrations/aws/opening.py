"""Opens the backend for the plugin: from here on boto3 is needed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from boto3.session import Session

from integrations.aws.backend import AwsBackend
from integrations.aws.clients import Clients
from integrations.aws.details.looking import Details
from integrations.aws.pace import Pace


@asynccontextmanager
async def open_aws(endpoints: Mapping[str, str], clock: Callable[[], datetime]) -> AsyncIterator[AwsBackend]:
    """Open it with boto3's own chain of credentials; nothing is asked of AWS yet."""
    clients = Clients(session=Session, pace=Pace(time.monotonic), clock=clock, endpoints=endpoints)
    backend = AwsBackend(clients, clock, details=Details(clients, clock))
    try:
        yield backend
    finally:
        backend.close()
        await clients.close()
