"""The backend `aws` over HTTP to the local endpoint, with a proxy between them that breaks as the test wants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from bot.core.model import Release, Run, Surface
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.aws.backend import AwsBackend
from integrations.aws.clients import ANY_SERVICE, Clients
from integrations.aws.pace import Pace
from integrations.aws.permissions import OPERATIONS
from integrations.aws.target import AwsTarget
from integrations.local import MIGRATIONS, VERSION_TABLE, starts
from integrations.local.backend import LocalBackend
from tests.support.aws_world import aws_session, serving_aws
from tests.support.faulty_proxy import FaultyProxy, faulty_proxy
from tests.support.local_world import PIPELINE, LocalWorld

TARGET = AwsTarget(pipeline="shop", region="us-east-1")


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Shop:
    """A pipeline behind an AWS-compatible endpoint, which is behind a proxy."""

    local: LocalWorld
    other_side: LocalBackend
    proxy: FaultyProxy
    backend: AwsBackend
    target: AwsTarget = TARGET

    async def look(self, run_id: str) -> Run:
        return await self.backend.observe(self.target, run_id)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    local = LocalWorld(tmp_path / "world")
    local.declare(PIPELINE, pipelineType="V2")
    engine = open_engine(f"sqlite:///{tmp_path}/other-side.db")
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    other_side = LocalBackend(Database(engine), tmp_path / "data", now, lambda: str(uuid4()))
    await other_side.open()
    try:
        await starts.register(other_side.engine, local.target())
        async with serving_aws(other_side) as url, faulty_proxy(url.removesuffix("/aws")) as proxy:
            clients = Clients(
                session=aws_session, pace=Pace(time.monotonic, 1000, 1000), clock=now, backoff=0.01,
                endpoints={ANY_SERVICE: f"{proxy.url}/aws"},
            )  # fmt: skip
            backend = AwsBackend(clients, now, poll=0.1, together=0.05)
            yield Shop(local, other_side, proxy, backend)
            assert clients.called <= set(OPERATIONS), "the policy of `sayso aws policy` would not allow this"
            backend.close()
            await clients.close()
    finally:
        await other_side.close(kill=True)
        await engine.dispose()
        await asyncio.sleep(0)


@pytest.fixture
def wish() -> Release:
    return Release(
        id="wish-1", number=1, service="shop", environment="prod", requested_by="ada", surface=Surface.CLI,
        backend="aws", created=now(), updated=now(),
    )  # fmt: skip
