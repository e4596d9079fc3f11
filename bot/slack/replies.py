"""Says something to one person after Slack has its answer, by whichever way is open: never silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.slack.forms import Origin, View, answer_view, origin_of
from bot.slack.said import Said

_log = logging.getLogger(__name__)
UNREACHABLE = (SlackApiError, SlackRequestError, aiohttp.ClientError, TimeoutError)
"""What a call of Slack's Web API may raise."""
_CLOSING_SECONDS = 5.0


@dataclass(frozen=True)
class Place:
    """Where somebody did something, and so where its answer belongs."""

    user: str
    channel: str | None = None
    thread: str | None = None
    response_url: str | None = None
    replaces: bool = False
    """The message with the button was for this person only: the answer takes its place."""
    view_id: str | None = None
    view: Mapping[str, Any] | None = None

    @property
    def is_home(self) -> bool:
        """Tell whether it was on the Home tab."""
        return self.view is not None and self.view.get("type") == "home"

    @property
    def origin(self) -> Origin:
        """Give what a form opened here must remember."""
        if self.view is not None and not self.is_home:
            return origin_of(self.view)
        return Origin(channel=self.channel, thread=self.thread, response_url=self.response_url, home=self.is_home)


def place_of(payload: Mapping[str, Any]) -> Place:
    """Read where a click happened (docs.slack.dev, "block_actions payload")."""
    container = payload.get("container") or {}
    view = payload.get("view") or None
    return Place(
        user=str(payload["user"]["id"]),
        channel=container.get("channel_id") or (payload.get("channel") or {}).get("id"),
        thread=container.get("thread_ts") or (payload.get("message") or {}).get("thread_ts"),
        response_url=payload.get("response_url"),
        replaces=bool(container.get("is_ephemeral")),
        view_id=view["id"] if view else None,
        view=view,
    )


def place_of_form(user: str, origin: Origin) -> Place:
    """Give the place where a form was opened."""
    return Place(user=user, channel=origin.channel, thread=origin.thread, response_url=origin.response_url)


class Replies:
    """Private answers and whatever else is done after the acknowledgement. Close it, so that nothing is cut off."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this once the request is answered."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a reply to Slack went wrong", exc_info=error)

    async def settle(self) -> None:
        """Wait until everything that was begun is done."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Give what was begun five seconds to end."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_CLOSING_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def privately(self, place: Place, said: Said) -> None:
        """Tell one person: in the view, by the response URL, in the channel or, if all else fails, directly."""
        ways: tuple[Callable[[Place, Said], Coroutine[Any, Any, bool]], ...] = (
            self._in_view,
            self._by_url,
            self._in_channel,
            self._directly,
        )
        for way in ways:
            try:
                if await way(place, said):
                    return
            except UNREACHABLE as error:
                _log.warning("a private answer did not get through by %s: %s", way.__name__, _kind(error))
        _log.error("a private answer to %s could not be delivered", place.user)

    async def in_thread(self, place: Place, said: Said) -> None:
        """Answer for everybody, in the thread."""
        try:
            await self._client.chat_postMessage(
                channel=place.channel or place.user,
                thread_ts=place.thread,
                unfurl_links=False,
                unfurl_media=False,
                **said.message,
            )
        except UNREACHABLE as error:
            _log.warning("an answer in a thread did not get through: %s", _kind(error))
            await self.privately(place, said)

    async def _in_view(self, place: Place, said: Said) -> bool:
        if place.view_id is None or place.view is None or place.is_home:
            return False
        await self.update_view(place.view_id, answer_view(said, place.origin))
        return True

    async def update_view(self, view_id: str, view: View) -> None:
        """Replace a modal."""
        await self._client.views_update(view_id=view_id, view=view)

    async def _by_url(self, place: Place, said: Said) -> bool:
        if place.response_url is None:
            return False
        webhook = AsyncWebhookClient(place.response_url, session=self._client.session, timeout=self._client.timeout)
        body: dict[str, Any] = {"response_type": "ephemeral", "replace_original": place.replaces, **said.message}
        if place.thread and not place.replaces:
            body["thread_ts"] = place.thread
        return (await webhook.send_dict(body)).status_code == 200

    async def _in_channel(self, place: Place, said: Said) -> bool:
        if place.channel is None:
            return False
        if place.channel.startswith("D"):
            return await self._directly(place, said)
        await self._client.chat_postEphemeral(
            channel=place.channel, user=place.user, thread_ts=place.thread, **said.message
        )
        return True

    async def _directly(self, place: Place, said: Said) -> bool:
        await self._client.chat_postMessage(channel=place.user, unfurl_links=False, unfurl_media=False, **said.message)
        return True


def _kind(error: Exception) -> str:
    """Name an error without anything of what was sent."""
    return str(error.response.get("error")) if isinstance(error, SlackApiError) else type(error).__name__
