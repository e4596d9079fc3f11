"""Secrets and addresses from the environment; every mistake is one sentence that names its variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from bot.core.errors import Misconfigured
from bot.core.model import Frozen
from bot.core.ports import Label, Sharing
from bot.core.wording import say

SHORTEST_TOKEN = 16
"""Characters; a shorter one could be guessed."""

_OF_BACKENDS = ("aws_access_key_id", "aws_secret_access_key", "aws_events", "aws_endpoint_url",
                "aws_queues", "aws_topics", "aws_destination_secret")  # fmt: skip

_EXPECTED = {
    "config": "the path of a catalogue, as sayso.toml",
    "data": "the path of a folder, as sayso-data",
    "keep_days": "a number of days from 7 to 36500",
    "host": "an address to listen on, as 127.0.0.1",
    "port": "a number from 0 to 65535 (0: any free port)",
    "runner": "one of local and cluster",
    "labels": "a list of labels in lower case, separated by commas, as linux,gpu",
    "slots": "a number from 1 to 64",
    "lease": "a number of seconds from 2 to 300",
    "serve_works": "yes or no",
    "alexa_stage": "one of development and live",
}


class ApiToken(Frozen):
    """A bearer token and the person whose word it is."""

    person: str
    """Key in the catalogue's `people`."""
    token: SecretStr


