"""Runs the store's migrations on the connection that it is handed."""

from __future__ import annotations

from alembic import context

from bot.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=context.config.attributes["version_table"],
    include_name=lambda name, kind, _parents: kind != "table" or name in METADATA.tables,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
