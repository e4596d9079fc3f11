"""Block Kit's blocks and views, with Slack's documented limits, as strict models.

Source: docs.slack.dev, "Block Kit: blocks" and "views".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from integrations.playground.block_elements import (
    ACCESSORIES,
    ACTIONS,
    INPUTS,
    Button,
    FeedbackButtons,
    IconButton,
    ImageElement,
)
from integrations.playground.block_parts import Mrkdwn, Part, PlainText, Url, any_text, one_of, plain
from integrations.playground.block_rich_text import Block, RichText


class Section(Block):
    """Text, fields, and one element beside them."""

    type: Literal["section"]
    text: Annotated[Any, any_text(3000)] | None = None
    fields: list[Annotated[Any, any_text(2000)]] | None = Field(default=None, min_length=1, max_length=10)
    accessory: Annotated[Any, ACCESSORIES] | None = None
    expand: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Section:
        if self.text is None and self.fields is None:
            raise PydanticCustomError("section", "missing required field: text or fields")
        return self


class Header(Block):
    """A heading."""

    type: Literal["header"]
    text: Annotated[Any, plain(150)]


class Divider(Block):
    """A line."""

    type: Literal["divider"]


class Actions(Block):
    """A row of elements to use."""

    type: Literal["actions"]
    elements: list[Annotated[Any, ACTIONS]] = Field(min_length=1, max_length=25)


class Context(Block):
    """Small print."""

    type: Literal["context"]
    elements: list[Annotated[Any, one_of(PlainText, Mrkdwn, ImageElement)]] = Field(min_length=1, max_length=10)


class ContextActions(Block):
    """Small buttons."""

    type: Literal["context_actions"]
    elements: list[Annotated[Any, one_of(FeedbackButtons, IconButton)]] = Field(min_length=1, max_length=5)


class Image(Block):
    """A picture."""

    type: Literal["image"]
    image_url: Url
    alt_text: str = Field(min_length=1, max_length=2000)
    title: Annotated[Any, plain(2000)] | None = None


class Markdown(Block):
    """Standard Markdown."""

    type: Literal["markdown"]
    text: str = Field(min_length=1, max_length=12_000)


class Input(Block):
    """A field of a form."""

    type: Literal["input"]
    label: Annotated[Any, plain(2000)]
    element: Annotated[Any, INPUTS]
    hint: Annotated[Any, plain(2000)] | None = None
    optional: bool | None = None
    dispatch_action: bool | None = None


class RawText(Part):
    """A table cell of plain words."""

    type: Literal["raw_text"]
    text: str = Field(min_length=1)


class RawNumber(Part):
    """A table cell with a number, and how it is written."""

    type: Literal["raw_number"]
    value: int | float
    text: str = Field(min_length=1)


class ColumnSettings(Part):
    """How a table's column is set."""

    align: Literal["left", "center", "right"] | None = None
    is_wrapped: bool | None = None


Row = Annotated[list[Annotated[Any, one_of(RawText, RawNumber, RichText)]], Field(min_length=1, max_length=20)]


class Table(Block):
    """Rows and columns."""

    type: Literal["table"]
    rows: list[Row] = Field(min_length=1, max_length=100)
    column_settings: list[ColumnSettings | None] | None = Field(default=None, max_length=20)


class UrlSource(Part):
    """A link below a task."""

    type: Literal["url"]
    url: Url
    text: str = Field(min_length=1)


class Task(Block):
    """One step of work."""

    type: Literal["task_card"] | None = None
    """In a plan's list Slack's own examples leave it out."""
    task_id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    status: Literal["pending", "in_progress", "complete", "error"]
    details: RichText | None = None
    output: RichText | None = None
    sources: list[UrlSource] | None = None


class TaskCard(Task):
    """One step of work, standing by itself."""

    type: Literal["task_card"]


class Plan(Block):
    """Steps of work under a title."""

    type: Literal["plan"]
    title: str = Field(min_length=1)
    tasks: list[Task] | None = Field(default=None, max_length=50)

    @model_validator(mode="after")
    def _tasks_differ(self) -> Plan:
        names = [task.task_id for task in self.tasks or []]
        if len(names) != len(set(names)):
            raise PydanticCustomError("task_id", "task_id must be unique within a plan")
        return self


class Alert(Block):
    """A notice."""

    type: Literal["alert"]
    text: Annotated[Any, any_text(3000)]
    level: Literal["default", "info", "warning", "error", "success"] | None = None


class Card(Block):
    """A small card with a title, a body and buttons."""

    type: Literal["card"]
    hero_image: ImageElement | None = None
    icon: ImageElement | None = None
    title: Annotated[Any, any_text(150)] | None = None
    subtitle: Annotated[Any, any_text(150)] | None = None
    body: Annotated[Any, any_text(200)] | None = None
    actions: list[Button] | None = Field(default=None, min_length=1, max_length=25)

    @model_validator(mode="after")
    def _shows_something(self) -> Card:
        if not (self.hero_image or self.title or self.body or self.actions):
            raise PydanticCustomError("card", "must have at least one of hero_image, title, actions and body")
        return self


SHARED = (Section, Header, Divider, Actions, Context, Image, Input, RichText)
MESSAGE_BLOCKS = one_of(*SHARED, ContextActions, Markdown, Table, Plan, TaskCard, Alert, Card)
VIEW_BLOCKS = one_of(*SHARED)


class MessageBlocks(Part):
    """The blocks of a message."""

    blocks: list[Annotated[Any, MESSAGE_BLOCKS]] = Field(max_length=50)


class View(Part):
    """What a modal and a Home tab have in common."""

    blocks: list[Annotated[Any, VIEW_BLOCKS]] = Field(max_length=100)
    private_metadata: str | None = Field(default=None, max_length=3000)
    callback_id: str | None = Field(default=None, max_length=255)
    external_id: str | None = Field(default=None, max_length=255)


class ModalView(View):
    """A dialog."""

    type: Literal["modal"]
    title: Annotated[Any, plain(24)]
    submit: Annotated[Any, plain(24)] | None = None
    close: Annotated[Any, plain(24)] | None = None
    clear_on_close: bool | None = None
    notify_on_close: bool | None = None
    submit_disabled: bool | None = None


class HomeView(View):
    """The app's Home tab."""

    type: Literal["home"]


class AnyView(Part):
    """A view, as a method's `view` argument."""

    view: Annotated[Any, one_of(ModalView, HomeView)]
