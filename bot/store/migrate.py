"""Brings the database's tables to this version, at every start and by `sayso migrate`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"
_MIGRATING = 7_305_802  # any number: the PostgreSQL advisory lock of whoever migrates


async def migrate(engine: AsyncEngine, script_location: Path = MIGRATIONS, version_table: str = VERSION_TABLE) -> None:
    """Run the migrations of one part up to its newest; nothing happens if they have run.

    Each part (the store, a backend with tables of its own) has its own folder and its own version table.
    """

    def upgrade(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":  # several servers may start at once
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        config = Config()
        config.set_main_option("script_location", str(script_location).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        config.attributes["version_table"] = version_table
        command.upgrade(config, "head")

    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
