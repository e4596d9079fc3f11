"""A `sayso serve` whose pipelines are made and driven through its AWS endpoint, and what it holds of the machine."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import sqlalchemy as sa
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bot.cli.doors import free_port
from integrations.local.states import ACTIVE
from integrations.local.tables import EXECUTIONS
from tests.bench.nothing import PROVIDER, plug_in
from tests.support.programs import wait_for

KEYS = {"SAYSO_AWS_ACCESS_KEY_ID": "AKIDBENCH", "SAYSO_AWS_SECRET_ACCESS_KEY": "a-secret-of-the-benches-only"}
NOTHING = {"category": "Build", "owner": "Custom", "provider": PROVIDER, "version": "1"}
APPROVAL = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
SLOTS = 16
"""Actions that one server has under way at once: the baseline in bash gets as many."""


def declaration(name: str, stages: Mapping[str, list[dict[str, Any]]], **more: Any) -> dict[str, Any]:
    """Declare a pipeline that begins with a source of nothing."""
    source = {"name": "Nothing", "actionTypeId": NOTHING | {"category": "Source"},
              "outputArtifacts": [{"name": "Tree"}], **more.pop("source", {})}  # fmt: skip
    declared = [{"name": key, "actions": actions} for key, actions in {"Source": [source], **stages}.items()]
    return {"name": name, "roleArn": "arn:aws:iam::000000000000:role/local", "pipelineType": "V2",
            "artifactStore": {"type": "S3", "location": "local"}, "stages": declared, **more}  # fmt: skip


def no_op(number: int = 0) -> dict[str, Any]:
    """Declare an action that does nothing, without a process."""
    return {"name": f"Nothing{number}", "actionTypeId": NOTHING}


def true_command() -> dict[str, Any]:
    """Declare an action that runs `true` in a shell of its own, as a build is run."""
    kind = {"category": "Compute", "owner": "AWS", "provider": "Commands", "version": "1"}
    return {"name": "True", "actionTypeId": kind, "commands": ["true"], "inputArtifacts": [{"name": "Tree"}]}


class Served:
    """One server as a process, without a chat, on any database."""

    def __init__(self, root: Path, database: str | None = None, **environment: str) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root, self.port = root, free_port()
        (root / "sayso.toml").write_text("")
        self.environment = {
            "SAYSO_CONFIG": str(root / "sayso.toml"), "SAYSO_DATA": str(root / "data"), "SAYSO_PORT": str(self.port),
            "PYTHONPATH": plug_in(root / "plugin"), **KEYS, **environment,
        }  # fmt: skip
        if database:
            self.environment["SAYSO_DATABASE_URL"] = database
        self._database = database or f"sqlite:///{root / 'data' / 'sayso.db'}"
        self.process: psutil.Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(timeout=300, trust_env=False, limits=httpx.Limits(max_keepalive_connections=16))
        self._rows = sa.create_engine(self._database.replace("postgresql:", "postgresql+psycopg:"))

    def begin(self) -> None:
        """Start it, and wait until it is ready."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SAYSO_", "SLACK_"))}
        with (self.root / "server.log").open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "serve"], env={**clean, **self.environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.process = psutil.Process(self._child.pid)
        wait_for(self._ready, f"the server is ready: {(self.root / 'server.log').read_text()[-2000:]}")

    def _ready(self) -> bool:
        assert self._child is not None and self._child.poll() is None, (self.root / "server.log").read_text()[-3000:]
        try:
            return self._http.get(f"http://127.0.0.1:{self.port}/readyz").is_success
        except httpx.TransportError:
            return False

    def end(self) -> None:
        """Ask it to end, and wait."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait()
            self._child = self.process = None

    def close(self) -> None:
        """End it and everything that belongs to it."""
        self.end()
        self._http.close()
        self._rows.dispose()

    def call(self, operation: str, **given: Any) -> dict[str, Any]:
        """Call CodePipeline over HTTP, signed as AWS's clients sign."""
        url, body = f"http://127.0.0.1:{self.port}/aws/", json.dumps(given).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "host": f"127.0.0.1:{self.port}",
                   "x-amz-target": f"CodePipeline_20150709.{operation}"}  # fmt: skip
        request = AWSRequest("POST", url, headers=headers, data=body)
        SigV4Auth(Credentials(*KEYS.values()), "codepipeline", "us-east-1").add_auth(request)
        answer = self._http.post(url, headers=dict(request.headers.items()), content=body)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json() if answer.content else {}
        return told

    def create(self, declared: Mapping[str, Any]) -> None:
        """Make a pipeline."""
        self.call("CreatePipeline", pipeline=declared)

    def start(self, name: str) -> str:
        """Start an execution, and give its id."""
        return str(self.call("StartPipelineExecution", name=name)["pipelineExecutionId"])

    def start_all(self, names: list[str]) -> None:
        """Start an execution of each, several at once."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.start, names))

    def under_way(self) -> int:
        """Count the executions that are not over, past the server: asking it would be work for it."""
        with self._rows.connect() as c:
            active = EXECUTIONS.c.state.in_(ACTIVE)
            return c.scalar(sa.select(sa.func.count()).select_from(EXECUTIONS).where(active)) or 0

    def rows(self) -> sa.Engine:
        """Give the database itself."""
        return self._rows

    def until(self, holds: Callable[[], bool], what: str, *, seconds: float = 1800, pause: float = 0.05) -> float:
        """Wait for it; gives the moment at which it was seen."""
        deadline = time.perf_counter() + seconds
        while not holds():
            assert time.perf_counter() < deadline, f"never happened: {what}"
            time.sleep(pause)
        return time.perf_counter()

    def memory(self) -> float:
        """Give the server's resident memory in MB."""
        assert self.process is not None
        return float(self.process.memory_info().rss / 2**20)

    def cpu(self) -> float:
        """Give the seconds of a core that the server has used; not its database, nor what outlives it."""
        assert self.process is not None
        return cpu_of(self.process)

    def idle(self, seconds: float) -> float:
        """Give the share of a core that it uses while nobody asks for anything, in percent."""
        assert self.process is not None
        time.sleep(min(2.0, seconds))
        self.process.cpu_percent()
        time.sleep(seconds)
        return float(self.process.cpu_percent())


@contextmanager
def serving(root: Path, database: str | None = None, **environment: str) -> Iterator[Served]:
    """Run one for the time of the block."""
    server = Served(root, database, **environment)
    try:
        server.begin()
        yield server
    finally:
        server.close()


def cpu_of(process: psutil.Process) -> float:
    """Give the seconds of a core that a process has used, without its children."""
    used = process.cpu_times()
    return float(used.user + used.system)


def in_bash(pipelines: int, commands: int) -> tuple[float, float]:
    """Run `true` in a shell of its own so often, one by one in each pipeline; gives the seconds, and those of CPU."""
    each = f"for n in $(seq {commands}); do bash -c true; done"
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["bash", "-c", f"seq {pipelines} | xargs -P {SLOTS} -I_ bash -c '{each}'"], check=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
