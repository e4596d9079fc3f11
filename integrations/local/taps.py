"""What scripts print, and the services that they start, carried into the log for as long as their driver runs.

A service outlives the driver, so its output can be no pipe: it would die of it. It is a file, whose beginning is given
back to the disk as soon as it was carried on. Only standard library: drivers run it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from pathlib import Path

CHUNK = 1 << 16
EVERY = 0.1
"""Seconds between two looks."""
MOST = 200
"""Files at once: of what more scripts have started, the oldest ones' services are heard no more."""
PIECE = 4 << 20
"""Bytes that are given back at once."""
_PUNCH_HOLE_AND_KEEP_SIZE = 0x03
"""fallocate(2), its flags."""


class Taps:
    """Files that processes print to, and the thread that carries what is new to standard output."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._open: list[_Tap] = []
        self._count = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def open(self) -> int:
        """Give a descriptor for a process to print to; close it once the process has it."""
        path = self._folder / f"printed-{self._count}"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
        written = os.open(path, flags, 0o600)
        with self._lock:
            self._open.append(_Tap(os.open(path, os.O_RDWR)))
            self._count += 1
            if len(self._open) > MOST:
                self._open.pop(0).close()
        path.unlink()  # it may have secrets in it; who prints to it has it all the same
        return written

    def drain(self) -> None:
        """Carry over all that was printed until now."""
        with self._lock:
            for tap in self._open:
                tap.carry()

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            self.drain()

    def close(self) -> None:
        """Carry over the rest, and end."""
        self._ended.set()
        self._thread.join(5)
        self.drain()


class _Tap:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._read = self._freed = 0

    def close(self) -> None:
        """Carry over the rest, and listen no more."""
        self.carry()
        os.close(self._descriptor)

    def carry(self) -> None:
        """Write what is new to standard output."""
        until = os.fstat(self._descriptor).st_size  # not for ever, if somebody prints as fast as this reads
        while self._read < until and (data := os.pread(self._descriptor, CHUNK, self._read)):
            self._read += len(data)
            while data:
                data = data[os.write(1, data) :]
            if self._read - self._freed >= PIECE:
                self._give_back()

    def _give_back(self) -> None:
        if _punch(self._descriptor, self._freed, self._read - self._freed):
            self._freed = self._read
        elif os.fstat(self._descriptor).st_size == self._read:
            # Where no hole can be made: what comes next is appended at the beginning then.
            os.ftruncate(self._descriptor, 0)
            self._read = self._freed = 0


def _punch(descriptor: int, begin: int, length: int) -> bool:
    """Give a part of a file back to the disk; tells whether the system could (Linux, on most file systems)."""
    with contextlib.suppress(OSError, AttributeError):
        call = ctypes.CDLL(None, use_errno=True).fallocate
        call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        return bool(call(descriptor, _PUNCH_HOLE_AND_KEEP_SIZE, begin, length) == 0)
    return False
