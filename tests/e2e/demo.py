"""`sayso demo` for tests that look at it from outside: a process with a folder and ports of its own."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.commands import Running, carrying, running

MARK = "SAYSO_DEMO"


@dataclass(frozen=True)
class Demo:
    """A demo that is ready to be used."""

    folder: Path
    process: Running
    page: str
    """Its chat's address."""

    def address(self, group: str) -> str:
        """Give the address of the service in `staging` or `production`."""
        catalogue = tomllib.loads((self.folder / "sayso.toml").read_text(encoding="utf-8"))
        groups = catalogue["services"]["checkout"]["target"]["applications"]["checkout"]
        return f"http://127.0.0.1:{groups[group]['targets'][0]['environment']['PORT']}/"

    def commit(self, ref: str) -> str:
        """Give a commit of the example's repository."""
        found = subprocess.run(
            ["git", "-C", str(self.folder / "checkout"), "rev-parse", ref], capture_output=True, text=True, check=True
        )
        return found.stdout.strip()

    def runs(self, group: str) -> str:
        """Ask the service itself which commit runs there."""
        answer = httpx.get(f"{self.address(group)}version", timeout=30, trust_env=False).raise_for_status()
        return str(answer.json()["commit"])

    def processes(self) -> list[str]:
        """List everything of this demo that still runs."""
        return [f"{each.pid} {each.name()}" for each in carrying(MARK, str(self.folder))]


@contextmanager
def demo(root: Path) -> Iterator[Demo]:
    """Run a demo for the time of the block."""
    folder = root / "demo"
    with running("demo", "--folder", str(folder), "--port", "0", "--playground-port", "0", folder=root) as process:
        ready = re.search(r"Open (http://\S+)", process.until(lambda output: "Ready." in output))
        assert ready
        yield Demo(folder, process, ready[1])
