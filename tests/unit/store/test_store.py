"""The database: its migrations make just the tables that the code works with, and run twice without harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect

from bot.core.errors import Misconfigured
from bot.store.database import Database, only_server, open_engine
from bot.store.migrate import migrate
from bot.store.tables import METADATA
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.tables import METADATA as LOCAL_METADATA


async def differences(database: Database, metadata: MetaData) -> list[Any]:
    def compare(connection: Connection) -> list[Any]:
        own = set(metadata.tables)
        options = {"include_name": lambda name, kind, _parents: kind != "table" or name in own}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with database.engine.connect() as connection:
        return await connection.run_sync(compare)


async def test_the_migrations_of_every_part_make_the_tables_of_the_code(database: Database) -> None:
    await migrate(database.engine, MIGRATIONS, VERSION_TABLE)
    assert await differences(database, METADATA) == []
    assert await differences(database, LOCAL_METADATA) == []


async def test_migrating_a_second_time_changes_nothing(database: Database) -> None:
    await migrate(database.engine)
    async with database.engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert {"releases", "events", "messages", "intents", "commands", "cursors"} <= set(names)


@pytest.mark.parametrize("url", ["mysql://x/y", "no url", "", "sqlite:/ /"])
def test_a_database_url_that_can_not_be_used_is_a_sentence(url: str) -> None:
    with pytest.raises(Misconfigured, match="SAYSO_DATABASE_URL"):
        open_engine(url)


async def test_a_second_server_on_the_same_postgresql_is_refused_until_the_first_is_gone(fresh_postgres: str) -> None:
    first, second = open_engine(fresh_postgres), open_engine(fresh_postgres)
    async with only_server(first):
        with pytest.raises(Misconfigured, match="Another Sayso already serves"):
            async with only_server(second):
                pass
    async with only_server(second):
        pass
    await first.dispose()
    await second.dispose()


def test_a_database_file_that_can_not_be_opened_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="can't be used"):
        open_engine(f"sqlite:///{tmp_path}")
    with pytest.raises(Misconfigured, match="can't be used"):
        open_engine(f"sqlite:///{tmp_path}/none/x.db")
