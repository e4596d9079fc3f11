"""Alembic's folder for the store."""
