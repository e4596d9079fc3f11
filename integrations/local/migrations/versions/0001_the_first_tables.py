"""The first tables.

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
    """Make the tables."""
    op.create_table(
        "local_pipelines",
        sa.Column("file", sa.String(length=1000), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("base", sa.String(length=1000), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("file"),
        comment="One row per pipeline: locked by every change of its executions.",
    )
    with op.batch_alter_table("local_pipelines", schema=None) as batch_op:
        batch_op.create_index("local_pipelines_by_name", ["name"], unique=False)

    op.create_table(
        "local_transitions",
        sa.Column("file", sa.String(length=1000), nullable=False),
        sa.Column("stage", sa.String(length=100), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=250), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file", "stage", "direction"),
        comment="Ways into and out of stages that are closed, or were.",
    )
    op.create_table(
        "local_definitions",
        sa.Column("file", sa.String(length=1000), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("declaration", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["file"], ["local_pipelines.file"]),
        sa.PrimaryKeyConstraint("file", "version"),
        comment="Every version of every pipeline: a later edit does not change a run.",
    )
    op.create_table(
        "local_executions",
        sa.Column("id", sa.String(length=250), nullable=False),
        sa.Column("file", sa.String(length=1000), nullable=False),
        sa.Column("pipeline", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("rollback", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(length=100), nullable=False),
        sa.Column("trigger_detail", sa.Text(), nullable=False),
        sa.Column("token", sa.String(length=250), nullable=False),
        sa.Column("base", sa.String(length=1000), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("revision", sa.JSON(), nullable=True),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("rolls_back_to", sa.String(length=250), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("abandon", sa.Boolean(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["file"], ["local_pipelines.file"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("file", "number", name="local_one_execution_per_number"),
        sa.UniqueConstraint("file", "token", name="local_one_execution_per_token"),
    )
    with op.batch_alter_table("local_executions", schema=None) as batch_op:
        batch_op.create_index("local_executions_by_state", ["state", "file"], unique=False)

    op.create_table(
        "local_actions",
        sa.Column("id", sa.String(length=250), nullable=False),
        sa.Column("execution", sa.String(length=250), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("category", sa.String(length=20), nullable=False),
        sa.Column("hook", sa.String(length=20), nullable=True),
        sa.Column("run_order", sa.Integer(), nullable=False),
        sa.Column("declaration", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("patience", sa.Integer(), nullable=True),
        sa.Column("token", sa.String(length=250), nullable=True),
        sa.Column("wake", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("decision", sa.JSON(), nullable=True),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["execution"], ["local_executions.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("local_actions", schema=None) as batch_op:
        batch_op.create_index("local_actions_by_execution", ["execution", "stage"], unique=False)
        batch_op.create_index("local_actions_by_state", ["state", "wake"], unique=False)

    op.create_table(
        "local_artifacts",
        sa.Column("execution", sa.String(length=250), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["execution"], ["local_executions.id"]),
        sa.PrimaryKeyConstraint("execution", "name"),
    )
    op.create_table(
        "local_conditions",
        sa.Column("execution", sa.String(length=250), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("hook", sa.String(length=20), nullable=False),
        sa.Column("result", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["execution"], ["local_executions.id"]),
        sa.PrimaryKeyConstraint("execution", "stage", "hook"),
        comment="Stages' conditions; their rules are actions with a hook.",
    )
    op.create_table(
        "local_latest",
        sa.Column("file", sa.String(length=1000), nullable=False),
        sa.Column("stage", sa.String(length=100), nullable=False),
        sa.Column("execution", sa.String(length=250), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("succeeded", sa.String(length=250), nullable=True),
        sa.ForeignKeyConstraint(["execution"], ["local_executions.id"]),
        sa.ForeignKeyConstraint(["succeeded"], ["local_executions.id"]),
        sa.PrimaryKeyConstraint("file", "stage"),
        comment="Which execution was the last to enter a stage, and which to succeed there: found at once.",
    )
    op.create_table(
        "local_stages",
        sa.Column("execution", sa.String(length=250), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("automatic", sa.Integer(), nullable=False),
        sa.Column("last_retry", sa.String(length=30), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["execution"], ["local_executions.id"]),
        sa.PrimaryKeyConstraint("execution", "index"),
    )
    op.create_table(
        "local_attempts",
        sa.Column("id", sa.String(length=250), nullable=False),
        sa.Column("action", sa.String(length=250), nullable=False),
        sa.Column("execution", sa.String(length=250), nullable=False),
        sa.Column("file", sa.String(length=1000), nullable=False),
        sa.Column("hook", sa.String(length=20), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=250), nullable=True),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("boot", sa.String(length=100), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("begun", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=True),
        sa.Column("decision", sa.JSON(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("outputs", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("external_id", sa.String(length=250), nullable=False),
        sa.Column("external_url", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["action"], ["local_actions.id"]),
        sa.ForeignKeyConstraint(["execution"], ["local_executions.id"]),
        sa.PrimaryKeyConstraint("id"),
        comment="The intent: committed before an attempt's first side effect. Afterwards its history.",
    )
    with op.batch_alter_table("local_attempts", schema=None) as batch_op:
        batch_op.create_index("local_attempts_by_action", ["action"], unique=False)
        batch_op.create_index("local_attempts_by_execution", ["execution", "begun", "id"], unique=False)
        batch_op.create_index("local_attempts_by_pipeline", ["file", "begun", "id"], unique=False)
        batch_op.create_index("local_attempts_by_token", ["token"], unique=False)


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("local_attempts", schema=None) as batch_op:
        batch_op.drop_index("local_attempts_by_token")
        batch_op.drop_index("local_attempts_by_pipeline")
        batch_op.drop_index("local_attempts_by_execution")
        batch_op.drop_index("local_attempts_by_action")

    op.drop_table("local_attempts")
    op.drop_table("local_stages")
    op.drop_table("local_latest")
    op.drop_table("local_conditions")
    op.drop_table("local_artifacts")
    with op.batch_alter_table("local_actions", schema=None) as batch_op:
        batch_op.drop_index("local_actions_by_state")
        batch_op.drop_index("local_actions_by_execution")

    op.drop_table("local_actions")
    with op.batch_alter_table("local_executions", schema=None) as batch_op:
        batch_op.drop_index("local_executions_by_state")

    op.drop_table("local_executions")
    op.drop_table("local_definitions")
    op.drop_table("local_transitions")
    with op.batch_alter_table("local_pipelines", schema=None) as batch_op:
        batch_op.drop_index("local_pipelines_by_name")

    op.drop_table("local_pipelines")
