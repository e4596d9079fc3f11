"""The `sayso` command: the server, its checks, the demo, and the same verbs as in chat over the HTTP API."""

from bot.cli.command import main

__all__ = ["main"]
