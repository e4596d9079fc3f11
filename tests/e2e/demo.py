"""The demo for tests that look at it from outside: as `sayso demo`, and with its pipeline in AWS instead."""

from __future__ import annotations

import re
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bot.cli.demo_folder import Places, lay_out
from bot.cli.demo_processes import Children
from bot.cli.doors import free_port
from tests.support.amazon_side import OURS, THEIRS, event_queue, in_aws
from tests.support.commands import carrying, running
from tests.support.programs import SLACK

MARK = "SAYSO_DEMO"


@dataclass(frozen=True)
class Demo:
    """A demo that is ready to be used."""

    folder: Path
    page: str
    """Its chat's address."""
    by_commit: bool = False
    """Branches are named by their commits, because a connection of AWS takes nothing else."""

    def ref(self, branch: str) -> str:
        """Say what people type after the @ for a branch."""
        return self.commit(branch) if self.by_commit else branch

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
    """Run `sayso demo` for the time of the block, and end it as Ctrl-C does."""
    folder = root / "demo"
    with running("demo", "--folder", str(folder), "--port", "0", "--playground-port", "0", folder=root) as process:
        ready = re.search(r"Open (http://\S+)", process.until(lambda output: "Ready." in output))
        assert ready
        yield Demo(folder, ready[1])
        assert process.end(signal.SIGINT) == 0
        assert process.output.rstrip().endswith("Stopped.")


@contextmanager
def demo_on_aws(root: Path) -> Iterator[Demo]:
    """Run the demo's service with its pipeline in AWS: a second server is Amazon, and its events come by SQS."""
    folder = root / "demo"
    folder.mkdir()
    port, playground, staging, production, amazon = (free_port() for _ in range(5))
    places = Places(folder, port, playground, staging, production)
    lay_out(places)
    catalogue = folder / "aws.toml"
    catalogue.write_text(in_aws(places.catalogue.read_text(encoding="utf-8"), "checkout"), encoding="utf-8")
    settings = {"SLACK_API_URL": f"{places.page}api/", "SAYSO_CONFIG": str(catalogue), "SAYSO_PORT": str(port)}
    children = Children(folder, {**SLACK, **OURS, **settings})
    no_chat = dict.fromkeys(SLACK, "")
    with event_queue() as queue:
        children.start(
            "amazon", ["serve"], SAYSO_CONFIG=str(places.catalogue), SAYSO_DATA=str(folder / "amazon"),
            SAYSO_PORT=str(amazon), SAYSO_AWS_EVENTS=f"sqs+{queue.url}", **THEIRS, **no_chat,
        )  # fmt: skip
        children.start(
            "sayso", ["serve"], SAYSO_DATA=str(folder / "data"),
            SAYSO_AWS_ENDPOINT_URL=f"http://127.0.0.1:{amazon}/aws,sqs={queue.endpoint}", SAYSO_AWS_QUEUES=queue.url,
        )  # fmt: skip
        children.start("playground", ["playground", "--port", str(playground)])
        try:
            ready = {"amazon": f"http://127.0.0.1:{amazon}/readyz", "sayso": f"{places.sayso}/readyz"}
            children.wait_until_ready({**ready, "playground": places.page})
            yield Demo(folder, places.page, by_commit=True)
        finally:
            children.end()
