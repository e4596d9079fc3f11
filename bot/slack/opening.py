"""Opens modals inside the three seconds that a trigger lives."""

from __future__ import annotations

import asyncio

from bot.core.commands import Command
from bot.core.errors import NotFound, SaysoError
from bot.core.grammar import OpenForm
from bot.core.wording import say
from bot.slack.forms import Origin, View, deploy_form, reason_form
from bot.slack.front import Front
from bot.slack.replies import UNREACHABLE

_SECONDS = 2.0
"""A trigger and an acknowledgement both have three seconds (docs.slack.dev, "Handling user interaction")."""


async def open_deploy_form(front: Front, trigger: str, fields: OpenForm, origin: Origin) -> None:
    """Open the deploy form; `SaysoError` with another way if that fails."""
    if not front.catalogue.services:
        raise NotFound(say("slack.where.none"))
    await _open(front, trigger, deploy_form(front.catalogue, fields, origin))


async def open_reason_form(front: Front, trigger: str, command: Command, origin: Origin) -> None:
    """Ask for the reason of a wish that needs one."""
    await _open(front, trigger, reason_form(command, origin))


async def _open(front: Front, trigger: str, view: View) -> None:
    try:
        async with asyncio.timeout(_SECONDS):
            await front.client.views_open(trigger_id=trigger, view=view)
    except UNREACHABLE as error:
        raise SaysoError(say("slack.form.failed"), fix=say("slack.form.failed.fix")) from error
