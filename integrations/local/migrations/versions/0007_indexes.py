"""What waits at a gate, or in parallel, costs nothing where others are looked for.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both indexes."""
    op.drop_index("local_executions_by_state", "local_executions")
    op.create_index("local_executions_by_state", "local_executions", ["state", "file", "mode"])
    op.create_index("local_actions_by_category", "local_actions", ["state", "category"])


def downgrade() -> None:
    """Make them as they were."""
    op.drop_index("local_actions_by_category", "local_actions")
    op.drop_index("local_executions_by_state", "local_executions")
    op.create_index("local_executions_by_state", "local_executions", ["state", "file"])
