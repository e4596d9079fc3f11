"""Puts the `sayso` command together and turns every error into a sentence and an exit code."""

from __future__ import annotations

import os
import sys

import typer

from bot.cli import alexa, aws, releases, saying, server, views, voices
from bot.cli.client import Problematic, Unreachable
from bot.cli.exits import Exit, Unsuccessful
from bot.core.errors import BackendUnavailable, Conflict, Refused, SaysoError
from bot.core.wording import say


def build() -> typer.Typer:
    """Build the command with all its subcommands."""
    app = typer.Typer(
        name="sayso",
        help=say("cli.about"),
        epilog=say("cli.exit_codes"),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None if os.environ.get("NO_COLOR") else "rich",
    )
    for part in (server, saying, alexa, releases, views, voices, aws):
        part.add_to(app)
    return app


def exit_code(error: SaysoError) -> Exit:
    """Say an error as an exit code."""
    if isinstance(error, Problematic):
        return {403: Exit.FAILED, 409: Exit.FAILED, 502: Exit.UNREACHABLE, 503: Exit.UNREACHABLE}.get(
            error.problem.status, Exit.FAILED if error.problem.status >= 500 else Exit.BAD_INPUT
        )
    if isinstance(error, Unreachable | BackendUnavailable):
        return Exit.UNREACHABLE
    return Exit.FAILED if isinstance(error, Refused | Conflict | Unsuccessful) else Exit.BAD_INPUT


def main() -> None:
    """Run the command line; the only place that ends the process."""
    try:
        build()()
    except SaysoError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; and Python must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.OK)
    except Exception as error:
        if os.environ.get("SAYSO_DEBUG"):
            raise
        print(say("cli.unexpected", error=f"{type(error).__name__}: {error}"), file=sys.stderr)  # noqa: T201
        sys.exit(Exit.FAILED)
