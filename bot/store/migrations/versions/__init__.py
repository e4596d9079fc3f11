"""Alembic revisions of the store, in order."""
