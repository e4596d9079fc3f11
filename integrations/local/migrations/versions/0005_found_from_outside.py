"""What an attempt is called outside is found at once, why it failed has a code, and who stands behind a run a name.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the index."""
    op.add_column("local_attempts", sa.Column("error", sa.String(length=50), nullable=False, server_default=""))
    op.create_index("local_attempts_by_external_id", "local_attempts", ["external_id"])
    op.add_column("local_executions", sa.Column("started_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("local_executions", sa.Column("facts", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("local_executions", "facts")
    op.drop_column("local_executions", "started_by")
    op.drop_index("local_attempts_by_external_id", "local_attempts")
    op.drop_column("local_attempts", "error")
