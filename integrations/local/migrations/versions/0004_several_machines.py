"""Who shares the work, and which attempts are to end wherever they run.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "local_members",
        sa.Column("id", sa.String(length=300), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("works", sa.Boolean(), nullable=False),
        sa.Column("beat", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="Processes that share the work, and when each last said that it lives, by the database's clock.",
    )
    op.create_table(
        "local_cancels",
        sa.Column("action", sa.String(length=250), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("action", "attempt"),
        comment="Attempts that are to end, wherever they run.",
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("local_cancels")
    op.drop_table("local_members")
