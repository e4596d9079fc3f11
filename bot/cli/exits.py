"""What the exit code of `sayso` says."""

from __future__ import annotations

from enum import IntEnum

from bot.core.errors import SaysoError


class Exit(IntEnum):
    """What the exit code says."""

    OK = 0
    FAILED = 1
    """The release failed, or what was asked for was refused."""
    BAD_INPUT = 2
    """What was given can't be used: arguments, settings, catalogue, an unknown name, no token."""
    UNREACHABLE = 3
    """The server, or the backend behind it, does not answer."""
    INTERRUPTED = 130


class Unsuccessful(SaysoError):
    """What was begun did not come to its good end."""
