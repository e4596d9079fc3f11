"""The shape of `sayso.toml`: which keys it may have, before names are looked up."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from bot.core.mistakes import shown
from bot.core.voice import VoiceRule

NotifyEvent = Literal["requested", "started", "waiting", "finished", "failed"]
NOTIFY_EVENTS: tuple[NotifyEvent, ...] = get_args(NotifyEvent)

Text = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]


def _slack_id(value: str, letters: str, what: str) -> str:
    # docs.slack.dev: ids of channels begin with C, G or D, those of people with U or W.
    if not re.fullmatch(f"[{letters}][A-Z0-9]{{2,20}}", value):
        raise ValueError(f"{shown(value)} is not {what}.")
    return value


def _channel_id(value: str) -> str:
    return _slack_id(value, "CGD", "a Slack channel's id, as C01ABCDEF at the bottom of the channel's details")


def _user_id(value: str) -> str:
    return _slack_id(value, "UW", "a Slack member's id, as U01ABCDEF in the member's profile")


SlackChannel = Annotated[str, AfterValidator(_channel_id)]
SlackUser = Annotated[str, AfterValidator(_user_id)]


def _for_the_ear(value: str) -> str:
    # Alexa, "Define custom slot types": a value is at most 140 characters; what is spoken has letters.
    if len(value) > 140 or not re.fullmatch(r"[^\W_][\w .'-]*", value) or "_" in value:
        raise ValueError(
            f"{shown(value)} can't be said: spoken names have letters, digits, spaces, periods, apostrophes and dashes."
        )
    return value


def _login(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]*:\S+|[^@\s:]+@[^@\s]+", value):
        raise ValueError(
            f"{shown(value)} says nobody's account: expected `github:NAME`, `gitlab:NAME`, `bitbucket:ACCOUNT-ID`, "
            "an ARN or an e-mail address."
        )
    return value


Login = Annotated[str, StringConstraints(max_length=300, strip_whitespace=True), AfterValidator(_login)]
SpokenName = Annotated[Text, AfterValidator(_for_the_ear)]


class Table(BaseModel):
    """A part of the file; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SlackTable(Table):
    """`[slack]`."""

    plan_blocks: Literal["auto", "never"] = "auto"


class VoiceTable(Table):
    """`[voice]`."""

    accounts: StrictBool = False
    confidence: Annotated[StrictInt, Field(ge=0, le=1000)] = 300
    pin_confidence: Annotated[StrictInt, Field(ge=0, le=1000)] = 400
    notifications: StrictBool = True


class ChannelTable(Table):
    """`[channels.NAME]`."""

    slack: SlackChannel


class PersonTable(Table):
    """`[people.KEY]`."""

    name: Text
    slack: SlackUser | None = None
    email: Text | None = None
    logins: list[Login] = []


class TeamTable(Table):
    """`[teams.NAME]`."""

    members: list[str]


class RulesTable(Table):
    """`[environments.NAME]`: what all services' environments of that name share."""

    title: Text | None = None
    aliases: list[Text] | None = None
    spoken: list[SpokenName] | None = None
    voice: VoiceRule | None = None
    production: StrictBool | None = None
    deployers: list[str] | None = None
    approvers: list[str] | None = None
    approvals: Annotated[StrictInt, Field(ge=1, le=20)] | None = None
    self_approval: StrictBool | None = None


class EnvironmentTable(RulesTable):
    """`[services.KEY.environments.NAME]`; keys that are not Sayso's own belong to the backend's target."""

    model_config = ConfigDict(extra="allow")

    backend: Text
    stage: Text | None = None

    @property
    def target(self) -> dict[str, Any]:
        """Give the keys that are the backend's."""
        return self.model_extra or {}


class NotifyTable(Table):
    """`[[services.KEY.notify]]`."""

    channel: str
    environments: list[str] | None = None
    events: list[NotifyEvent] | None = None


class ServiceTable(Table):
    """`[services.KEY]`."""

    title: Text | None = None
    aliases: list[Text] = []
    spoken: list[SpokenName] = []
    channel: str | None = None
    notify: list[NotifyTable] = []
    target: dict[str, Any] = {}
    environments: dict[str, EnvironmentTable] = {}


class File(Table):
    """The whole file."""

    slack: SlackTable = SlackTable()
    voice: VoiceTable = VoiceTable()
    channels: dict[str, ChannelTable] = {}
    people: dict[str, PersonTable] = {}
    teams: dict[str, TeamTable] = {}
    environments: dict[str, RulesTable] = {}
    services: dict[str, ServiceTable] = {}
