"""Opens the backend for the plugin: from here on boto3 is needed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from boto3.session import Session

from integrations.aws.backend import AwsBackend
from integrations.aws.clients import Clients
from integrations.aws.details.looking import Details
from integrations.aws.events.listening import listening
from integrations.aws.events.settings import Sources
from integrations.aws.pace import PER_SECOND, Pace
from integrations.aws.target import AwsTarget


@asynccontextmanager
async def open_clients(
    endpoints: Mapping[str, str], clock: Callable[[], datetime], *, per_second: float = PER_SECOND
) -> AsyncIterator[Clients]:
    """Open the way to boto3 with its own chain of credentials; nothing is asked of AWS yet."""
    pace = Pace(time.monotonic, per_second)
    clients = Clients(session=Session, pace=pace, clock=clock, endpoints=endpoints)
    try:
        yield clients
    finally:
        await clients.close()


@asynccontextmanager
async def open_aws(
    endpoints: Mapping[str, str],
    clock: Callable[[], datetime],
    sources: Sources,
    targets: Sequence[AwsTarget],
) -> AsyncIterator[AwsBackend]:
    """Open the backend, and listen for events of the targets' pipelines; nothing is asked of their services yet."""
    async with open_clients(endpoints, clock) as clients:
        backend = AwsBackend(clients, clock, details=Details(clients, clock))
        pipelines = frozenset(target.pipeline for target in targets)
        region = next((target.region for target in targets), None)
        try:
            async with listening(backend, clients, sources, pipelines, clock, region=region) as doors:
                backend.doors = doors
                yield backend
        finally:
            backend.close()
