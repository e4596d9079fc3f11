"""One mistake in the catalogue, while it is being read: where, what, and how to mend it."""

from __future__ import annotations

from typing import NamedTuple

from bot.core.errors import Mistake
from bot.core.mistakes import Path, dotted


class Found(NamedTuple):
    """A mistake at a key path."""

    path: Path
    problem: str
    fix: str | None = None

    def mistake(self, file: str) -> Mistake:
        """Name the place for a person: `sayso.toml: services.checkout.channel`."""
        return Mistake(f"{file}: {dotted(self.path)}" if self.path else file, self.problem, self.fix)