class Settings(BaseSettings):
    """What the environment says. Read it with `read_settings`, which makes sentences of mistakes."""

    model_config = SettingsConfigDict(
        env_prefix="SAYSO_", env_ignore_empty=True, populate_by_name=True, frozen=True, extra="ignore"
    )

    config: Path = Path("sayso.toml")
    """The catalogue."""
    data: Path = Path("sayso-data")
    """Folder for the database, logs, artifacts and work."""
    database_url: SecretStr | None = None
    """Without one: SQLite in `data`."""
    keep_days: int = Field(default=365, ge=7, le=36_500)
    """How long ended releases and runs are kept; what an environment runs, and may go back to, is kept longer."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str | None = None
    """Where people reach this server, for links; without one: where it listens."""
    api_tokens: Annotated[tuple[ApiToken, ...], NoDecode] = ()
    """As `ana:TOKEN,ben:TOKEN`; one person may have several."""
    slack_bot_token: SecretStr | None = Field(default=None, alias="SLACK_BOT_TOKEN")
    slack_signing_secret: SecretStr | None = Field(default=None, alias="SLACK_SIGNING_SECRET")
    slack_app_token: SecretStr | None = Field(default=None, alias="SLACK_APP_TOKEN")
    slack_api_url: str = Field(default="https://slack.com/api/", alias="SLACK_API_URL")

    alexa_skill_id: Annotated[tuple[str, ...], NoDecode] = Field(default=(), alias="ALEXA_SKILL_ID")
    """The skills that may speak to /alexa, separated by commas; without one there is no such address."""
    alexa_relay_secret: SecretStr | None = Field(default=None, alias="ALEXA_RELAY_SECRET")
    """What the skill's Lambda relay signs with; without it only Amazon's own signatures count."""
    alexa_trust_roots: Path | None = Field(default=None, alias="ALEXA_TRUST_ROOTS")
    """For tests and the playground: a PEM file of roots that are trusted in place of the usual ones."""
    alexa_chain_store: str | None = Field(default=None, alias="ALEXA_CHAIN_STORE")
    """With those roots only: the port on this machine, as `127.0.0.1:8444`, that stands in for s3.amazonaws.com."""
    alexa_client_id: str | None = Field(default=None, alias="ALEXA_CLIENT_ID")
    """With the next one: the skill's own credentials, for notifications by Echo."""
    alexa_client_secret: SecretStr | None = Field(default=None, alias="ALEXA_CLIENT_SECRET")
    alexa_api_url: str = Field(default="https://api.amazonalexa.com", alias="ALEXA_API_URL")
    alexa_token_url: str = Field(default="https://api.amazon.com/auth/o2/token", alias="ALEXA_TOKEN_URL")
    alexa_stage: Literal["development", "live"] = Field(default="development", alias="ALEXA_STAGE")

    runner: Literal["local", "cluster"] = "local"
    """`cluster`: several servers and workers share one PostgreSQL database and one data folder."""
    labels: Annotated[tuple[Label, ...], NoDecode] = ()
    """Of this machine, separated by commas: it also takes the actions that ask for these."""
    slots: int = Field(default=4, ge=1, le=64)
    """In a cluster: actions at once, by process and combination of labels."""
    lease: float = Field(default=15.0, ge=2.0, le=300.0)
    """In a cluster: seconds of silence after which others take over from a process; the same for all."""
    serve_works: bool = True
    """In a cluster: whether `sayso serve` carries out actions itself, beside the workers."""

    aws_access_key_id: SecretStr | None = None
    """With the next one: the key that opens the AWS-compatible endpoint at /aws."""
    aws_secret_access_key: SecretStr | None = None
    aws_queues: SecretStr | None = None
    """URLs of the SQS queues that events of AWS come in by, separated by commas."""
    aws_topics: SecretStr | None = None
    """ARNs of the SNS topics that may send events to /aws-events/sns, separated by commas."""
    aws_destination_secret: SecretStr | None = None
    """What an API destination of EventBridge sends to /aws-events/eventbridge, in the header X-Sayso-Secret."""
    aws_events: SecretStr | None = None
    """Where events of the local engine go, separated by commas; addresses may hold a password."""
    aws_endpoint_url: SecretStr | None = None
    """For tests and trials: what the backend `aws` talks to in place of AWS, as `http://…/aws,sts=http://…`."""

    @field_validator("database_url")
    @classmethod
    def _is_a_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                make_url(value.get_secret_value())
            except (ArgumentError, ValueError) as error:
                raise ValueError(say("settings.database_url")) from error
        return value

    @field_validator("public_url", "slack_api_url")
    @classmethod
    def _is_http(cls, value: str | None, info: Any) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError(say("settings.url", name=_variable(info.field_name)))
        return value.rstrip("/") + "/" if value and info.field_name == "slack_api_url" else value

    @field_validator("alexa_api_url", "alexa_token_url")
    @classmethod
    def _keeps_secrets(cls, value: str, info: Any) -> str:
        if not re.match(r"https://|http://(127\.0\.0\.1|localhost)[:/]", value + "/"):
            raise ValueError(say("settings.alexa.url", name=_variable(info.field_name)))
        return value

    @field_validator("labels", "alexa_skill_id", mode="before")
    @classmethod
    def _by_commas(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("alexa_skill_id")
    @classmethod
    def _are_skills(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not each.startswith("amzn1.ask.skill.") for each in value):
            raise ValueError(say("settings.alexa.skill"))
        return value

    @field_validator("alexa_chain_store")
    @classmethod
    def _on_this_machine(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"127\.0\.0\.1:[1-9][0-9]{0,4}", value):
            raise ValueError(say("settings.alexa.store"))
        return value

    @field_validator("api_tokens", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = []
        for number, entry in enumerate((part.strip() for part in value.split(",")), start=1):
            if not entry:
                continue
            person, colon, token = entry.partition(":")
            if not colon or not person.strip() or not token.strip():
                raise ValueError(say("settings.api_tokens", number=number))
            found.append(ApiToken(person=person.strip(), token=SecretStr(token.strip())))
        return tuple(found)

    @field_validator("api_tokens")
    @classmethod
    def _long_and_unique(cls, value: tuple[ApiToken, ...]) -> tuple[ApiToken, ...]:
        for each in value:
            if len(each.token.get_secret_value()) < SHORTEST_TOKEN:
                raise ValueError(say("settings.api_tokens.short", person=each.person, n=SHORTEST_TOKEN))
        if len({each.token.get_secret_value() for each in value}) < len(value):
            raise ValueError(say("settings.api_tokens.twice"))
        return value

    @model_validator(mode="after")
    def _whole_slack(self) -> Self:
        doors = self.slack_signing_secret or self.slack_app_token
        if self.slack_bot_token and not doors:
            raise ValueError(say("settings.slack.no_door"))
        if doors and not self.slack_bot_token:
            name = "SLACK_SIGNING_SECRET" if self.slack_signing_secret else "SLACK_APP_TOKEN"
            raise ValueError(say("settings.slack.no_token", name=name))
        for name, token, start in (
            ("SLACK_BOT_TOKEN", self.slack_bot_token, "xoxb-"),
            ("SLACK_APP_TOKEN", self.slack_app_token, "xapp-"),
        ):
            if token and not token.get_secret_value().startswith(start):
                raise ValueError(say("settings.slack.start", name=name, start=start))
        return self

    @model_validator(mode="after")
    def _whole_key(self) -> Self:
        if bool(self.aws_access_key_id) is not bool(self.aws_secret_access_key):
            has, misses = "SAYSO_AWS_ACCESS_KEY_ID", "SAYSO_AWS_SECRET_ACCESS_KEY"
            has, misses = (has, misses) if self.aws_access_key_id else (misses, has)
            raise ValueError(say("settings.aws.half", name=has, other=misses))
        if self.aws_secret_access_key and len(self.aws_secret_access_key.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(say("settings.aws.short", n=SHORTEST_TOKEN))
        return self

    @model_validator(mode="after")
    def _whole_alexa(self) -> Self:
        if bool(self.alexa_client_id) is not bool(self.alexa_client_secret):
            has, misses = "ALEXA_CLIENT_ID", "ALEXA_CLIENT_SECRET"
            has, misses = (has, misses) if self.alexa_client_id else (misses, has)
            raise ValueError(say("settings.alexa.half", name=has, other=misses))
        if self.alexa_chain_store and not self.alexa_trust_roots:
            raise ValueError(say("settings.alexa.store_alone"))
        if not self.alexa_skill_id and (self.alexa_relay_secret or self.alexa_trust_roots):
            name = "ALEXA_RELAY_SECRET" if self.alexa_relay_secret else "ALEXA_TRUST_ROOTS"
            raise ValueError(say("settings.alexa.no_skill", name=name))
        if self.alexa_relay_secret and len(self.alexa_relay_secret.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(say("settings.alexa.short", n=SHORTEST_TOKEN))
        return self

    @model_validator(mode="after")
    def _can_share(self) -> Self:
        if self.runner == "cluster" and make_url(self.database.get_secret_value()).get_backend_name() != "postgresql":
            raise ValueError(say("settings.cluster"))
        return self

    @property
    def chain_store(self) -> tuple[str, int] | None:
        """Give the host and port that stand in for s3.amazonaws.com; None: it is asked itself."""
        host, _, port = (self.alexa_chain_store or "").partition(":")
        return (host, int(port)) if port else None

    @property
    def sharing(self) -> Sharing | None:
        """Say how several processes share the work; None if this one is alone."""
        if self.runner == "local":
            return None
        return Sharing(labels=frozenset(self.labels), works=self.serve_works, slots=self.slots, lease=self.lease)

    @property
    def for_backends(self) -> Mapping[str, SecretStr]:
        """Give what is set for backends, by variable."""
        found = {_variable(name): getattr(self, name) for name in _OF_BACKENDS}
        return {name: value for name, value in found.items() if value}

    @property
    def database(self) -> SecretStr:
        """Give the database's URL, the default one filled in."""
        return self.database_url or SecretStr(f"sqlite:///{(self.data / 'sayso.db').absolute()}")

    @property
    def database_shown(self) -> str:
        """Give the database's URL as it may be printed: without its password."""
        return make_url(self.database.get_secret_value()).render_as_string(hide_password=True)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Give every secret value, for masking in logs."""
        password = make_url(self.database.get_secret_value()).password
        tokens = [each.token for each in self.api_tokens]
        slack = [self.slack_bot_token, self.slack_signing_secret, self.slack_app_token]
        alexa = [self.alexa_client_secret, self.alexa_relay_secret]
        backends = [self.aws_secret_access_key, self.aws_events, self.aws_destination_secret]
        values = [secret.get_secret_value() for secret in [*tokens, *slack, *alexa, *backends] if secret]
        return tuple(value for value in [*values, str(password or "")] if value)


def _variable(field: str) -> str:
    alias = Settings.model_fields[field].alias
    return alias or f"SAYSO_{field.upper()}"


def read_settings() -> Settings:
    """Read the environment; `Misconfigured` says every mistake, one sentence each, and never a secret's value."""
    try:
        return Settings()
    except ValidationError as error:
        raise Misconfigured("\n".join(dict.fromkeys(map(_sentence, error.errors())))) from None


def _sentence(error: Any) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    place = str(error["loc"][0]) if error["loc"] else ""
    # pydantic names a field by its alias where it has one
    field = next((name for name in Settings.model_fields if place in {name, _variable(name)}), place)
    name = _variable(field) if field in Settings.model_fields else place
    return say("settings.expected", name=name, expected=_EXPECTED.get(field, say("settings.a_value")))
