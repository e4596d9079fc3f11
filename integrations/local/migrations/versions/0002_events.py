"""The outbox of events.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "local_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("target", sa.String(length=32), nullable=False),
        sa.Column("execution", sa.String(length=250), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="Events that their targets have not taken yet.",
    )
    op.create_index("local_events_by_target", "local_events", ["target", "id"])
    op.create_index("local_attempts_by_begun", "local_attempts", ["begun", "id"])  # ListBuilds


def downgrade() -> None:
    """Take the table away."""
    op.drop_index("local_attempts_by_begun", "local_attempts")
    op.drop_table("local_events")
