"""Held environments, and lists of all services.

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
    """Make room for holds, and an index."""
    op.create_table(
        "holds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("stage", sa.String(length=200), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("person", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("holds_of_place", "holds", ["service", "environment", "id"])
    op.create_index(
        "holds_to_do", "holds", ["id"], sqlite_where=sa.text("NOT done"), postgresql_where=sa.text("NOT done")
    )
    op.create_index("releases_newest", "releases", ["created", "id"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index("releases_newest", "releases")
    op.drop_index("holds_to_do", "holds")
    op.drop_index("holds_of_place", "holds")
    op.drop_table("holds")
