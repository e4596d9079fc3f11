"""The demo's processes: started together, watched, and none left behind, whatever they started themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx
import psutil

from bot.cli.demo_folder import MARK
from bot.cli.exits import Unsuccessful
from bot.core.wording import say

START_SECONDS = 90.0
END_SECONDS = 15.0
TAIL = 15
"""Lines of a log that are shown when its process died."""


class ChildDied(Unsuccessful):
    """A part of the demo has ended."""


@dataclass(slots=True)
class Children:
    """Processes with their logs, started in the given order and ended in that order too."""

    folder: Path
    environment: Mapping[str, str]
    _running: dict[str, tuple[subprocess.Popen[bytes], IO[bytes]]] = field(default_factory=dict)

    def start(self, name: str, arguments: Sequence[str], **more: str) -> None:
        """Start `sayso` with arguments; in a session of its own, because Ctrl-C is ours to pass on in good order."""
        log = self.log_of(name).open("wb")
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("SAYSO_", "SLACK_", "ALEXA_"))
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", *arguments],
            env={**inherited, **self.environment, **more, MARK: str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._running[name] = process, log

    def log_of(self, name: str) -> Path:
        """Give the path of a process's log."""
        return self.folder / "logs" / f"{name}.log"

    def check(self) -> None:
        """Raise `ChildDied` with the last lines of its log if one has ended."""
        for name, (process, _) in self._running.items():
            if process.poll() is not None:
                raise ChildDied(say("demo.died", name=name, code=process.returncode, lines=self.tail(name)))

    def tail(self, name: str) -> str:
        """Give the last lines of a process's log."""
        lines = self.log_of(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL:]) or say("demo.no_log")

    def wait_until_ready(self, addresses: Mapping[str, str]) -> None:
        """Wait until every address answers well."""
        deadline = time.monotonic() + START_SECONDS
        waiting = dict(addresses)
        with httpx.Client(timeout=5, trust_env=False) as http:
            while waiting:
                self.check()
                for name, address in list(waiting.items()):
                    if _answers(http, address):
                        del waiting[name]
                if waiting and time.monotonic() > deadline:
                    name = next(iter(waiting))
                    lines = self.tail(name)
                    raise ChildDied(say("demo.not_ready", name=name, seconds=int(START_SECONDS), lines=lines))
                time.sleep(0.1)

    def end(self) -> None:
        """End them and everything that they started."""
        started = [each for process, _ in self._running.values() for each in _offspring(process.pid)]
        for process, log in self._running.values():
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()
        self._running.clear()
        end_all(started)
        end_marked(self.folder)


def _answers(http: httpx.Client, address: str) -> bool:
    try:
        return http.get(address).is_success
    except httpx.HTTPError:
        return False


def _offspring(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def marked(folder: Path) -> list[psutil.Process]:
    """Find every process of this user that carries the demo's mark, wherever it stands in the tree."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue  # somebody else's, or already gone
    return found


def end_marked(folder: Path) -> int:
    """End all processes of a demo, also those that a killed one left behind; tell how many there were."""
    count = 0
    while found := marked(folder):
        count += len(found)
        end_all(found)
    return count


def end_all(processes: Iterable[psutil.Process]) -> None:
    """Ask them to end, and end those that don't."""
    asked = list(processes)
    for process in asked:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, left = psutil.wait_procs(asked, timeout=5)
    for process in left:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=5)
