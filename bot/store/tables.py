"""The tables. Whole models are kept as JSON beside the columns that are searched or guarded by the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

METADATA = MetaData()

_LONG = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only for INTEGER


class UtcTime(TypeDecorator[datetime]):
    """A moment: written in UTC, read back with its zone, which SQLite would lose."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> datetime | None:
        """Turn any zone into UTC; a moment without a zone is a mistake of ours."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, _dialect: Any) -> datetime | None:
        """Say that what was stored is UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


_TIME = UtcTime()

RELEASES = Table(
    "releases",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("service", String(100), nullable=False),
    Column("environment", String(100), nullable=False),
    Column("number", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("status", String(20), nullable=False),
    Column("backend", String(40), nullable=False),
    Column("run_id", String(200)),
    Column("run_open", Boolean, nullable=False),  # its run, when last seen, had not ended (it may have another stage)
    Column("version", Integer, nullable=False),
    Column("created", _TIME, nullable=False),
    Column("body", JSON, nullable=False),  # the Release without its run
    Column("run", JSON),
    UniqueConstraint("service", "number", name="one_number_per_service"),
    Index(
        "one_active_release",
        "service",
        "environment",
        unique=True,
        sqlite_where=text("active"),
        postgresql_where=text("active"),
    ),
    Index("releases_by_age", "service", "environment", "created"),
    Index("releases_by_run", "backend", "run_id"),
    Index("releases_newest", "created", "id"),  # for lists without a service
    Index("open_runs", "service", "created", sqlite_where=text("run_open"), postgresql_where=text("run_open")),
)

COMMANDS = Table(
    "commands",
    METADATA,
    Column("key", String(200), primary_key=True),  # idempotency: Slack trigger, API key ...
    Column("release_id", String(40), nullable=False),
    Column("at", _TIME, nullable=False),
)

INTENTS = Table(
    "intents",
    METADATA,
    Column("id", _LONG, primary_key=True, autoincrement=True),
    Column("release_id", String(40), nullable=False),
    Column("verb", String(20), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("done", Boolean, nullable=False, server_default=false()),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("created", _TIME, nullable=False),
    Index("intents_to_do", "done", "release_id"),
)

HOLDS = Table(  # what was wished, in order: the newest that was not refused counts, the others are its history
    "holds",
    METADATA,
    Column("id", _LONG, primary_key=True, autoincrement=True),
    Column("service", String(100), nullable=False),
    Column("environment", String(100), nullable=False),
    Column("stage", String(200), nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("person", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", _TIME, nullable=False),
    Column("done", Boolean, nullable=False, server_default=false()),
    Column("refused", Text),  # why the backend would not
    Index("holds_of_place", "service", "environment", "id"),
    Index("holds_to_do", "id", sqlite_where=text("NOT done"), postgresql_where=text("NOT done")),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("position", _LONG, primary_key=True, autoincrement=True),
    Column("release_id", String(40), nullable=False),
    Column("service", String(100), nullable=False),
    Column("environment", String(100), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("at", _TIME, nullable=False),
    Column("body", JSON, nullable=False),
    Index("events_of_release", "release_id", "position"),
    Index("events_of_kind", "kind", "service", "environment", "position"),
)

CURSORS = Table(
    "cursors",
    METADATA,
    Column("listener", String(100), primary_key=True),
    Column("position", _LONG, nullable=False),
)

MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", String(40), primary_key=True),  # also goes along as Slack message metadata, to find a lost post again
    Column("release_id", String(40), nullable=False),  # of a memo: what it is about, if that is no release
    Column("purpose", String(20), nullable=False),  # card | thread | notice | direct | file | memo
    Column("destination", String(100), nullable=False),  # a channel's id, or `person:KEY`
    Column("event_position", _LONG, nullable=False, server_default="0"),  # what it tells; 0: a card tells the release
    Column("desired", Integer, nullable=False),  # the release's version that it must show
    Column("delivered", Integer, nullable=False, server_default="0"),
    Column("urgent", Boolean, nullable=False, server_default=false()),  # final states and gates go first
    Column("channel", String(100)),  # where it stands, once posted (a direct message's own channel)
    Column("ts", String(40)),
    Column("posting_since", _TIME),  # set before the first post: if it is still set after a crash, the post is in doubt
    Column("not_before", _TIME),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("dead", Text),  # why it will never be delivered
    Column("body", JSON),  # what a memo says; any other message is drawn from its release
    Column("created", _TIME, nullable=False),
    UniqueConstraint("release_id", "purpose", "destination", "event_position", name="one_message_per_event"),
    Index("messages_of_release", "release_id"),
    Index("messages_by_place", "channel", "ts"),
    Index(  # the few that are not up to date, so that looking for work costs nothing however long the history
        "messages_to_send",
        "created",
        sqlite_where=text("desired > delivered AND dead IS NULL"),
        postgresql_where=text("desired > delivered AND dead IS NULL"),
    ),
)

LEASES = Table(
    "leases",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("owner", String(100), nullable=False),
    Column("expires", _TIME, nullable=False),  # by the database's clock
    Index("leases_by_owner", "owner"),
)

VOICE_KEY = Table(
    "voice_key",
    METADATA,
    Column("id", Integer, primary_key=True),  # always 1
    Column("key", String(64), nullable=False),  # hex: what ids of voices and accounts are hashed with
)

VOICES = Table(
    "voices",
    METADATA,
    Column("voice", String(64), primary_key=True),  # hash of a person's id at Amazon, or of an account's
    Column("account", String(64), nullable=False),
    Column("whole_account", Boolean, nullable=False),
    Column("person", String(100), nullable=False),
    Column("locale", String(20), nullable=False),
    Column("since", _TIME, nullable=False),
    Column("address", Text),  # the account's own id, only while it wants to be notified: Amazon asks for it
    Index("voices_of_person", "person"),
    Index("voices_of_account", "account"),
)

PAIRING_CODES = Table(
    "pairing_codes",
    METADATA,
    Column("code", String(64), primary_key=True),  # hashed
    Column("voice", String(64), nullable=False, unique=True),
    Column("account", String(64), nullable=False),
    Column("whole_account", Boolean, nullable=False),
    Column("locale", String(20), nullable=False),
    Column("expires", _TIME, nullable=False),
    Column("used_by", String(100)),
)

WRONG_TRIES = Table(
    "wrong_tries",
    METADATA,
    Column("person", String(100), primary_key=True),
    Column("what", String(20), primary_key=True),  # code | factor
    Column("wrong", Integer, nullable=False),
    Column("locked_until", _TIME),
)

PLANS = Table(
    "plans",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("key", String(200), nullable=False, unique=True),  # idempotency: the request's id
    Column("voice", String(64), nullable=False),
    Column("person", String(100), nullable=False),
    Column("state", String(20), nullable=False),
    Column("expires", _TIME, nullable=False),
    Column("body", JSON, nullable=False),  # the Plan as it was told
    Column("heard", Text, nullable=False),
    Column("number", Integer),  # what Alexa says, once yes was heard
    Column("choices", JSON),  # what Slack offers
    Column("message", String(40)),  # the memo with the choices
    Column("release_id", String(40)),  # what it came to
    Column("why", Text),  # why it came to nothing
    Index("plans_by_age", "state", "expires"),
)
