"""`/deploy` and `/release`: the answer goes back in the acknowledgement itself, after the desk has committed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.core.errors import NotUnderstood
from bot.core.grammar import OpenForm, parse_slash
from bot.core.wording import say
from bot.slack import home
from bot.slack.forms import Origin
from bot.slack.front import Front, wish
from bot.slack.opening import open_deploy_form
from bot.slack.said import Said

_COMMANDS = ("/deploy", "/release")


def listen(bolt: AsyncApp, front: Front) -> None:
    """Register the slash commands; one that we don't have is answered, too."""

    async def on_command(ack: Callable[..., Awaitable[Any]], body: dict[str, Any]) -> Any:
        said = await front.answered(_answer(front, body))
        if said is None:
            return await ack()
        home.draw_again(front, str(body.get("user_id", "")))
        return await ack({"response_type": "ephemeral", **said.message})

    bolt.command(re.compile(".*"))(on_command)


async def _answer(front: Front, body: dict[str, Any]) -> Said | None:
    """Answer; None if a form opened instead."""
    name = str(body.get("command", ""))
    user, channel = str(body.get("user_id", "")), body.get("channel_id")
    handle = str(body.get("user_name", ""))
    if name not in _COMMANDS:
        raise NotUnderstood(say("slack.no_command", command=name), fix=say("slack.no_command.fix"))
    command = parse_slash(name, str(body.get("text") or ""), front.words)
    if isinstance(command, OpenForm):
        front.actor(user, channel, handle)
        origin = Origin(channel=channel, response_url=body.get("response_url"))
        await open_deploy_form(front, str(body.get("trigger_id", "")), command, origin)
        return None
    return await front.ask(lambda: front.actor(user, channel, handle), command, wish(str(body.get("trigger_id", ""))))
