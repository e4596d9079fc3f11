"""Sets up the backend aws: a first catalogue from the pipelines of a region, and the permissions that one needs."""

# ruff: noqa: PLC0415  every `sayso status` would wait for boto3
from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.show import console
from bot.core.errors import BadInput, Misconfigured, NotFound
from bot.core.wording import say

if TYPE_CHECKING:
    from bot.catalogue import Catalogue
    from bot.settings import Settings
    from integrations.aws.checking.environments import Environment
    from integrations.aws.checking.whole import Checked
    from integrations.aws.clients import Clients
    from integrations.aws.target import AwsTarget, Place

_ACCOUNT = re.compile(r"\*|\d{12}")
_PER_SECOND = 5.0
"""Calls to AWS, for as long as somebody waits before a terminal; CodePipeline's own limits are not published."""


def add_to(app: typer.Typer) -> None:
    """Add `sayso aws`."""
    aws = typer.Typer(help=say("aws.cli.help"), no_args_is_help=True)
    for each in (discover, policy):
        aws.command(help=say(f"aws.{each.__name__}.help"))(each)
    app.add_typer(aws, name="aws", rich_help_panel=say("cli.panel.server"))


def discover(
    region: Annotated[str, typer.Option("--region", help=say("aws.discover.opt.region"))],
    role: Annotated[str | None, typer.Option("--role", help=say("aws.discover.opt.role"))] = None,
    external_id: Annotated[str | None, typer.Option("--external-id", help=say("aws.discover.opt.external_id"))] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=say("aws.discover.opt.out"))] = None,
) -> None:
    """Print a first catalogue."""
    from integrations.aws.discovery import environments_in, written
    from integrations.aws.target import Place

    place = Place(region, role, external_id)
    found = environments_in(asyncio.run(_declarations(place)))
    if not found:
        raise NotFound(say("aws.discover.none", region=region))
    text = written(found, place)
    if out is None:
        console().print(text, end="", markup=False, highlight=False, soft_wrap=True)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise BadInput(say("aws.discover.exists", path=out), fix=say("aws.discover.exists.fix")) from error
    except OSError as error:
        raise BadInput(say("aws.discover.unwritable", path=out, error=error.strerror or error)) from error
    console().print(say("aws.discover.done", path=out, n=len(found)), markup=False, highlight=False, soft_wrap=True)


def policy(
    config: Annotated[Path | None, typer.Option("--config", "-c", help=say("serve.opt.config"))] = None,
    role: Annotated[str | None, typer.Option("--role", help=say("aws.policy.opt.role"))] = None,
    account: Annotated[str, typer.Option("--account", help=say("aws.policy.opt.account"))] = "*",
    checks: Annotated[bool, typer.Option("--checks", help=say("aws.policy.opt.checks"))] = False,
) -> None:
    """Print the least that Sayso must be allowed."""
    from bot.settings import read_settings
    from integrations.aws.events.settings import read_sources
    from integrations.aws.permissions import policy as written

    if not _ACCOUNT.fullmatch(account):
        raise BadInput(say("aws.account", account=account))
    settings = read_settings()
    path = config or settings.config
    targets = _targets(path)
    roles = sorted({target.role for target in targets if target.role})
    if role is not None and role not in roles:
        fix = say("aws.policy.no_role.fix", roles=", ".join(roles)) if roles else None
        raise NotFound(say("aws.policy.no_role", path=path, role=role), fix=fix)
    queues = read_sources(settings.for_backends).queues
    shown = json.dumps(written(targets, queues, role=role, account=account, checks=checks), indent=2)
    console().print(shown, markup=False, highlight=False, soft_wrap=True)
    for each in roles if role is None else ():
        typer.echo(say("aws.policy.roles", role=each), err=True)


def _targets(path: Path) -> list[AwsTarget]:
    from bot.catalogue import load_catalogue
    from bot.plugins import backend_plugins, targets
    from integrations.aws.target import AwsTarget

    catalogue = load_catalogue(path, targets(backend_plugins()))
    places = (place for service in catalogue.services.values() for place in service.environments.values())
    found = [place.target for place in places if isinstance(place.target, AwsTarget)]
    if not found:
        raise NotFound(say("aws.policy.none", path=path))
    return found


def aws_environments(catalogue: Catalogue) -> list[Environment]:
    """Give the environments whose pipelines live in AWS."""
    from integrations.aws.checking.environments import Environment
    from integrations.aws.target import AwsTarget

    return [
        Environment(service.key, place.key, place.target, place.stage, place.production)
        for service in catalogue.services.values()
        for place in service.environments.values()
        if isinstance(place.target, AwsTarget)
    ]


async def checked(environments: list[Environment], settings: Settings) -> Checked:
    """Ask AWS about these environments, and about the way that events take."""
    from integrations.aws.events.settings import read_sources

    sources = read_sources(settings.for_backends)
    async with _clients(settings) as clients:
        from integrations.aws.checking.whole import check

        return await check(clients, environments, sources, settings.public_url)


async def _declarations(place: Place) -> list[dict[str, Any]]:
    """Ask for all pipelines of a region, and what each declares."""
    from bot.settings import read_settings

    async with _clients(read_settings()) as clients:
        names = await clients.pages(place, "codepipeline", "ListPipelines", "pipelines")
        each = (clients.call(place, "codepipeline", "GetPipeline", name=found["name"]) for found in names)
        return [answer["pipeline"] for answer in await asyncio.gather(*each)]


@asynccontextmanager
async def _clients(settings: Settings) -> AsyncIterator[Clients]:
    """Open the way to AWS; `Misconfigured` without boto3."""
    try:
        from integrations.aws.opening import open_clients
    except ModuleNotFoundError as error:
        raise Misconfigured(say("aws.cli.no_boto3"), fix=say("aws.no_boto3.fix")) from error
    from bot.app import now
    from integrations.aws.plugin import ENDPOINT, read_endpoints

    given = settings.for_backends.get(ENDPOINT)
    endpoints = read_endpoints(given.get_secret_value() if given else "")
    async with open_clients(endpoints, now, per_second=_PER_SECOND) as clients:
        yield clients
