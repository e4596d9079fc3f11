"""Finds the processes of an attempt, also those that forked away, and ends them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable

import psutil

from integrations.local.processes import MARK, Identity, started_at


def marked(name: str, test: Callable[[str], bool]) -> list[psutil.Process]:
    """Find the processes, ours excepted, whose environment has a variable for whose value `test` holds."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            value = process.environ().get(name)
            if value is not None and process.pid != os.getpid() and test(value):
                found.append(process)
    return found


def of_attempt(attempt: str, leader: Identity | None = None) -> list[psutil.Process]:
    """Find an attempt's processes: those that carry its mark, and those in the session that `leader` opened."""
    # A session's number is only given away again when its last process is gone.
    session = leader.pid if leader is not None and started_at(leader.pid) in {leader.started, None} else None
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and (_session(process) == session or _mark(process) == attempt):
                found.append(process)
    return [process for process in found if not _dead(process)]


def _session(process: psutil.Process) -> int:
    try:
        return os.getsid(process.pid)
    except OSError:
        return -1


def _mark(process: psutil.Process) -> str | None:
    return process.environ().get(MARK)


async def end(find: Callable[[], list[psutil.Process]], grace: float = 5.0) -> int:
    """End all that `find` gives, with their descendants: TERM, after `grace` seconds KILL, until none is left.

    Gives how many processes there were. `find` is asked again and again, since processes may start others meanwhile.
    """
    return await asyncio.to_thread(_end, find, grace)


def _end(find: Callable[[], list[psutil.Process]], grace: float) -> int:
    ended: set[psutil.Process] = set()
    kill_from = time.monotonic() + grace
    give_up_at = kill_from + 10.0
    while found := [process for process in _with_descendants(find()) if process.is_running() and not _dead(process)]:
        now = time.monotonic()
        if now > give_up_at:  # such as a process in uninterruptible sleep: the kernel ends it when it can
            break
        for process in found:
            if now >= kill_from or process not in ended:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL if now >= kill_from else signal.SIGTERM)
        ended.update(found)
        psutil.wait_procs(found, timeout=0.05)
    return len(ended)


def _dead(process: psutil.Process) -> bool:
    try:
        return process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.Error:
        return True


def _with_descendants(processes: list[psutil.Process]) -> list[psutil.Process]:
    every = dict.fromkeys(processes)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            every.update(dict.fromkeys(process.children(recursive=True)))
    return list(every)
