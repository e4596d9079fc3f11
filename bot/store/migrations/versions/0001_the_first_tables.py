"""Releases, intents, events and messages.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Releases, intents, events and messages."""
    op.create_table(
        "commands",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("release_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "cursors",
        sa.Column("listener", sa.String(length=100), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("listener"),
    )
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("release_id", sa.String(length=40), nullable=False),
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("events_of_kind", ["kind", "service", "environment", "position"], unique=False)
        batch_op.create_index("events_of_release", ["release_id", "position"], unique=False)

    op.create_table(
        "intents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("release_id", sa.String(length=40), nullable=False),
        sa.Column("verb", sa.String(length=20), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("done", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("intents", schema=None) as batch_op:
        batch_op.create_index("intents_to_do", ["done", "release_id"], unique=False)

    op.create_table(
        "messages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("release_id", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("destination", sa.String(length=100), nullable=False),
        sa.Column(
            "event_position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False
        ),
        sa.Column("desired", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("channel", sa.String(length=100), nullable=True),
        sa.Column("ts", sa.String(length=40), nullable=True),
        sa.Column("posting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dead", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("release_id", "purpose", "destination", "event_position", name="one_message_per_event"),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index("messages_by_place", ["channel", "ts"], unique=False)
        batch_op.create_index("messages_of_release", ["release_id"], unique=False)
        batch_op.create_index(
            "messages_to_send",
            ["created"],
            unique=False,
            sqlite_where=sa.text("desired > delivered AND dead IS NULL"),
            postgresql_where=sa.text("desired > delivered AND dead IS NULL"),
        )

    op.create_table(
        "releases",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("backend", sa.String(length=40), nullable=False),
        sa.Column("run_id", sa.String(length=200), nullable=True),
        sa.Column("run_open", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("run", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("service", "number", name="one_number_per_service"),
    )
    with op.batch_alter_table("releases", schema=None) as batch_op:
        batch_op.create_index(
            "one_active_release",
            ["service", "environment"],
            unique=True,
            sqlite_where=sa.text("active"),
            postgresql_where=sa.text("active"),
        )
        batch_op.create_index("releases_by_age", ["service", "environment", "created"], unique=False)
        batch_op.create_index("releases_by_run", ["backend", "run_id"], unique=False)
        batch_op.create_index(
            "open_runs",
            ["service", "created"],
            sqlite_where=sa.text("run_open"),
            postgresql_where=sa.text("run_open"),
        )


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("releases", schema=None) as batch_op:
        batch_op.drop_index("releases_by_run")
        batch_op.drop_index("releases_by_age")
        batch_op.drop_index("one_active_release", sqlite_where=sa.text("active"), postgresql_where=sa.text("active"))

    op.drop_table("releases")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index(
            "messages_to_send",
            sqlite_where=sa.text("desired > delivered AND dead IS NULL"),
            postgresql_where=sa.text("desired > delivered AND dead IS NULL"),
        )
        batch_op.drop_index("messages_of_release")
        batch_op.drop_index("messages_by_place")

    op.drop_table("messages")
    with op.batch_alter_table("intents", schema=None) as batch_op:
        batch_op.drop_index("intents_to_do")

    op.drop_table("intents")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("events_of_release")
        batch_op.drop_index("events_of_kind")

    op.drop_table("events")
    op.drop_table("cursors")
    op.drop_table("commands")
