"""Builds the Bolt app: every way into Sayso from Slack, above HTTP and Socket Mode alike."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from bot.catalogue import Catalogue
from bot.core.voice import Numbers
from bot.slack import actions, commands, home, mentions, views
from bot.slack.front import Desk, Front
from bot.slack.replies import UNREACHABLE, Replies, place_of

_log = logging.getLogger(__name__)
_AUTH_SECONDS = 60.0
"""Between two tries to learn who the bot is."""


@dataclass(frozen=True)
class SlackApp:
    """The Bolt app, and what must be closed with it."""

    bolt: AsyncApp
    client: AsyncWebClient
    replies: Replies

    async def close(self) -> None:
        """Let replies that were begun end; the HTTP session is the caller's."""
        await self.replies.close()


def create_slack_app(
    *,
    desk: Desk,
    catalogue: Catalogue,
    release_by_message: Callable[[str, str], Awaitable[str | None]],
    bot_token: SecretStr,
    signing_secret: SecretStr | None,
    api_url: str,
    session: ClientSession,
    new_incident: Callable[[], str],
    numbers: Numbers | None = None,
) -> SlackApp:
    """Build the app. `signing_secret` may only be missing where Socket Mode is the one way in.

    Bolt runs with `process_before_response`: a listener is awaited and its response sent at once. Without it Bolt polls
    for the acknowledgement every 10 ms, and loses it if a listener raises right after `ack()`.
    """
    client = _client(bot_token, api_url, session)
    replies = Replies(client)
    front = Front(
        desk=desk,
        catalogue=catalogue,
        words=catalogue.vocabulary(),
        client=client,
        replies=replies,
        release_by_message=release_by_message,
        new_incident=new_incident,
        numbers=numbers,
    )
    bolt_log = logging.getLogger("bot.slack.bolt")
    # Bolt's warnings quote the bodies of requests; everything that they warn of is answered or logged here.
    bolt_log.setLevel(logging.ERROR)
    bolt = AsyncApp(
        name="sayso",
        logger=bolt_log,
        client=_client(None, api_url, session),
        authorize=_Authorize(client, bot_token, replies),
        signing_secret=signing_secret.get_secret_value() if signing_secret else "",
        request_verification_enabled=True,
        process_before_response=True,
    )
    for part in (commands, views, actions, mentions, home):
        part.listen(bolt, front)

    async def on_error(error: Exception, body: dict[str, Any]) -> BoltResponse | None:
        """Answer what went past every listener's own handling; only an event is left for Slack to deliver again."""
        apology = front.incident(error)
        if body.get("type") == "event_callback":
            return None
        if isinstance(body.get("user"), dict):
            replies.soon(replies.privately(place_of(body), apology))
        return BoltResponse(status=200, body="")

    bolt.error(on_error)

    async def on_other_event() -> None:
        """Take events that nobody asked for, so that Slack does not deliver them again."""

    bolt.event(re.compile(".*"))(on_other_event)
    return SlackApp(bolt, client, replies)


def _client(token: SecretStr | None, api_url: str, session: ClientSession) -> AsyncWebClient:
    return AsyncWebClient(
        token=token.get_secret_value() if token else None,
        base_url=api_url,
        session=session,
        timeout=10,
        retry_handlers=[AsyncConnectionErrorRetryHandler(), AsyncRateLimitErrorRetryHandler(max_retry_count=2)],
    )


class _Authorize(AsyncAuthorize):
    """Tells Bolt who the bot is, without a request ever waiting for it.

    Bolt's own way asks auth.test first, and loses requests while Slack's API does not answer. Here it is asked in the
    background; until it has answered, the first mention in a message is taken for the bot's.
    """

    def __init__(self, client: AsyncWebClient, token: SecretStr, replies: Replies) -> None:
        self._client = client
        self._token = token
        self._replies = replies
        self._asked = 0.0
        self._me: dict[str, Any] = {}

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,  # noqa: ARG002
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,  # noqa: ARG002
        **_: str | None,
    ) -> AuthorizeResult:
        now = asyncio.get_running_loop().time()
        if not self._me and (not self._asked or now - self._asked > _AUTH_SECONDS):
            self._asked = now
            self._replies.soon(self._ask())
        return AuthorizeResult(
            enterprise_id=enterprise_id, team_id=team_id, bot_token=self._token.get_secret_value(), **self._me
        )

    async def _ask(self) -> None:
        try:
            answer = await self._client.auth_test()
        except UNREACHABLE as error:
            _log.warning("auth.test did not answer: %s", type(error).__name__)
        else:
            self._me = {"bot_id": answer.get("bot_id"), "bot_user_id": answer.get("user_id")}
