"""Knows which version this is: the `VERSION` and `COMMIT` files that were deployed together with the code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class About:
    """What is running, and where."""

    version: str
    commit: str
    environment: str


def read(environment: str, root: Path = ROOT) -> About:
    """Read the files beside the code; `COMMIT` is written by the build and missing in a plain checkout."""
    commit = root / "COMMIT"
    return About(
        version=(root / "VERSION").read_text(encoding="utf-8").strip(),
        commit=commit.read_text(encoding="utf-8").strip() if commit.exists() else "unknown",
        environment=environment,
    )
