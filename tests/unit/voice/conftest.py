"""A room in which people speak, on SQLite; on both databases where a test asks for `each_room`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from tests.support.voice_world import Room, open_room


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    engine = open_engine(f"sqlite:///{tmp_path / 'voice.db'}")
    await migrate(engine)
    opened = Database(engine)
    yield opened
    await opened.close()


@pytest.fixture
async def room(sqlite: Database) -> AsyncIterator[Room]:
    async with open_room(sqlite) as opened:
        yield opened


@pytest.fixture
async def each_room(database: Database) -> AsyncIterator[Room]:
    async with open_room(database) as opened:
        yield opened
