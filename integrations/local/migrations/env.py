"""Runs the local engine's migrations on the connection that it is handed."""

from __future__ import annotations

from alembic import context

from integrations.local.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=context.config.attributes.get("version_table", "alembic_version_local"),
    include_name=lambda name, kind, _: kind != "table" or (name or "").startswith("local_"),
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
