"""A deliverer at work between a real database and a real playground."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.store.database import Database
from tests.support.office import Office, open_office, workspace


@pytest.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    with workspace() as place:
        async with open_office(database, place) as opened:
            yield opened
