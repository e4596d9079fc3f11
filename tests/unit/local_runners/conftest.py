"""Attempts as the engine would make them, with real folders and real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.core.model import Revision
from integrations.local.actions import Attempt, Progress
from integrations.local.ending import marked
from integrations.local.host import Host, this_host
from integrations.local.processes import MARK
from integrations.specs.pipeline import ActionDeclaration


@dataclass
class Bench:
    """A place to run attempts in, and what they told."""

    tmp: Path
    id: str
    told: list[Progress] = field(default_factory=list)
    leaving: bool = False

    @property
    def host(self) -> Host:
        return this_host()

    @property
    def of_server(self) -> dict[str, str]:
        return {**os.environ, "SLACK_BOT_TOKEN": "xoxb-very-secret", "AWS_SECRET_ACCESS_KEY": "wJalr"}

    @property
    def log(self) -> str:
        return (self.tmp / "log.txt").read_text(encoding="utf-8")

    def tree(self, name: str, files: Mapping[str, str | bytes]) -> Path:
        root = self.tmp / name
        root.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
            file.chmod(0o755 if path.endswith(".sh") else 0o644)
        return root

    def attempt(
        self,
        inputs: Mapping[str, Path],
        *,
        category: str = "Build",
        provider: str = "CodeBuild",
        outputs: tuple[str, ...] = (),
        configuration: Mapping[str, str] | None = None,
        number: int = 1,
    ) -> Attempt:
        async def report(progress: Progress) -> None:
            self.told.append(progress)

        declaration: dict[str, Any] = {
            "name": "Unit",
            "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
            "inputArtifacts": [{"name": name} for name in inputs],
            "outputArtifacts": [{"name": name} for name in outputs],
            "region": "eu-central-1",
        }
        folder = self.tmp / f"attempt-{number}"
        folder.mkdir(exist_ok=True)
        return Attempt(
            id=f"{self.id}#{number}",
            execution_id="run-1",
            pipeline="checkout",
            stage="Build",
            declaration=ActionDeclaration.model_validate(declaration),
            configuration=configuration or {},
            inputs=inputs,
            folder=folder,
            log=self.tmp / "log.txt",
            base=self.tmp,
            environment={"SAYSO_RUN": "run-1"},
            revision=Revision(id="c0ffee" * 6 + "c0ff"),
            report=report,
            leaving=lambda: self.leaving,
        )

    def processes(self) -> list[psutil.Process]:
        """Find every process of this test's attempts, and everything that its deployments started."""
        found = marked(MARK, lambda value: value.startswith(self.id))
        return found + marked("SAYSO_HOOK", lambda value: value.startswith(self.id))

    async def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(0.02)


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    made = Bench(tmp_path, f"test-{os.getpid()}-{tmp_path.name}-{tmp_path.parent.name}")
    yield made
    for process in made.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
