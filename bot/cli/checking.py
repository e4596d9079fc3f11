"""Reads the catalogue for its author, and brings the database up to date for its keeper."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import typer

from bot.app import open_migrated
from bot.catalogue import Catalogue, load_catalogue
from bot.cli.datafolder import open_data
from bot.cli.show import console, table
from bot.core.errors import BadFile
from bot.core.ports import BackendPlugin, Reviewer
from bot.core.wording import names, say
from bot.plugins import backend_plugins, targets
from bot.settings import Settings


def check(path: Path) -> None:
    """Read the catalogue, and the pipelines that it names, and say every mistake in them."""
    to, plugins = console(), backend_plugins()
    try:
        catalogue = load_catalogue(path, targets(plugins))
        warnings = _reviewed(catalogue, plugins)
    except BadFile as bad:
        to.print(say("check.mistakes", n=len(bad.mistakes), path=path), markup=False)
        for mistake in bad.mistakes:
            to.print(f"  {mistake}", markup=False)
        raise typer.Exit(2) from bad
    count = len(catalogue.services)
    to.print(say("check.good" if count else "check.empty", n=count, path=path), markup=False)
    for warning in warnings:
        to.print(say("check.warning", warning=warning), markup=False)
    rows = [
        (
            service.key,
            place.key,
            place.backend,
            place.stage or "",
            say("anyone") if place.approvers is None else names(map(catalogue.name_of, sorted(place.approvers))),
        )
        for service in catalogue.services.values()
        for place in service.environments.values()
    ]
    columns = ("service", "environment", "backend", "stage", "approvers")
    if rows:
        table((say(f"cli.col.{column}") for column in columns), rows, to)


def _reviewed(catalogue: Catalogue, plugins: Mapping[str, BackendPlugin]) -> list[str]:
    """Give what is to be said about the environments' pipelines; `BadFile` with every mistake in them."""
    reviews = [
        plugin.review(place.target, place.stage, production=place.production)
        for service in catalogue.services.values()
        for place in service.environments.values()
        if isinstance(plugin := plugins[place.backend], Reviewer)
    ]
    if mistakes := dict.fromkeys(mistake for review in reviews for mistake in review.mistakes):
        raise BadFile(mistakes)  # environments that share a pipeline find the same ones
    return list(dict.fromkeys(str(warning) for review in reviews for warning in review.warnings))


def migrate(settings: Settings) -> None:
    """Bring the database's tables, and those of all backends, to this version."""

    async def run() -> None:
        async with open_migrated(settings, backend_plugins()):
            pass

    if settings.database_url is None:
        with open_data(settings.data):  # nobody may work in it meanwhile
            asyncio.run(run())
    else:
        asyncio.run(run())
    console().print(say("migrate.done", url=settings.database_shown), markup=False)
