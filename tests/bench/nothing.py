"""A provider of actions that do nothing, so that what is measured is the engine; it comes in as any plug-in does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from integrations.local.actions import AfterCrash, Attempt, Outcome, Result, Runner
from integrations.local.providers import Machine
from integrations.local.target import Settings

PROVIDER = "Nothing"


class Nothing:
    """Succeeds at once; an output artifact is an empty folder.

    With a `Stamp` in its configuration it writes the moment (seconds since 1970) into that file first.
    """

    after_crash = AfterCrash.RERUN

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        """Be done."""
        if stamp := attempt.configuration.get("Stamp"):
            _write(Path(stamp), repr(time.time()))
        outputs = {artifact.name: str(attempt.folder) for artifact in attempt.declaration.output_artifacts}
        return Result(outcome=Outcome.SUCCEEDED, outputs=outputs)


def _write(file: Path, text: str) -> None:
    file.write_text(text)


def providers(_: Machine) -> dict[tuple[str, str], Callable[[Settings], Runner]]:
    """Give the actions for the entry point group `sayso.local.providers`."""
    return dict.fromkeys((("Source", PROVIDER), ("Build", PROVIDER)), lambda _: Nothing())


def plug_in(folder: Path) -> str:
    """Write what an installed package says of itself; gives the folder to put on the server's path."""
    about = folder / "sayso_bench_nothing-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: sayso-bench-nothing\nVersion: 0\n")
    (about / "entry_points.txt").write_text(f"[sayso.local.providers]\nnothing = {__name__}:providers\n")
    return str(folder)
