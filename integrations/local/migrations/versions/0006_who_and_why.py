"""Who started an execution and by which webhook, why an attempt failed in AWS's words, and pipelines' tags.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; rows that are there know nothing of them."""
    op.add_column("local_executions", _json("started_by", "[]"))
    op.add_column("local_executions", _json("webhook", "{}"))
    op.add_column("local_pipelines", _json("tags", "{}"))
    op.add_column("local_attempts", sa.Column("error", sa.String(length=50), nullable=False, server_default=""))


def _json(name: str, empty: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False, server_default=sa.text(f"'{empty}'"))


def downgrade() -> None:
    """Take them back."""
    op.drop_column("local_attempts", "error")
    op.drop_column("local_pipelines", "tags")
    op.drop_column("local_executions", "webhook")
    op.drop_column("local_executions", "started_by")
