"""Pipelines and buildspecs in the style of AWS's own samples run unchanged on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bot.core.model import Action, Release, Run, Status, Surface, TestReport
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.backend import LocalBackend
from integrations.local.host import this_host
from integrations.local.providers import Machine, builtin_providers
from integrations.local.target import LocalTarget
from tests.support.waiting import until

SAMPLES = Path(__file__).parents[1] / "samples"


@dataclass
class Expected:
    """What a sample's run leaves: the files of its last artifact, tests that passed, percent of lines covered."""

    files: set[str] = field(default_factory=set)
    passed: int = 0
    percent: float | None = None
    log: str = ""
    target: dict[str, Any] = field(default_factory=dict)


EXPECTED = {
    "python-pytest": Expected({"VERSION", "build.txt", "buildspec.yml", "cart.py", "pipeline.json", "requirements.txt",
                               "tests/report.py", "tests/test_cart.py"}, passed=1),
    "python-sam": Expected({"packaged.yaml", "prod.json"},
                           target={"projects": {"app": {"buildspec": "buildspec.yaml"}}}),
    "node-react": Expected({"index.html", "static/app.js"}, passed=1, percent=90, log="there is no cache yet"),
    "java-maven": Expected({"target/messageUtil-1.0.jar"}, passed=1, percent=75, log="leaves out /root/.m2/**/*"),
    "java-gradle-testng": Expected(passed=1, log="bash it is"),
    "go-module": Expected({"bin/app"}, passed=1, log="PRE_BUILD failed and is run again; 1 more tries are left"),
    "dotnet-core": Expected({"App.dll"}, passed=1, percent=80),
    "ruby-rspec": Expected(passed=2, percent=200 / 3),
    "docker-ecr": Expected({"imagedefinitions.json"}, log="Login Succeeded with ***"),
    "static-site": Expected({"index.html", "js/a.js"}),
    "multi-artifact": Expected({"bundle.txt"}),
    "old-shells": Expected({"made.txt"}),
    "many-reports": Expected(passed=3, log=""),
}  # fmt: skip


def test_every_sample_is_run() -> None:
    assert {path.name for path in SAMPLES.iterdir() if (path / "pipeline.json").exists()} == set(EXPECTED)


def repository(sample: str, into: Path) -> Path:
    shutil.copytree(SAMPLES / sample, into)
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
           "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@example.com",
           "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "a@example.com"}  # fmt: skip
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", f"The sample {sample}"]):
        subprocess.run(["git", *command], cwd=into, env=env, check=True, capture_output=True)
    return into


async def carry_out(sample: str, folder: Path) -> tuple[Run, str, Path | None]:
    """Run a sample to its end; gives the run, all its logs, and the folder of its last artifact."""
    source, data = repository(sample, folder / "repository"), folder / "data"
    data.mkdir()
    engine = open_engine(f"sqlite+aiosqlite:///{folder / 'engine.db'}")
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    environment = {**os.environ, "PATH": f"{SAMPLES / 'tools'}{os.pathsep}{os.environ['PATH']}",
                   "SAYSO_SECRET_DOCKER_TOKEN": "dckr-very-secret"}  # fmt: skip

    def now() -> datetime:
        return datetime.now(UTC)

    providers = builtin_providers(Machine(data, this_host(), environment, now))
    backend = LocalBackend(Database(engine), data, now, lambda: uuid4().hex, providers=providers)
    given = {"pipeline": source / "pipeline.json", "repositories": {"acme/app": str(source)}}
    target = LocalTarget.model_validate(given | EXPECTED[sample].target)
    await backend.open()
    try:
        wish = Release(id="wish-1", number=1, service="shop", environment="prod", requested_by="ada",
                       surface=Surface.CLI, backend="local", created=now(), updated=now())  # fmt: skip
        run_id = await backend.start(target, wish)

        run = await until(lambda: backend.observe(target, run_id), lambda seen: seen.status.finished)
        logs = "".join(path.read_text() for path in sorted(data.glob("runs/*/*/log.txt")))
        stored = sorted(data.glob("artifacts/??/*"), key=lambda path: path.stat().st_mtime_ns)
        return run, logs, stored[-1] if stored else None
    finally:
        await backend.close(kill=True)
        await engine.dispose()


def reports_of(run: Run) -> TestReport:
    actions: list[Action] = [action for stage in run.stages for action in stage.actions]
    return next((action.tests for action in actions if action.tests), TestReport())


@pytest.mark.parametrize("sample", sorted(EXPECTED))
async def test_a_sample_runs_unchanged(sample: str, tmp_path: Path) -> None:
    run, logs, artifact = await carry_out(sample, tmp_path)
    expected = EXPECTED[sample]
    assert "pip install" not in logs or "Successfully installed install" in logs, "the stand-in was not used"
    assert run.status is Status.SUCCEEDED, f"{run.detail}\n{logs}"
    assert expected.log in logs
    assert "dckr-very-secret" not in logs + run.model_dump_json()
    tests = reports_of(run)
    assert (tests.passed, tests.failed, tests.errors) == (expected.passed, 0, 0)
    assert (tests.coverage.percent if tests.coverage else None) == (
        None if expected.percent is None else pytest.approx(expected.percent)
    )
    if sample == "many-reports":
        assert tests.slowest[0].name == "B.one"
        assert [note.split(":")[0] for note in tests.notes] == ["broken.xml"]
    if expected.files:
        assert artifact is not None
        found = {path.relative_to(artifact).as_posix() for path in artifact.rglob("*") if path.is_file()}
        assert found == expected.files
