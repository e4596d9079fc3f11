"""Which machine, boot and process this is, and the lock that makes one process the owner of a data folder."""

from __future__ import annotations

import fcntl
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from bot.core.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Host:
    """Where an attempt was begun: a process can only be found again on the same machine and boot."""

    name: str
    boot: str
    pid: int


def this_host() -> Host:
    """Tell which machine, boot and process this is."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    found = boot.read_text().strip() if boot.exists() else str(int(psutil.boot_time()))
    return Host(socket.gethostname(), found, os.getpid())


def own(data: Path) -> IO[str]:
    """Lock a data folder for this process until the returned file is closed (or the process dies).

    With the lock held, whatever was begun before is certainly no longer watched by anybody.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "engine.lock").open("a")
    except OSError as error:
        raise Misconfigured(
            f"Sayso can't write to its data folder {data}: {error.strerror}.",
            fix="Set SAYSO_DATA to one it may write to.",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise Misconfigured(
            "Sayso already runs with this data folder.", fix="Stop the other one, or set SAYSO_DATA to another folder."
        ) from error
    return lock
