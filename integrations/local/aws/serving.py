"""Opens the endpoint and the events for the plugin: what needs botocore is imported from here on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from pydantic import SecretStr

from integrations.local.aws import names
from integrations.local.aws.action_targets import ActionTargetOperations
from integrations.local.aws.action_types import ActionTypeOperations
from integrations.local.aws.build_records import Builds
from integrations.local.aws.builds import BuildOperations
from integrations.local.aws.deployments import DeploymentOperations
from integrations.local.aws.endpoint import Endpoint, Service, load_model
from integrations.local.aws.events import Describer
from integrations.local.aws.log_events import LogOperations
from integrations.local.aws.outbox import Outbox
from integrations.local.aws.paging import Pages
from integrations.local.aws.pipelines import PipelineOperations
from integrations.local.aws.signature import Verifier
from integrations.local.aws.tagging import TagOperations
from integrations.local.aws.targets import read_targets
from integrations.local.backend import LocalBackend
from integrations.local.engine import Engine


async def open_endpoint(
    backend: LocalBackend,
    key_id: SecretStr,
    secret: SecretStr,
    *,
    checked: bool = False,
    clock: Callable[[], datetime] | None = None,
) -> Endpoint:
    """Make the ASGI app over an opened backend; `checked` compares every answer with the model.

    `clock` is what signatures are compared with, if not the engine's.
    """
    engine, caller = backend.engine, f"arn:aws:iam::{names.ACCOUNT}:user/{key_id.get_secret_value()}"
    pipelines = PipelineOperations(backend.codepipeline, Pages(secret), caller, engine.new_id)
    pages = Pages(secret)
    table = {
        **pipelines.table(),
        **TagOperations(engine, pages).table(),
        **ActionTargetOperations(engine, pages).table(),
        **ActionTypeOperations(backend.kinds, backend.own_kinds).table(),
    }
    builds = BuildOperations(Builds(engine), Pages(secret, "InvalidInputException"))
    deployments, logs = DeploymentOperations(engine, Pages(secret)), LogOperations(engine)
    services = [
        Service(await asyncio.to_thread(load_model, "codepipeline"), table),
        Service(await asyncio.to_thread(load_model, "codebuild"), builds.table(), "InvalidInputException"),
        Service(await asyncio.to_thread(load_model, "codedeploy"), deployments.table()),
        Service(await asyncio.to_thread(load_model, "logs"), logs.table(), "InvalidParameterException"),
    ]
    verifier = Verifier(key_id.get_secret_value(), secret, clock or engine.clock)
    return Endpoint(services, verifier, checked=checked)


@asynccontextmanager
async def publishing(engine: Engine, setting: SecretStr, *, longest_pause: float = 60) -> AsyncIterator[None]:
    """Send the engine's events for the time of the block; raises `Misconfigured` for a target that is none.

    What is not taken in time is kept, and sent after the next start.
    """
    targets = await asyncio.to_thread(read_targets, setting)
    outbox = Outbox(
        engine.database, targets, Describer(engine.new_id), engine.clock, longest_pause=longest_pause
    )  # fmt: skip
    engine.journal = outbox
    task = asyncio.create_task(outbox.run(), name="events")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
