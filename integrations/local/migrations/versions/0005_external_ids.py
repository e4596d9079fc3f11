"""What an attempt is called outside, as a deployment's id, is found at once.

Revision ID: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("local_attempts_by_external_id", "local_attempts", ["external_id"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index("local_attempts_by_external_id", "local_attempts")
