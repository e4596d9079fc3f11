"""Block Kit's composition objects, with Slack's documented limits, as strict models.

Source: docs.slack.dev, "Block Kit: composition objects". Where Slack's own pages disagree the
stricter figure stands here (an option's `value`: 75, not 150).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

TAG = "~"
"""Marks the names of union members in an error's location, so that they can be told from keys."""


class Part(BaseModel):
    """Any piece of Block Kit: a closed set of keys, no conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True)
class OneOf:
    """Annotates a field that holds one of several parts, told apart by their `type`."""

    parts: tuple[type[Part], ...]

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Build a union that looks only at the member which `type` names."""
        choices = {TAG + part.model_fields["type"].annotation.__args__[0]: handler(part) for part in self.parts}  # type: ignore[union-attr]
        return core_schema.tagged_union_schema(choices, _tag)


def _tag(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return TAG + kind if isinstance(kind, str) else None


def one_of(*parts: type[Part]) -> OneOf:
    """List the parts that may stand here."""
    return OneOf(parts)


class PlainText(Part):
    """Text that is shown as it is."""

    type: Literal["plain_text"]
    text: str = Field(min_length=1)
    emoji: bool | None = None


class Mrkdwn(Part):
    """Text in Slack's own markup."""

    type: Literal["mrkdwn"]
    text: str = Field(min_length=1)
    verbatim: bool | None = None


@dataclass(frozen=True)
class Text:
    """Annotates a text object of at most `most` characters; `plain` allows no markup."""

    most: int
    plain: bool = False

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the object first, then its length, so that the error points at the text."""
        union = OneOf((PlainText,) if self.plain else (PlainText, Mrkdwn)).__get_pydantic_core_schema__(None, handler)
        return core_schema.no_info_after_validator_function(self._check, union)

    def _check(self, value: PlainText | Mrkdwn) -> PlainText | Mrkdwn:
        if len(value.text) > self.most:
            raise PydanticCustomError(
                "text_too_long", "must be less than {limit} characters", {"limit": self.most + 1, "below": "text"}
            )
        return value


def plain(most: int) -> Text:
    """Require a plain_text object of at most `most` characters."""
    return Text(most, plain=True)


def any_text(most: int) -> Text:
    """Require a plain_text or mrkdwn object of at most `most` characters."""
    return Text(most)


def _http(value: Any) -> Any:
    if isinstance(value, str) and not value.startswith(("http://", "https://", "mailto:", "slack://")):
        raise PydanticCustomError("url", "must be a valid URL")
    return value


Id = Annotated[str, Field(min_length=1, max_length=255)]
Url = Annotated[str, Field(min_length=1, max_length=3000), BeforeValidator(_http)]
Placeholder = Annotated[Any, plain(150)]


class Confirm(Part):
    """A dialog that asks before the action is sent."""

    title: Annotated[Any, plain(100)]
    text: Annotated[Any, Text(300)]
    confirm: Annotated[Any, plain(30)]
    deny: Annotated[Any, plain(30)]
    style: Literal["primary", "danger"] | None = None


class Option(Part):
    """One choice of a select."""

    text: Annotated[Any, plain(75)]
    value: str = Field(min_length=1, max_length=75)
    description: Annotated[Any, plain(75)] | None = None


class RichOption(Option):
    """One choice of radio buttons or checkboxes, which may use markup."""

    text: Annotated[Any, Text(75)]
    description: Annotated[Any, Text(75)] | None = None


class LinkOption(Option):
    """One line of an overflow menu."""

    url: Url | None = None


class OptionGroup(Part):
    """Choices under a heading."""

    label: Annotated[Any, plain(75)]
    options: list[Option] = Field(min_length=1, max_length=100)


class DispatchConfig(Part):
    """When typing in an input sends an action."""

    trigger_actions_on: list[Literal["on_enter_pressed", "on_character_entered"]] = Field(min_length=1)


class Filter(Part):
    """Which conversations a select offers."""

    include: list[Literal["im", "mpim", "private", "public"]] | None = None
    exclude_external_shared_channels: bool | None = None
    exclude_bot_users: bool | None = None
