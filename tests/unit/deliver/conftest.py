"""A deliverer at work between a real database and a real playground."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from bot.store.database import Database, open_engine
from tests.support.office import Office, open_office, workspace


@pytest.fixture
async def office(empty_database: Callable[[str], str]) -> AsyncIterator[Office]:
    database = Database(open_engine(empty_database("sqlite")))
    with workspace() as place:
        async with open_office(database, place) as opened:
            yield opened
    await database.close()


@pytest.fixture
async def each_office(database: Database) -> AsyncIterator[Office]:
    """On each kind of database."""
    with workspace() as place:
        async with open_office(database, place) as opened:
            yield opened
