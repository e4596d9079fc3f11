"""Reads the catalogue for its author, and brings the database up to date for its keeper."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import typer
from rich.console import Console

from bot.app import open_migrated
from bot.catalogue import Catalogue, load_catalogue
from bot.cli.aws import aws_environments, checked
from bot.cli.datafolder import open_data
from bot.cli.exits import Exit
from bot.cli.show import console, table
from bot.core.errors import BadFile, Mistake, NotFound
from bot.core.ports import BackendPlugin, Review, Reviewer
from bot.core.wording import names, say
from bot.plugins import backend_plugins, targets
from bot.settings import Settings


def check(path: Path, settings: Settings, *, aws: bool) -> None:
    """Read the catalogue, and the pipelines that it names, and say every mistake in them; with `aws` ask AWS, too."""
    to, plugins = console(), backend_plugins()
    try:
        catalogue = load_catalogue(path, targets(plugins))
    except BadFile as bad:
        _tell(to, say("check.mistakes", n=len(bad.mistakes), path=path), bad.mistakes)
        raise typer.Exit(Exit.BAD_INPUT) from bad
    found = _reviewed(catalogue, plugins)
    count = len(catalogue.services)
    if found.mistakes:
        _tell(to, say("check.mistakes", n=len(found.mistakes), path=path), found.mistakes)
    else:
        to.print(say("check.good" if count else "check.empty", n=count, path=path), markup=False)
    _warn(to, found.warnings)
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
    if rows and not found.mistakes:
        table((say(f"cli.col.{column}") for column in columns), rows, to)
    wrong = bool(found.mistakes)
    if aws:
        wrong |= _aws(to, catalogue, settings)
    elif any(
        place.backend == "aws" for service in catalogue.services.values() for place in service.environments.values()
    ):
        to.print(say("check.aws.unasked"), markup=False)
    if wrong:
        raise typer.Exit(Exit.BAD_INPUT)


def _aws(to: Console, catalogue: Catalogue, settings: Settings) -> bool:
    """Ask AWS and say what it lacks; tells whether something is missing."""
    environments = aws_environments(catalogue)
    if not environments:
        raise NotFound(say("aws.policy.none", path=settings.config))
    found = asyncio.run(checked(environments, settings))
    if found.mistakes:
        _tell(to, say("check.aws.mistakes", n=len(found.mistakes)), found.mistakes)
    else:
        who = names(dict.fromkeys(each.arn for each in found.who.values()), joined="names.and")
        to.print(say("check.aws.good", n=len(environments), who=who), markup=False)
    _warn(to, found.warnings)
    return bool(found.mistakes)


def _tell(to: Console, head: str, mistakes: Iterable[Mistake]) -> None:
    to.print(head, markup=False)
    for mistake in mistakes:
        to.print(f"  {mistake}", markup=False)


def _warn(to: Console, warnings: Iterable[Mistake]) -> None:
    for warning in warnings:
        to.print(say("check.warning", warning=warning), markup=False)


def _reviewed(catalogue: Catalogue, plugins: Mapping[str, BackendPlugin]) -> Review:
    """Give what is to be said about the environments' pipelines; those that share one find the same."""
    reviews = [
        plugin.review(place.target, place.stage, production=place.production)
        for service in catalogue.services.values()
        for place in service.environments.values()
        if isinstance(plugin := plugins[place.backend], Reviewer)
    ]
    return Review(
        mistakes=tuple(dict.fromkeys(mistake for review in reviews for mistake in review.mistakes)),
        warnings=tuple(dict.fromkeys(warning for review in reviews for warning in review.warnings)),
    )


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
