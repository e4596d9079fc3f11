"""SQLite's driver: whoever asked may be gone before the answer."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.store.sqlite import connect


async def test_a_file_that_cannot_be_opened_is_the_askers_error_and_ends_the_thread(tmp_path: Path) -> None:
    known = set(threading.enumerate())
    with pytest.raises(sqlite3.OperationalError):
        await connect(str(tmp_path / "no folder" / "test.db"))
    for thread in set(threading.enumerate()) - known:
        thread.join(60)
        assert not thread.is_alive()


def test_a_thread_whose_asker_was_cancelled_and_whose_loop_has_ended_ends_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise: list[Any] = []
    asked, ended = threading.Event(), threading.Event()
    known = set(threading.enumerate())
    opened: Callable[..., sqlite3.Connection] = sqlite3.connect

    def slowly(*args: Any, **more: Any) -> sqlite3.Connection:
        asked.set()
        assert ended.wait(60)
        return opened(*args, **more)

    async def cancelled() -> None:
        opening = asyncio.create_task(connect(str(tmp_path / "test.db")))
        assert await asyncio.to_thread(asked.wait, 60)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    monkeypatch.setattr(sqlite3, "connect", slowly)
    monkeypatch.setattr(threading, "excepthook", noise.append)
    asyncio.run(cancelled())
    [thread] = set(threading.enumerate()) - known
    ended.set()
    thread.join(60)
    assert not thread.is_alive()
    assert noise == []
