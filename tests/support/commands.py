"""Runs the `sayso` command as people do: as processes, with an environment of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

SECONDS = 180


def environment(**variables: str) -> dict[str, str]:
    """Give this process's environment without any of Sayso's settings, and these variables."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("SAYSO_", "SLACK_", "ALEXA_"))}
    return {**inherited, "COLUMNS": "120", **variables}


def sayso(*arguments: str, folder: Path, lines: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `lines` are what it reads."""
    return subprocess.run(
        [sys.executable, "-m", "bot.cli", *arguments], cwd=folder, env=environment(**variables), text=True,
        capture_output=True, timeout=SECONDS, check=False, input=lines,
    )  # fmt: skip


class Running:
    """A command that goes on, its output in a file."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process, self._output = process, output

    @property
    def output(self) -> str:
        """Give what it has printed so far."""
        return self._output.read_text(encoding="utf-8")

    def until(self, holds: Callable[[str], object], seconds: float = SECONDS) -> str:
        """Wait until what it has printed is so."""
        deadline = time.monotonic() + seconds
        while not holds(self.output):
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.output}"
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)
        return self.output

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(how)
        return self.process.wait(SECONDS)


@contextmanager
def running(*arguments: str, folder: Path, **variables: str) -> Iterator[Running]:
    """Run a command for the time of the block."""
    output = folder / f"output-{time.monotonic_ns()}.txt"
    with output.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", *arguments], cwd=folder, env=environment(**variables), stdout=written,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        yield Running(process, output)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def carrying(name: str, value: str) -> list[psutil.Process]:
    """Find every living process with this variable in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
