"""Block Kit's interactive elements, with Slack's documented limits, as strict models.

Source: docs.slack.dev, "Block Kit: block elements".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from integrations.playground.block_parts import (
    Confirm,
    DispatchConfig,
    Filter,
    Id,
    LinkOption,
    Option,
    OptionGroup,
    Part,
    Placeholder,
    RichOption,
    Url,
    one_of,
    plain,
)


class Interactive(Part):
    """What every element that can be used has."""

    action_id: Id | None = None
    confirm: Confirm | None = None


class Button(Interactive):
    """A button."""

    type: Literal["button"]
    text: Annotated[Any, plain(75)]
    url: Url | None = None
    value: str | None = Field(default=None, max_length=2000)
    style: Literal["primary", "danger"] | None = None
    accessibility_label: str | None = Field(default=None, max_length=75)


class Menu(Interactive):
    """What every select has."""

    placeholder: Placeholder | None = None
    focus_on_load: bool | None = None


class StaticSelect(Menu):
    """A select with its own options."""

    type: Literal["static_select"]
    options: list[Option] | None = Field(default=None, min_length=1, max_length=100)
    option_groups: list[OptionGroup] | None = Field(default=None, min_length=1, max_length=100)
    initial_option: Option | None = None

    @model_validator(mode="after")
    def _one_source(self) -> StaticSelect:
        _require_one_source(self.options, self.option_groups)
        _require_offered([self.initial_option] if self.initial_option else [], self.options, self.option_groups)
        return self


class MultiStaticSelect(Menu):
    """A select of several of its own options."""

    type: Literal["multi_static_select"]
    options: list[Option] | None = Field(default=None, min_length=1, max_length=100)
    option_groups: list[OptionGroup] | None = Field(default=None, min_length=1, max_length=100)
    initial_options: list[Option] | None = Field(default=None, min_length=1)
    max_selected_items: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_source(self) -> MultiStaticSelect:
        _require_one_source(self.options, self.option_groups)
        _require_offered(self.initial_options or [], self.options, self.option_groups)
        return self


def _require_one_source(options: list[Option] | None, groups: list[OptionGroup] | None) -> None:
    if (options is None) == (groups is None):
        raise PydanticCustomError("options", "must have exactly one of options and option_groups")


def _require_offered(chosen: list[Option], options: list[Option] | None, groups: list[OptionGroup] | None) -> None:
    offered = [*(options or []), *(option for group in groups or [] for option in group.options)]
    for option in chosen:
        if option not in offered:
            raise PydanticCustomError("initial_option", "initial option must exactly match one of the options")


class ExternalSelect(Menu):
    """A select whose options the app is asked for."""

    type: Literal["external_select"]
    initial_option: Option | None = None
    min_query_length: int | None = Field(default=None, ge=0)


class UsersSelect(Menu):
    """A select of people."""

    type: Literal["users_select"]
    initial_user: str | None = None


class MultiUsersSelect(Menu):
    """A select of several people."""

    type: Literal["multi_users_select"]
    initial_users: list[str] | None = None
    max_selected_items: int | None = Field(default=None, ge=1)


class ConversationsSelect(Menu):
    """A select of conversations."""

    type: Literal["conversations_select"]
    initial_conversation: str | None = None
    default_to_current_conversation: bool | None = None
    response_url_enabled: bool | None = None
    filter: Filter | None = None


class ChannelsSelect(Menu):
    """A select of public channels."""

    type: Literal["channels_select"]
    initial_channel: str | None = None
    response_url_enabled: bool | None = None


class Overflow(Interactive):
    """A button that opens a short list."""

    type: Literal["overflow"]
    options: list[LinkOption] = Field(min_length=1, max_length=5)


class RadioButtons(Interactive):
    """A choice of one."""

    type: Literal["radio_buttons"]
    options: list[RichOption] = Field(min_length=1, max_length=10)
    initial_option: RichOption | None = None
    focus_on_load: bool | None = None


class Checkboxes(Interactive):
    """A choice of several."""

    type: Literal["checkboxes"]
    options: list[RichOption] = Field(min_length=1, max_length=10)
    initial_options: list[RichOption] | None = Field(default=None, min_length=1)
    focus_on_load: bool | None = None


class DatePicker(Menu):
    """A day."""

    type: Literal["datepicker"]
    initial_date: str | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\d$")


class TimePicker(Menu):
    """A time of day."""

    type: Literal["timepicker"]
    initial_time: str | None = Field(default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    timezone: str | None = None


class DatetimePicker(Interactive):
    """A moment, seconds since 1970."""

    type: Literal["datetimepicker"]
    initial_date_time: int | None = Field(default=None, ge=1_000_000_000, le=9_999_999_999)
    focus_on_load: bool | None = None


class TypedInput(Part):
    """What every field to type in has."""

    action_id: Id | None = None
    placeholder: Placeholder | None = None
    dispatch_action_config: DispatchConfig | None = None
    focus_on_load: bool | None = None


class PlainTextInput(TypedInput):
    """Text to type."""

    type: Literal["plain_text_input"]
    initial_value: str | None = None
    multiline: bool | None = None
    min_length: int | None = Field(default=None, ge=0, le=3000)
    max_length: int | None = Field(default=None, ge=1, le=3000)


class EmailInput(TypedInput):
    """An e-mail address to type."""

    type: Literal["email_text_input"]
    initial_value: str | None = None


class UrlInput(TypedInput):
    """An address to type."""

    type: Literal["url_text_input"]
    initial_value: str | None = None


class NumberInput(TypedInput):
    """A number to type."""

    type: Literal["number_input"]
    is_decimal_allowed: bool
    initial_value: str | None = None
    min_value: str | None = None
    max_value: str | None = None


class ImageElement(Part):
    """A small picture."""

    type: Literal["image"]
    image_url: Url
    alt_text: str = Field(min_length=1, max_length=2000)


class FeedbackButton(Part):
    """One of the two feedback buttons."""

    text: Annotated[Any, plain(75)]
    value: str = Field(max_length=2000)
    accessibility_label: str | None = Field(default=None, max_length=75)


class FeedbackButtons(Part):
    """Thumbs up and thumbs down."""

    type: Literal["feedback_buttons"]
    action_id: Id | None = None
    positive_button: FeedbackButton
    negative_button: FeedbackButton


class IconButton(Interactive):
    """A button that is a picture."""

    type: Literal["icon_button"]
    icon: Literal["trash"]
    text: Annotated[Any, plain(75)]
    value: str | None = Field(default=None, max_length=2000)
    accessibility_label: str | None = Field(default=None, max_length=75)
    visible_to_user_ids: list[str] | None = None


MENUS = (
    StaticSelect,
    MultiStaticSelect,
    ExternalSelect,
    UsersSelect,
    MultiUsersSelect,
    ConversationsSelect,
    ChannelsSelect,
    RadioButtons,
    Checkboxes,
    DatePicker,
    TimePicker,
)
ACTIONS = one_of(Button, Overflow, DatetimePicker, *MENUS)
ACCESSORIES = one_of(Button, Overflow, ImageElement, *MENUS)
INPUTS = one_of(PlainTextInput, EmailInput, UrlInput, NumberInput, DatetimePicker, *MENUS)
