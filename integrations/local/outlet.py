"""A driver's standard output with a bound: the head and the tail are kept, the middle of a flood is dropped.

Only standard library: drivers run it. Whatever their commands print goes through a pipe into the raw log; beyond
its head into numbered parts beside it, of which only the last ones are kept.
"""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from pathlib import Path

LOG_BYTES = 100_000_000
"""How much of what an attempt prints is kept: half from its beginning, half from its end."""
PARTS = 2
"""Further parts that are kept: the newest ones."""
CHUNK = 1 << 16
LAST_WORDS = 2.0
"""Seconds that a pipe into which something still prints is emptied before it is left."""
RECENT = 65_536
"""Bytes of the last output that are kept at hand."""


def bounds(most: int) -> dict[str, int]:
    """Give the bytes of the raw log itself and of one further part, for a log of so many bytes."""
    return {"head": most // 2, "part": most // 2 // PARTS}


def part_of(raw: Path, number: int) -> Path:
    """Name the raw log's part with this number, counted from 1."""
    return raw.with_name(f"{raw.name}.{number}")


class Outlet:
    """The pipe behind this process's standard output and error, and the thread that empties it into the raw log."""

    def __init__(self, raw: Path, *, head: int, part: int) -> None:
        self.raw, self.head, self.part = raw, head, part
        self.full = False
        """The disk is full; nothing is written from then on."""
        self.problem = 0
        """The error number, if the log can't be written."""
        self._read, write = os.pipe()
        self._out = os.open(raw, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size, self._number = os.fstat(self._out).st_size, 0
        self._recent = bytearray()
        self._busy = threading.Lock()
        self._ended = threading.Event()
        for standard in (1, 2):
            os.dup2(write, standard)
        os.close(write)
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        last = float("inf")
        while True:
            ready = select.select([self._read], [], [], 0.05)[0]
            if self._ended.is_set():  # what processes that forked away still print is not waited for
                last = min(last, time.monotonic() + LAST_WORDS)
                if not ready or time.monotonic() > last:
                    return
            if ready:
                with self._busy:
                    data = os.read(self._read, CHUNK)
                    if not data:
                        return
                    self._recent += data
                    del self._recent[:-RECENT]
                    self._write(data)

    def _write(self, data: bytes) -> None:
        try:
            while data and not self.problem:
                limit = self.head if self._number == 0 else self.part
                if self._size >= limit:
                    self._next()
                    limit = self.part
                written = os.write(self._out, data[: limit - self._size])
                self._size += written
                data = data[written:]
        except OSError as error:
            # The pipe is still emptied, or else the commands would wait for ever.
            self.problem, self.full = error.errno or errno.EIO, error.errno in {errno.ENOSPC, errno.EDQUOT}

    def _next(self) -> None:
        self._number += 1
        out = os.open(part_of(self.raw, self._number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.close(self._out)
        self._out, self._size = out, 0
        if self._number > PARTS:
            part_of(self.raw, self._number - PARTS).unlink(missing_ok=True)

    def recent(self) -> bytes:
        """Give the last output; all that ended commands have printed is in it."""
        last = time.monotonic() + LAST_WORDS
        while True:
            with self._busy:
                if time.monotonic() > last or not select.select([self._read], [], [], 0)[0]:
                    return bytes(self._recent)
            time.sleep(0.001)

    def forget(self) -> None:
        """Let `recent` begin anew."""
        self.recent()
        with self._busy:
            self._recent.clear()

    def close(self) -> None:
        """Take what is still in the pipe, and end."""
        null = os.open(os.devnull, os.O_WRONLY)
        for standard in (1, 2):
            os.dup2(null, standard)
        os.close(null)
        self._ended.set()
        self._thread.join(30)
