"""What the specs share: the shape of a file's parts, JSON pointers, and the core's sentences for mistakes."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ConfigDict

from bot.core.mistakes import Path, dotted, mistakes_in, named, nearest, one_of, shown
from bot.core.model import Frozen

__all__ = ["Path", "Spec", "dotted", "mistakes_in", "named", "nearest", "one_of", "pointer", "shown"]


class Spec(Frozen):
    """A part of a file: as in the file by its own keys, as in Python by ours."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True)


def pointer(path: Iterable[str | int]) -> str:
    """Write a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
