"""The local engine: pipelines on this machine."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
"""Its Alembic scripts."""
VERSION_TABLE = "alembic_version_local"
