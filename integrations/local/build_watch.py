"""Watches a build's time, processes, memory and disk from inside its driver. Only standard library."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.local.outlet import Outlet

EVERY = 0.5
"""Seconds between two looks."""
GRACE = 2.0
"""Seconds between TERM and KILL."""
PAGE = os.sysconf("SC_PAGE_SIZE")
LEAST_FREE = 1_000_000
"""Bytes; a disk with less is full."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One process of the build."""

    pid: int
    memory: int
    """Resident bytes."""


class Family:
    """The processes of a build: those of this process's session, those that carry the build's mark, and their children.

    Only Linux shows them (`/proc`); elsewhere none is found, and the limits on them do nothing.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._session = os.getsid(0)
        self._known: dict[tuple[int, str], bool] = {}

    def members(self) -> list[Seen]:
        """Find them, without this process and the shell that waits for it."""
        rows = {}
        for found in Path("/proc").iterdir() if Path("/proc/self/stat").exists() else ():
            if found.name.isdigit() and (fields := _stat(found.name)) is not None:
                rows[int(found.name)] = fields
        known, ours = {}, set()
        for pid, fields in rows.items():
            key = (pid, fields[19])
            mine = self._known.get(key) or int(fields[3]) == self._session or self._marked(key)
            known[key] = mine
            if mine:
                ours.add(pid)
        self._known = known
        more = True
        while more:  # children of members are members, even if they left the session and dropped the mark
            children = {pid for pid, fields in rows.items() if pid not in ours and int(fields[1]) in ours}
            self._known.update(dict.fromkeys(((pid, rows[pid][19]) for pid in children), True))
            ours |= children
            more = bool(children)
        ours -= {os.getpid(), self._session}
        return [Seen(pid, int(rows[pid][21]) * PAGE) for pid in sorted(ours)]

    def _marked(self, key: tuple[int, str]) -> bool:
        if key in self._known:
            return self._known[key]
        try:
            return self._mark in Path(f"/proc/{key[0]}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def end(self) -> None:
        """End them all: TERM, then STOP so that none can start another one, then KILL."""
        for seen in self.members():
            _send(seen.pid, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while self.members() and time.monotonic() < until:
            time.sleep(0.05)
        stopped: set[int] = set()
        for _ in range(100):
            new = {seen.pid for seen in self.members()} - stopped
            if not new:
                break
            for pid in new:
                _send(pid, signal.SIGSTOP)
            stopped |= new
        until = time.monotonic() + 10
        while (left := self.members()) and time.monotonic() < until:
            for seen in left:
                _send(seen.pid, signal.SIGKILL)
            time.sleep(0.02)


def _stat(name: str) -> list[str] | None:
    """Read proc(5)'s fields from the state on; `None` for one that is gone or only waits to be buried."""
    try:
        fields = Path(f"/proc/{name}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):  # it is gone already
        os.kill(pid, number)


class Watch:
    """Looks twice a second whether the build keeps its limits; `over` is told which one it broke, once."""

    def __init__(
        self,
        limits: dict[str, Any],
        family: Family,
        outlet: Outlet,
        folder: Path,
        over: Callable[[dict[str, Any]], None],
    ) -> None:
        """Take the limits (`seconds`, `processes`, `memory` in bytes; `None` for none) and begin to watch."""
        self._limits, self._family, self._outlet, self._folder, self._over = limits, family, outlet, folder, over
        self._deadline = time.monotonic() + limits["seconds"]
        self.stopped = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self.stopped.wait(min(EVERY, max(0.01, self._deadline - time.monotonic()))):
            if (broken := self._broken()) is not None:
                self._over(broken)
                return

    def _broken(self) -> dict[str, Any] | None:
        if self._outlet.problem:
            return {"limit": "disk" if self._outlet.full else "log", "number": self._outlet.problem}
        if time.monotonic() > self._deadline:
            return {"limit": "time", "most": self._limits["minutes"]}
        seen = self._family.members()
        if (most := self._limits["processes"]) is not None and len(seen) > most:
            return {"limit": "processes", "most": most}
        if (most := self._limits["memory"]) is not None and sum(one.memory for one in seen) > most:
            return {"limit": "memory", "most": most}
        return None


def disk_is_full(folder: Path) -> bool:
    """Tell whether there is no room left where the build works."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize < LEAST_FREE
