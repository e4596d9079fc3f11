"""The local engine's migrations (Alembic)."""
