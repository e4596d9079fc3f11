"""Runs a command so that it outlives this server, finds it again after a restart, and ends it with all it started."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from integrations.local.host import Host

MARK = "SAYSO_ATTEMPT"
"""Environment variable that every process of an attempt carries, so that even one that forked away is found."""

# Waits for the word that the record of this process is on disk; only then may the command have any effect. If the
# server dies before, the pipe closes, and nothing ever ran. The exit code is written aside and moved: whole or absent.
WRAPPER = """
read -r word || exit 125
exec </dev/null
: >"$1/begun"
folder=$1; shift
"$@"
code=$?
echo "$code" >"$folder/exit.new" && mv "$folder/exit.new" "$folder/exit"
exit "$code"
"""

ROOT = Path(__file__).resolve().parents[2]
START_MODULE = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), {}, '__main__')"
)

# What children may see of the server's own environment. Everything else may be a secret.
INHERITED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"}
)
PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"})


class Lost(Exception):
    """A command's process is gone (or on another machine or boot) and left no exit code."""


def clean_environment(of_server: Mapping[str, str]) -> dict[str, str]:
    """Give what children may inherit: paths, language, certificates, proxies without a password. Never our secrets."""
    return {
        name: value
        for name, value in of_server.items()
        if name in INHERITED or name.startswith("LC_") or (name.upper() in PROXIES and "@" not in value)
    }


def python(module: str, *arguments: str) -> list[str]:
    """Give the command line that runs a module of ours in this Python, isolated from the environment."""
    return [sys.executable, "-I", "-c", START_MODULE, str(ROOT), module, *arguments]


@dataclass(frozen=True, slots=True)
class Identity:
    """One process of one boot of one machine; a number alone may be somebody else's tomorrow."""

    host: str
    boot: str
    pid: int
    started: float
    """Clock ticks since boot on Linux, else seconds since 1970; only compared for equality."""


def started_at(pid: int) -> float | None:
    """Tell when a process started, or `None` if it is gone or only waits to be buried."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        if Path("/proc/self/stat").exists():
            # proc(5): the name in parentheses may hold anything; state is the field after it, starttime the 20th.
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            return None if fields[0] in "ZX" else float(fields[19])
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except (OSError, psutil.Error):
        return None


class Detached:
    """A command that runs on its own, in its own session, watched through files in `folder`.

    `folder` is made by `start`: making it is the lock that keeps one attempt from being started twice.
    """

    def __init__(self, folder: Path, identity: Identity, child: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self.identity = identity
        self._child = child

    @classmethod
    def start(
        cls,
        folder: Path,
        command: Sequence[str],
        *,
        host: Host,
        cwd: Path,
        environment: Mapping[str, str],
        output: Path,
    ) -> Detached:
        """Start a command whose output is appended to `output` (readable by us only).

        `FileExistsError` if it was started before. The record of the process is on disk before the command runs.
        """
        folder.mkdir(parents=True)
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as log:
            child = subprocess.Popen(
                ["/bin/sh", "-c", WRAPPER, "sh", str(folder), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=cwd,
                env=dict(environment),
                start_new_session=True,
            )
        started = started_at(child.pid)
        identity = Identity(host.name, host.boot, child.pid, started if started is not None else -1.0)
        write_durably(folder / "process.json", json.dumps(dataclasses.astuple(identity)))
        stdin = child.stdin
        assert stdin is not None
        with contextlib.suppress(BrokenPipeError), stdin:
            stdin.write(b"go\n")
        return cls(folder, identity, child)

    @classmethod
    def again(cls, folder: Path, host: Host) -> Detached | None:
        """Find a command that an earlier server started. `None`: it never began, and may be started (again).

        Raises `Lost` if it began, but there is neither a process of this boot nor an exit code.
        """
        try:
            identity = Identity(*json.loads((folder / "process.json").read_text()))
        except (OSError, ValueError, TypeError) as error:
            if (folder / "begun").exists():
                raise Lost("The record of its process can't be read.") from error
            shutil.rmtree(folder, ignore_errors=True)
            return None
        found = cls(folder, identity)
        if found.exit_code() is not None:
            return found
        if (identity.host, identity.boot) != (host.name, host.boot):
            raise Lost("It ran on another machine, or before this one was started anew.")
        found.settle()
        if found.alive() or found.exit_code() is not None:
            return found
        if not (folder / "begun").exists():
            shutil.rmtree(folder, ignore_errors=True)
            return None
        raise Lost("Its process is gone and left no result.")

    def settle(self, seconds: float = 5.0) -> None:
        """Wait for the moment in which it either begins, or sees that its server died before the word to, and ends."""
        until = time.monotonic() + seconds
        while self.alive() and not (self.folder / "begun").exists() and time.monotonic() < until:
            time.sleep(0.005)

    def exit_code(self) -> int | None:
        """Read the exit code; `None` while there is none."""
        try:
            return int((self.folder / "exit").read_text())
        except (OSError, ValueError):
            return None

    def alive(self) -> bool:
        """Tell whether the process runs (and buries it if it was our child and has ended)."""
        if self._child is not None:
            return self._child.poll() is None
        return started_at(self.identity.pid) == self.identity.started

    def leave(self) -> None:
        """Let it run on without us."""
        if self._child is not None:
            self._child.returncode = self._child.poll() or 0  # so that Python does not miss it
            self._child = None

    async def looks(self, every: float = 0.1) -> AsyncGenerator[None, None]:
        """Yield at once, then every so many seconds and at the end: once more after the process is gone."""
        with _Ending(self.identity.pid if self.alive() else None) as ending:
            while self.alive():
                yield
                await ending.wait(every)
        yield


class _Ending:
    """Wakes up when a process ends: by pidfd where the system has it (Linux), else only by the clock."""

    def __init__(self, pid: int | None) -> None:
        self._event = asyncio.Event()
        self._descriptor: int | None = None
        if pid is not None and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> Self:
        if self._descriptor is not None:
            asyncio.get_running_loop().add_reader(self._descriptor, self._ended, self._descriptor)
        return self

    def _ended(self, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)  # it stays readable from now on
        self._event.set()

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)

    async def wait(self, seconds: float) -> None:
        if self._event.is_set():  # it has ended, but is not buried yet
            await asyncio.sleep(0.01)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)


def write_durably(path: Path, text: str) -> None:
    """Write a file so that it is there whole, even after a power cut, or not at all."""
    new = path.with_name(path.name + ".new")
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
