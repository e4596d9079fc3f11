"""Lets `python -m bot.cli` be the `sayso` command, wherever its script is."""

from bot.cli import main

main()
