"""An API over a fresh world for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.store.database import Database
from tests.support.desk_world import open_world
from tests.support.http_world import Api, open_api


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    async with open_world(database) as world, open_api(world) as opened:
        yield opened
