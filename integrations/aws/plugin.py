"""The AWS backend's way in (entry point `sayso.backends: aws`); what needs boto3 is imported when it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from bot.core.errors import Misconfigured
from bot.core.ports import Backend, Surroundings, Transactions
from bot.core.wording import say
from integrations.aws.events.settings import read_sources
from integrations.aws.target import AwsTarget

ENDPOINT = "SAYSO_AWS_ENDPOINT_URL"


class AwsPlugin:
    """See `bot.core.ports.BackendPlugin`. AWS holds the state, so it has no tables of its own."""

    target: type[BaseModel] = AwsTarget
    migrations: tuple[str, str] | None = None

    def wanted(self, secrets: Mapping[str, SecretStr]) -> bool:  # noqa: ARG002 - the port's words
        """Tell that it is only opened for environments of the catalogue."""
        return False

    @asynccontextmanager
    async def open(
        self,
        *,
        database: Transactions,  # noqa: ARG002 - the port's words
        data: Path,  # noqa: ARG002
        clock: Callable[[], datetime],
        new_id: Callable[[], str],  # noqa: ARG002
        surroundings: Surroundings,
    ) -> AsyncIterator[Backend]:
        """Open it; nothing is asked of AWS yet. Raises `Misconfigured` without boto3."""
        given = surroundings.secrets.get(ENDPOINT)
        endpoints = read_endpoints(given.get_secret_value() if given else "")
        sources = read_sources(surroundings.secrets)
        targets = [target for target in surroundings.targets if isinstance(target, AwsTarget)]
        async with _opening().open_aws(endpoints, clock, sources, targets) as backend:
            yield backend


PLUGIN = AwsPlugin()


def read_endpoints(setting: str) -> dict[str, str]:
    """Read `URL,SERVICE=URL`; the one without a service is for all others. Raises `Misconfigured`."""
    found: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in setting.split(","))):
        service, _, url = part.rpartition("=") if not part.startswith(("http://", "https://")) else ("", "", part)
        if not url.startswith(("http://", "https://")):
            raise Misconfigured(say("aws.endpoints"))
        found[service.strip()] = url
    return found


def _opening() -> Any:
    try:
        from integrations.aws import opening  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("boto", "jmespath", "cryptography")):
            raise
        raise Misconfigured(say("aws.no_boto3"), fix=say("aws.no_boto3.fix")) from error
    return opening
