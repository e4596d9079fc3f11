"""The commands of who runs the server: serve, check, migrate, demo, playground; each loads its parts when it runs."""

# ruff: noqa: PLC0415  every `sayso status` would wait a second for the server's parts
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.core.wording import say

PLAYGROUND_PORT = 8090


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for each in (serve, worker, check, migrate):
        app.command(help=say(f"{each.__name__}.help"), rich_help_panel=say("cli.panel.server"))(each)
    for each in (demo, playground):
        app.command(help=say(f"{each.__name__}.help"), rich_help_panel=say("cli.panel.try"))(each)


def serve() -> None:
    """Run the bot."""
    from bot.cli import serving
    from bot.settings import read_settings

    serving.serve(read_settings())


def worker(
    label: Annotated[list[str] | None, typer.Option("--label", help=say("worker.opt.label"))] = None,
    drain: Annotated[int, typer.Option("--drain", min=0, help=say("worker.opt.drain"))] = 600,
) -> None:
    """Carry out actions of others."""
    from bot.cli import working
    from bot.settings import read_settings

    working.work(read_settings(), label or [], drain)


def check(
    config: Annotated[Path | None, typer.Option("--config", "-c", help=say("serve.opt.config"))] = None,
    aws: Annotated[bool, typer.Option("--aws", help=say("check.opt.aws"))] = False,
) -> None:
    """Read the catalogue and say every mistake in it."""
    from bot.cli import checking
    from bot.settings import read_settings

    settings = read_settings()
    checking.check(config or settings.config, settings, aws=aws)


def migrate() -> None:
    """Bring the database's tables to this version."""
    from bot.cli import checking
    from bot.settings import read_settings

    checking.migrate(read_settings())


def playground(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help=say("playground.opt.port"))] = PLAYGROUND_PORT,
    bot_url: Annotated[str, typer.Option("--bot-url", help=say("playground.opt.bot"))] = "",
    suggest: Annotated[list[str] | None, typer.Option("--suggest", help=say("playground.opt.suggest"))] = None,
    intro: Annotated[str, typer.Option("--intro", help=say("playground.opt.intro"))] = "",
    patience: Annotated[float, typer.Option("--patience", envvar="PLAYGROUND_PATIENCE", hidden=True, min=3)] = 3,
) -> None:
    """Run the local chat workspace."""
    from bot.cli import playground as workspace
    from bot.settings import read_settings

    workspace.run(read_settings(), port, bot_url, suggest or [], intro, patience=patience)


def demo(
    headless: Annotated[bool, typer.Option("--headless", help=say("demo.opt.headless"))] = False,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help=say("demo.opt.port"))] = None,
    playground_port: Annotated[
        int | None, typer.Option("--playground-port", min=0, max=65535, help=say("demo.opt.playground_port"))
    ] = None,
    folder: Annotated[Path, typer.Option("--folder", help=say("demo.opt.folder"))] = Path(".sayso/demo"),
    deadline: Annotated[float, typer.Option("--deadline", min=1, help=say("demo.opt.deadline"))] = 180,
) -> None:
    """Run the demo."""
    from bot.cli import demo as trial

    trial.run(trial.Wanted(folder, port, playground_port, headless, deadline))
