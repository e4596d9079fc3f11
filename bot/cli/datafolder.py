"""A folder that one process at a time works in, by a lock that ends with the process however it ends."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bot.cli.doors import reason
from bot.core.errors import Conflict, Misconfigured
from bot.core.wording import say


class Taken(Conflict):
    """Another process works in this folder."""

    def __init__(self, path: Path, holder: dict[str, object]) -> None:
        """Keep what the other process noted: its `pid` and `url`, if it came that far."""
        self.path, self.holder = path, holder
        super().__init__()


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Holds the lock for the time of a `with` block."""

    path: Path
    _lock: IO[str]

    @classmethod
    def opened(cls, path: Path, name: str = "sayso") -> Self:
        """Make the folder if it is missing and lock it; raises `OSError`, or `Taken` with what the holder noted."""
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / f"{name}.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            noted = lock.read()
            lock.close()
            raise Taken(path, json.loads(noted) if noted.startswith("{") else {}) from None
        folder = cls(path, lock)
        folder.note("")
        return folder

    def note(self, url: str) -> None:
        """Write down who holds the lock and where it answers, for whoever comes second."""
        self._lock.truncate(0)
        self._lock.write(json.dumps({"pid": os.getpid(), "url": url}))
        self._lock.flush()

    def __enter__(self) -> Self:
        """Hold it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self._lock.truncate(0)
        self._lock.close()


def open_data(path: Path) -> DataFolder:
    """Open the server's data folder; every trouble is `Misconfigured` with a sentence."""
    try:
        return DataFolder.opened(path)
    except Taken as taken:
        who = say("serve.who", pid=taken.holder.get("pid"), url=taken.holder.get("url")) if taken.holder else ""
        raise Misconfigured(say("serve.runs_already", who=who), fix=say("serve.runs_already.fix")) from taken
    except OSError as error:
        raise Misconfigured(say("serve.data", path=path, reason=reason(error)), fix=say("serve.data.fix")) from error
