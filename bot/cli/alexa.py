"""The commands about the Alexa skill: build its package from the command table and the catalogue."""

# ruff: noqa: PLC0415  every `sayso status` would wait for these parts
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.show import console
from bot.core.errors import BadInput
from bot.core.wording import say

_NOWHERE = "https://sayso.example"


def add_to(app: typer.Typer) -> None:
    """Add `alexa` and what is below it."""
    own = typer.Typer(help=say("alexa.cli.help"), no_args_is_help=True)
    own.command(help=say("alexa.cli.build"))(build)
    own.callback()(_below)
    app.add_typer(own, name="alexa", rich_help_panel=say("cli.panel.server"))


def _below() -> None:
    """Keep `build` a command of its own while it is the only one."""


def build(
    out: Annotated[Path, typer.Option("--out", help=say("alexa.cli.out"))] = Path("skill-package"),
    function: Annotated[str, typer.Option("--lambda", metavar="ARN", help=say("alexa.cli.lambda"))] = "",
    check: Annotated[bool, typer.Option("--check", help=say("alexa.cli.check"))] = False,
) -> None:
    """Write or check the skill's package."""
    from bot.catalogue import load_catalogue
    from bot.plugins import backend_plugins, targets
    from bot.settings import read_settings
    from skills.release_desk.package import package

    settings = read_settings()
    words = load_catalogue(settings.config, targets(backend_plugins())).vocabulary()
    url = str(settings.public_url or _NOWHERE).rstrip("/")
    if not function and not url.startswith("https://"):
        raise BadInput(say("alexa.cli.https", url=url), fix=say("alexa.cli.https.fix"))
    if function and not function.startswith("arn:"):
        raise BadInput(say("alexa.cli.arn", arn=function))
    files = package(words, function or f"{url}/alexa")
    to = console()
    if settings.public_url is None and not function:
        to.print(say("alexa.cli.no_url"), markup=False)
    if check:
        stale = [name for name, text in files.items() if not _is(out / name, text)]
        if stale:
            to.print(say("alexa.cli.stale", folder=out, files=", ".join(stale)), markup=False)
            raise typer.Exit(1)
        to.print(say("alexa.cli.current", folder=out), markup=False)
        return
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    to.print(say("alexa.cli.built", n=len(files), folder=out), markup=False)


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
