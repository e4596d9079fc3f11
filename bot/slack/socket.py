"""Socket Mode: the same app over a WebSocket that Sayso opens, for servers that Slack can't reach."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from bot.slack.app import SlackApp

_log = logging.getLogger(__name__)


@asynccontextmanager
async def socket_mode(slack: SlackApp, app_token: SecretStr) -> AsyncIterator[AsyncSocketModeHandler]:
    """Keep a connection open for the time of the block; it reconnects by itself.

    Slack's requests carry no signature here: the connection itself proves them. Doubles are found by the desk's keys.
    """
    handler = AsyncSocketModeHandler(slack.bolt, app_token.get_secret_value(), logger=_log, web_client=slack.client)
    # It tries until it gets through: a server must also start, and serve everything else, while Slack is down.
    connecting = asyncio.ensure_future(handler.connect_async())  # type: ignore[no-untyped-call]
    try:
        yield handler
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await handler.close_async()  # type: ignore[no-untyped-call]
