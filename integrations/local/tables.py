"""The tables: pipelines, executions, their stages, actions and conditions, attempts, artifacts, transitions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

METADATA = MetaData()


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no time zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Store in UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> datetime | None:
        """Read as UTC."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id(name: str, *extra: Any, primary: bool = False, null: bool = False) -> Column[str]:
    return Column(name, String(250), *extra, primary_key=primary, nullable=null)


def _file(*extra: Any, primary: bool = False) -> Column[str]:
    """Give the column that identifies a pipeline: its file's path, or `api:` and an id."""
    return Column("file", String(1000), *extra, primary_key=primary, nullable=False)


PIPELINES = Table(
    "local_pipelines",
    METADATA,
    _file(primary=True),
    Column("name", String(100), nullable=False),
    Column("origin", String(10), nullable=False),  # file or api
    Column("version", Integer, nullable=False),  # 0: its file could never be read
    Column("last_number", Integer, nullable=False),
    Column("base", String(1000), nullable=False),  # the folder that relative paths start from
    Column("settings", JSON, nullable=False),  # of the target that named it last
    Column("tags", JSON, nullable=False),  # key to value
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    Column("deleted", Moment),
    Index("local_pipelines_by_name", "name"),
    comment="One row per pipeline: locked by every change of its executions.",
)

DEFINITIONS = Table(
    "local_definitions",
    METADATA,
    _file(ForeignKey(PIPELINES.c.file), primary=True),
    Column("version", Integer, primary_key=True),
    Column("declaration", JSON, nullable=False),
    Column("created", Moment, nullable=False),
    comment="Every version of every pipeline: a later edit does not change a run.",
)

