"""The shapes of what Slack sends, as far as we and Bolt read them; everything else in them is let through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _User(_Part):
    id: str
    username: str | None = None
    name: str | None = None


class _Named(_Part):
    id: str | None = None


class _Container(_Part):
    type: str | None = None
    channel_id: str | None = None
    thread_ts: str | None = None


class _Message(_Part):
    ts: str | None = None
    thread_ts: str | None = None


class _Option(_Part):
    value: str


class _Value(_Part):
    value: str | None = None
    selected_option: _Option | None = None


class _State(_Part):
    values: dict[str, dict[str, _Value]] = {}


class _View(_Part):
    id: str
    type: str
    callback_id: str | None = None
    private_metadata: str | None = None
    state: _State | None = None


class _Action(_Part):
    type: str
    action_id: str
    block_id: str | None = None
    value: str | None = None
    url: str | None = None
    action_ts: str | None = None


class Interaction(_Part):
    """A click, a search for options, or a form (docs.slack.dev, "Interaction payloads")."""

    type: str
    user: _User
    team: _Named | None = None
    enterprise: _Named | None = None
    channel: _Named | None = None
    container: _Container | None = None
    message: _Message | None = None
    actions: list[_Action] | None = Field(default=None, min_length=1)
    view: _View | None = None
    trigger_id: str | None = None
    response_url: str | None = None
    action_id: str | None = None
    block_id: str | None = None
    value: str | None = None


class _Happening(_Part):
    type: str


class Event(_Part):
    """What the Events API delivers, or its probe (docs.slack.dev, "Events API")."""

    type: str
    event_id: str | None = None
    team_id: str | None = None
    enterprise_id: str | None = None
    event: _Happening | None = None


class Mention(_Happening):
    """What we listen to: `app_mention` and `app_home_opened`."""

    user: str | None = None
    bot_id: str | None = None
    text: str | None = None
    channel: str | None = None
    ts: str | None = None
    thread_ts: str | None = None
    tab: str | None = None


_FORMS = frozenset({"view_submission", "view_closed"})
_HEARD = frozenset({"app_mention", "app_home_opened"})


def check_interaction(payload: Any) -> None:
    """Check an interaction's payload; `ValueError` if it is none."""
    found = Interaction.model_validate(payload)
    if found.type == "block_actions" and not found.actions:
        raise ValueError("a click without an action")
    if found.type in _FORMS and (found.view is None or found.view.callback_id is None):
        raise ValueError("a form without a name")


def check_event(payload: Any) -> None:
    """Check an event's envelope; `ValueError` if it is none."""
    found = Event.model_validate(payload)
    if found.type == "event_callback":
        if found.event is None:
            raise ValueError("an event without an event")
        if isinstance(payload, Mapping) and found.event.type in _HEARD:
            heard = Mention.model_validate(payload["event"])
            if heard.type == "app_home_opened" and heard.user is None:
                raise ValueError("a Home tab of nobody")
