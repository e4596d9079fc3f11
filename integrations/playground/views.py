"""Views: the modals and Home tabs that the bot shows, as Slack keeps them."""

from __future__ import annotations

import copy
import uuid
from typing import Any, Final

from integrations.playground.workspace import Workspace

MOST_VIEWS: Final = 3
"""docs.slack.dev, "Modals": a stack holds three views."""


def make_view(
    workspace: Workspace, given: dict[str, Any], *, replaces: dict[str, Any] | None = None, above: str | None = None
) -> dict[str, Any]:
    """Make Slack's view of what the bot gave: ids, a new hash, and empty keys where nothing was said.

    `replaces` is the view that it takes the place of (the id stays); `above` the id of the view it is pushed onto.
    """
    config = workspace.config
    view_id = replaces["id"] if replaces else workspace.next_id("V")
    parent = workspace.find_view(above) if above else None
    previous = replaces["previous_view_id"] if replaces else above
    root = replaces["root_view_id"] if replaces else (parent[1]["root_view_id"] if parent else view_id)
    view: dict[str, Any] = {
        "id": view_id,
        "team_id": config.team_id,
        "type": given["type"],
        "blocks": copy.deepcopy(given["blocks"]),
        "private_metadata": given.get("private_metadata", ""),
        "callback_id": given.get("callback_id", ""),
        "external_id": given.get("external_id", ""),
        "state": {"values": {}},
        "hash": f"{int(workspace.now())}.{uuid.uuid4().hex[:8]}",
        "title": given.get("title", {"type": "plain_text", "text": "View Title", "emoji": True}),
        "close": given.get("close"),
        "submit": given.get("submit"),
        "clear_on_close": given.get("clear_on_close", False),
        "notify_on_close": given.get("notify_on_close", False),
        "submit_disabled": given.get("submit_disabled", False),
        "previous_view_id": previous,
        "root_view_id": root,
        "app_id": config.app_id,
        "app_installed_team_id": config.team_id,
        "bot_id": config.bot_id,
    }
    workspace.name_view_blocks(view["blocks"])
    return view


def replace_in_stack(stack: list[dict[str, Any]], view: dict[str, Any]) -> list[dict[str, Any]]:
    """Put a view in the place of the one with its id."""
    return [view if one["id"] == view["id"] else one for one in stack]
