"""The local backend's way in (entry point `sayso.backends: local`)."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from bot.core.errors import Misconfigured
from bot.core.ports import Review, Surroundings, Transactions
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.backend import LocalBackend
from integrations.local.review import review
from integrations.local.target import LocalTarget
from integrations.local.triggers.serving import open_triggers

KEY_ID, SECRET, EVENTS = "SAYSO_AWS_ACCESS_KEY_ID", "SAYSO_AWS_SECRET_ACCESS_KEY", "SAYSO_AWS_EVENTS"


class LocalPlugin:
    """See `bot.core.ports.BackendPlugin`."""

    target: type[BaseModel] = LocalTarget
    migrations: tuple[str, str] | None = (str(MIGRATIONS), VERSION_TABLE)

    def wanted(self, secrets: Mapping[str, SecretStr]) -> bool:
        """Tell whether pipelines may come in through the AWS-compatible endpoint."""
        return KEY_ID in secrets

    def review(self, target: BaseModel, stage: str | None, *, production: bool) -> Review:
        """Read the pipeline's file; see `bot.core.ports.Reviewer`."""
        assert isinstance(target, LocalTarget)
        return review(target, stage, production=production)

    @asynccontextmanager
    async def open(
        self,
        *,
        database: Transactions,
        data: Path,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        surroundings: Surroundings,
    ) -> AsyncIterator[LocalBackend]:
        """Open the engine on its folder; builds under way outlive the block and are taken over by the next."""
        async with AsyncExitStack() as stack:
            targets = [target for target in surroundings.targets if isinstance(target, LocalTarget)]
            backend = LocalBackend(database, data, clock, lambda: uuid_of(new_id(), new_id()), targets=targets,
                                   sharing=surroundings.sharing)  # fmt: skip
            secrets = surroundings.secrets
            if EVENTS in secrets:
                publishing = _aws(EVENTS).publishing(backend.engine, secrets[EVENTS])
                await stack.enter_async_context(publishing)
            await backend.open()
            stack.push_async_callback(backend.close)
            if self.wanted(secrets):
                backend.doors["/aws"] = await _aws(KEY_ID).open_endpoint(backend, secrets[KEY_ID], secrets[SECRET])
            triggers = open_triggers(backend.engine, targets, os.environ, clock=clock, chance=random.random)
            if hooks := await stack.enter_async_context(triggers):
                backend.doors["/hooks"] = hooks
            yield backend


PLUGIN = LocalPlugin()


def uuid_of(first: str, second: str) -> str:
    """Make an id of the shape that AWS's own have (RFC 9562, UUID version 7) of two of Sayso's.

    Each is 11 hex digits of milliseconds, then 12 random ones; the result sorts by time, too.
    """
    moment, chance = f"0{first[:11]}", first[11:] + second[11:]
    variant = "89ab"[int(chance[3], 16) % 4]
    return f"{moment[:8]}-{moment[8:]}-7{chance[:3]}-{variant}{chance[4:7]}-{chance[7:19]}"


def _aws(variable: str) -> Any:
    """Load what needs botocore only where it is asked for."""
    try:
        from integrations.local.aws import serving  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("boto", "jmespath")):
            raise
        sentence = f"{variable} is set, but boto3, which this needs, is not installed."
        raise Misconfigured(sentence, fix=f'Install "sayso[aws]", or unset {variable}.') from error
    return serving
