"""Block Kit's rich text tree, and what every block has, as strict models.

Source: docs.slack.dev, "Rich text block".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from integrations.playground.block_parts import Id, Part, Url, one_of


class Block(Part):
    """What every block has."""

    block_id: Id | None = None


class Style(Part):
    """How a piece of rich text looks."""

    bold: bool | None = None
    italic: bool | None = None
    strike: bool | None = None
    code: bool | None = None
    underline: bool | None = None


class RichTextRun(Part):
    """Words."""

    type: Literal["text"]
    text: str = Field(min_length=1)
    style: Style | None = None


class RichLink(Part):
    """A link."""

    type: Literal["link"]
    url: Url
    text: str | None = Field(default=None, min_length=1)
    unsafe: bool | None = None
    style: Style | None = None


class RichEmoji(Part):
    """An emoji."""

    type: Literal["emoji"]
    name: str
    unicode: str | None = None
    skin_tone: int | None = None
    style: Style | None = None


class RichUser(Part):
    """A mention of a person."""

    type: Literal["user"]
    user_id: str
    style: Style | None = None


class RichUsergroup(Part):
    """A mention of a group."""

    type: Literal["usergroup"]
    usergroup_id: str
    style: Style | None = None


class RichChannel(Part):
    """A link to a channel."""

    type: Literal["channel"]
    channel_id: str
    style: Style | None = None


class RichBroadcast(Part):
    """A mention of everybody."""

    type: Literal["broadcast"]
    range: Literal["here", "channel", "everyone"]
    style: Style | None = None


class RichDate(Part):
    """A moment, in the reader's own time."""

    type: Literal["date"]
    timestamp: int
    format: str = Field(min_length=1)
    url: Url | None = None
    fallback: str | None = None
    style: Style | None = None


class RichColor(Part):
    """A colour."""

    type: Literal["color"]
    value: str
    style: Style | None = None


INLINE = one_of(
    RichTextRun, RichLink, RichEmoji, RichUser, RichUsergroup, RichChannel, RichBroadcast, RichDate, RichColor
)


class RichSection(Part):
    """A paragraph."""

    type: Literal["rich_text_section"]
    elements: list[Annotated[Any, INLINE]]


class RichList(Part):
    """A list of paragraphs."""

    type: Literal["rich_text_list"]
    style: Literal["bullet", "ordered"]
    elements: list[RichSection] = Field(min_length=1)
    indent: int | None = Field(default=None, ge=0, le=8)
    offset: int | None = Field(default=None, ge=0)
    border: int | None = Field(default=None, ge=0, le=1)


class RichPreformatted(Part):
    """A block of code."""

    type: Literal["rich_text_preformatted"]
    elements: list[Annotated[Any, one_of(RichTextRun, RichLink)]] = Field(min_length=1)
    border: int | None = Field(default=None, ge=0, le=1)
    language: str | None = None


class RichQuote(Part):
    """A quotation."""

    type: Literal["rich_text_quote"]
    elements: list[Annotated[Any, INLINE]] = Field(min_length=1)
    border: int | None = Field(default=None, ge=0, le=1)


class RichText(Block):
    """Formatted text as a tree."""

    type: Literal["rich_text"]
    elements: list[Annotated[Any, one_of(RichSection, RichList, RichPreformatted, RichQuote)]] = Field(min_length=1)