EXECUTIONS = Table(
    "local_executions",
    METADATA,
    _id("id", primary=True),
    _file(ForeignKey(PIPELINES.c.file)),
    Column("pipeline", String(100), nullable=False),
    Column("version", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("rollback", Boolean, nullable=False),
    Column("mode", String(20), nullable=False),
    Column("position", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("trigger", String(100), nullable=False),
    Column("trigger_detail", Text, nullable=False),
    Column("started_by", JSON, nullable=False),  # what whoever did is called, surest first
    Column("webhook", JSON, nullable=False),  # CODEBUILD_WEBHOOK_… of the event that started it
    Column("token", String(250), nullable=False),  # clientRequestToken
    Column("base", String(1000), nullable=False),
    Column("settings", JSON, nullable=False),  # projects, applications and repositories of the target
    Column("asked", JSON, nullable=False),  # source action to the type and value of the revision that was asked for
    Column("revision", JSON(none_as_null=True)),  # the first source action's
    Column("sources", JSON, nullable=False),  # source action to its revision
    Column("variables", JSON, nullable=False),  # namespace to name to value
    _id("rolls_back_to", null=True),
    Column("reason", Text, nullable=False),
    Column("abandon", Boolean, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Column("changes", BigInteger, nullable=False),
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    Column("finished", Moment),
    UniqueConstraint("file", "token", name="local_one_execution_per_token"),
    UniqueConstraint("file", "number", name="local_one_execution_per_number"),
    Index("local_executions_by_state", "state", "file", "mode"),
)

STAGES = Table(
    "local_stages",
    METADATA,
    _id("execution", ForeignKey(EXECUTIONS.c.id), primary=True),
    Column("index", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("automatic", Integer, nullable=False),
    Column("last_retry", String(30), nullable=False),
    Column("started", Moment),
    Column("finished", Moment),
)

LATEST = Table(
    "local_latest",
    METADATA,
    _file(primary=True),
    Column("stage", String(100), primary_key=True),
    _id("execution", ForeignKey(EXECUTIONS.c.id)),
    Column("number", Integer, nullable=False),
    _id("succeeded", ForeignKey(EXECUTIONS.c.id), null=True),
    comment="Which execution was the last to enter a stage, and which to succeed there: found at once.",
)

CONDITIONS = Table(
    "local_conditions",
    METADATA,
    _id("execution", ForeignKey(EXECUTIONS.c.id), primary=True),
    Column("stage", Integer, primary_key=True),
    Column("hook", String(20), primary_key=True),
    Column("result", String(20), nullable=False),
    Column("scope", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("detail", Text, nullable=False),
    Column("changed", Moment),
    comment="Stages' conditions; their rules are actions with a hook.",
)

ACTIONS = Table(
    "local_actions",
    METADATA,
    _id("id", primary=True),
    _id("execution", ForeignKey(EXECUTIONS.c.id)),
    Column("stage", Integer, nullable=False),
    Column("place", Integer, nullable=False),  # among all actions of the execution
    Column("name", String(100), nullable=False),
    Column("category", String(20), nullable=False),
    Column("hook", String(20)),  # of a rule: its condition's
    Column("run_order", Integer, nullable=False),
    Column("declaration", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("patience", Integer),  # seconds that it may take
    Column("token", String(250)),
    Column("wake", Moment),  # when the clock must look: its time is over
    Column("message", Text, nullable=False),
    Column("link", Text),
    Column("decision", JSON(none_as_null=True)),
    Column("progress", JSON, nullable=False),  # integrations.local.actions.Progress
    Column("detail", Text, nullable=False),
    Column("started", Moment),
    Column("finished", Moment),
    Index("local_actions_by_execution", "execution", "stage"),
    Index("local_actions_by_state", "state", "wake"),
    Index("local_actions_by_category", "state", "category"),
)

ATTEMPTS = Table(
    "local_attempts",
    METADATA,
    _id("id", primary=True),  # action id, '#', number of the attempt
    _id("action", ForeignKey(ACTIONS.c.id)),
    _id("execution", ForeignKey(EXECUTIONS.c.id)),
    _file(),
    Column("hook", String(20)),
    Column("attempt", Integer, nullable=False),
    Column("token", String(250)),
    Column("host", String(255), nullable=False),
    Column("boot", String(100), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("begun", Moment, nullable=False),
    Column("ended", Moment),
    Column("state", String(20)),
    Column("decision", JSON(none_as_null=True)),
    Column("detail", Text, nullable=False),
    Column("error", String(50), nullable=False),  # of one that failed: CodePipeline's code, as TimedOut
    Column("configuration", JSON, nullable=False),  # with the variables put in
    Column("inputs", JSON, nullable=False),  # artifact's name to digest
    Column("outputs", JSON, nullable=False),
    Column("variables", JSON, nullable=False),
    Column("external_id", String(250), nullable=False),
    Column("external_url", Text),
    Index("local_attempts_by_action", "action"),
    Index("local_attempts_by_external_id", "external_id"),
    Index("local_attempts_by_execution", "execution", "begun", "id"),
    Index("local_attempts_by_pipeline", "file", "begun", "id"),
    Index("local_attempts_by_begun", "begun", "id"),
    Index("local_attempts_by_token", "token"),
    comment="The intent: committed before an attempt's first side effect. Afterwards its history.",
)

ARTIFACTS = Table(
    "local_artifacts",
    METADATA,
    _id("execution", ForeignKey(EXECUTIONS.c.id), primary=True),
    Column("name", String(100), primary_key=True),
    Column("digest", String(100), nullable=False),
)

TRANSITIONS = Table(
    "local_transitions",
    METADATA,
    _file(primary=True),
    Column("stage", String(100), primary_key=True),
    Column("direction", String(10), primary_key=True),  # Inbound or Outbound
    Column("reason", Text, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("by", String(250), nullable=False),
    Column("at", Moment, nullable=False),
    comment="Ways into and out of stages that are closed, or were.",
)

MARKS = Table(
    "local_marks",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("what", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("at", Moment, nullable=False),
    comment="How far triggers that look by themselves have come.",
)
