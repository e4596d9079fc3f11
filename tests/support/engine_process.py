"""A server with the local engine as a process of its own, to be killed: `python -m tests.support.engine_process`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from bot.core.model import Release, Surface
from bot.core.ports import Sharing
from bot.store.database import Database, open_engine
from integrations.local.backend import LocalBackend
from integrations.local.target import LocalTarget


async def serve(url: str, data: str, target: str, wish: str, sharing: str = "") -> None:
    """Open the engine, start one release (idempotent), print the run's id, and go on until killed or told to leave."""
    engine = open_engine(url)
    shared = Sharing.model_validate_json(sharing) if sharing else None
    backend = LocalBackend(Database(engine), Path(data), lambda: datetime.now(UTC), lambda: uuid4().hex, sharing=shared)
    await backend.open()
    now = datetime.now(UTC)
    release = Release(
        id=wish, number=1, service="shop", environment="prod", requested_by="ada", surface=Surface.CLI,
        backend="local", created=now, updated=now,
    )  # fmt: skip
    print(await backend.start(LocalTarget.model_validate_json(target), release), flush=True)
    word = await asyncio.to_thread(sys.stdin.readline)
    await backend.close(kill=word.strip() == "kill")
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
