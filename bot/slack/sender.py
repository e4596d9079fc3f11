"""Talks to Slack's Web API for the deliverer: one attempt per call, every refusal named as what it means for us."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import ContentRefused, DeliveryError, Gone, RateLimited, Unreachable
from bot.core.ports import Posted
from bot.deliver.pacer import Limit, Limits, Operation
from bot.slack.content import SlackContent

EVENT_TYPE = "sayso_message"
"""Marks our messages in their metadata, so that they can be found again."""
TIMEOUT = 10.0
"""Seconds for a whole call."""
_PAGES = 10

# docs.slack.dev, "Rate limits": chat.update, conversations.history, .replies and .open are tier 3 (50 a minute and
# method), files.* tier 4 (100); chat.postMessage has about one a second and channel, and a cap per workspace that is
# not published.
LIMITS = Limits(
    {
        Operation.POST: Limit(200, reserved=40, burst=80),
        Operation.EDIT: Limit(50, reserved=12, burst=20),
        Operation.FIND: Limit(40, burst=20),
        Operation.UPLOAD: Limit(60, burst=20),
        Operation.OPEN: Limit(45, burst=20),
    }
)

_GONE = {
    "not_in_channel": "Sayso is not in the channel {channel}: invite it there with /invite.",
    "channel_not_found": "Sayso sees no channel {channel}: check the id in sayso.toml, and invite Sayso there.",
    "is_archived": "The channel {channel} is archived: choose another one in sayso.toml.",
    "message_not_found": "The message in {channel} was deleted.",
    "thread_not_found": "The message in {channel} was deleted.",
    "cannot_reply_to_message": "The message in {channel} was deleted.",
    "cant_update_message": "The message in {channel} is not Sayso's own: was the app installed anew?",
    "edit_window_closed": "The workspace does not let messages as old as this one in {channel} be changed.",
    "restricted_action": "The workspace does not let Sayso post in {channel}: ask its owner.",
    "restricted_action_read_only_channel": "The workspace does not let Sayso post in {channel}: ask its owner.",
    "user_not_found": "Slack knows no such person: check the id in sayso.toml.",
    "user_disabled": "This person's account in Slack is closed.",
    "cannot_dm_bot": "Slack does not let us write to a bot: check the id in sayso.toml.",
}
_REFUSED = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "invalid_arguments",
        "block_mismatch",
        "no_text",
        "metadata_too_large",
        "invalid_metadata_format",
    }
)
# The person who looks after Sayso can mend these, so the messages wait for it.
_MENDABLE = {
    "missing_scope": "Slack wants the scope {needed}: add it to the app and install it again.",
    "invalid_auth": "Slack does not accept SLACK_BOT_TOKEN.",
    "not_authed": "Slack does not accept SLACK_BOT_TOKEN.",
    "token_revoked": "Slack says that SLACK_BOT_TOKEN was revoked.",
    "token_expired": "Slack says that SLACK_BOT_TOKEN has expired.",
    "account_inactive": "Slack says that the app was removed from the workspace.",
    "team_access_not_granted": "The workspace has not let the app in.",
    "org_login_required": "The workspace is being moved by Slack.",
}


_OWN_TROUBLE = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)


@asynccontextmanager
async def open_client(token: SecretStr, api_url: str) -> AsyncIterator[AsyncWebClient]:
    """Open a Web API client that tries once and keeps its connections; `api_url` ends with `/api/`."""
    # The SDK's own handlers would repeat a post whose answer was lost; the deliverer looks before it repeats one.
    # Connections are dropped before a server does it, for a request into a closing one would be lost, too.
    connector = aiohttp.TCPConnector(keepalive_timeout=4.0)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield AsyncWebClient(
            token.get_secret_value(), base_url=api_url, timeout=int(TIMEOUT), session=session, retry_handlers=[]
        )


class SlackMessenger:
    """Implements `bot.core.ports.Messenger` for one workspace; take the client from `open_client`."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def post(self, channel: str, content: SlackContent, *, message_id: str, thread: str | None = None) -> Posted:
        """Post with our id in the metadata; links are not unfurled."""
        body: dict[str, Any] = {
            "channel": channel,
            "text": content.text,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {"id": message_id}},
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if thread:
            body["thread_ts"] = thread
        if content.blocks:
            body["blocks"] = content.blocks
        answer = await self._call("chat.postMessage", channel, json=body)
        return Posted(channel=str(answer["channel"]), ts=str(answer["ts"]))

    async def edit(self, place: Posted, content: SlackContent) -> None:
        """Replace text and blocks; text alone takes the blocks away."""
        body: dict[str, Any] = {"channel": place.channel, "ts": place.ts, "text": content.text}
        if content.blocks:
            body["blocks"] = content.blocks
        await self._call("chat.update", place.channel, json=body)

    async def find(self, message_id: str, channel: str, *, since: datetime, thread: str | None = None) -> Posted | None:
        """Search the channel's, or the thread's, messages since then for our id."""
        method = "conversations.replies" if thread else "conversations.history"
        asked: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{since.timestamp():.6f}",
            "include_all_metadata": "true",
            "limit": 200,
        }
        if thread:
            asked["ts"] = thread
        for _ in range(_PAGES):
            answer = await self._call(method, channel, params=asked)
            for message in answer.get("messages", []):
                if _is(message, message_id):
                    return Posted(channel=channel, ts=str(message["ts"]))
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
            asked["cursor"] = cursor
        return None

    async def upload(self, channel: str, *, name: str, text: str, message_id: str, thread: str | None = None) -> Posted:
        """Share a text file; its name ends with the end of our id, for files have no metadata."""
        file = f"{name}{_mark(message_id)}"
        with _named(channel):
            await self._client.files_upload_v2(
                filename=file, title=file, content=text, channel=channel, thread_ts=thread, snippet_type="text"
            )
        return Posted(channel=channel, ts="")

    async def open_direct(self, person: str) -> str:
        """Open the direct conversation with a user id; it is always the same."""
        answer = await self._call("conversations.open", person, json={"users": person})
        return str(answer["channel"]["id"])

    async def link(self, place: Posted) -> str:
        """Ask for a permalink."""
        asked = {"channel": place.channel, "message_ts": place.ts}
        answer = await self._call("chat.getPermalink", place.channel, params=asked)
        return str(answer["permalink"])

    async def _call(
        self, method: str, channel: str, *, json: dict[str, Any] | None = None, params: dict[str, Any] | None = None
    ) -> Mapping[str, Any]:
        with _named(channel):
            if json is not None:
                answer = await self._client.api_call(method, json=json)
            else:
                answer = await self._client.api_call(method, http_verb="GET", params=params)
        assert isinstance(answer.data, dict)
        return answer.data


@contextmanager
def _named(channel: str) -> Iterator[None]:
    """Turn what the SDK raises into what it means for us."""
    try:
        yield
    except SlackApiError as error:
        raise _meaning(error, channel) from error
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(f"Slack can't be reached: {error}.", ambiguous=False) from error
    except (aiohttp.ClientError, SlackRequestError, OSError, TimeoutError) as error:
        raise Unreachable(f"Slack's answer was lost: {error or type(error).__name__}.", ambiguous=True) from error


def _meaning(error: SlackApiError, channel: str) -> DeliveryError:
    response = error.response
    data: Any = getattr(response, "data", None)
    body: dict[str, Any] = data if isinstance(data, dict) else {}
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    name = str(body.get("error") or "")
    if status == HTTPStatus.TOO_MANY_REQUESTS or name in {"ratelimited", "rate_limited"}:
        return RateLimited(_seconds(response.headers.get("Retry-After")))
    if name in _GONE:
        return Gone(_GONE[name].format(channel=channel))
    if name in _REFUSED:
        details = [str(each) for each in (body.get("response_metadata") or {}).get("messages", [])]
        unsupported = any("unsupported type" in each for each in details)
        return ContentRefused(f"Slack says {name}: {'; '.join(details[:5])[:1000]}", unsupported=unsupported)
    if name in _MENDABLE:
        return Unreachable(_MENDABLE[name].format(needed=body.get("needed", "that is missing")), ambiguous=False)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not name or name in _OWN_TROUBLE:
        return Unreachable(f"Slack has trouble of its own ({name or status}).", ambiguous=True)
    return DeliveryError(f"Slack says {name}.")


def _seconds(retry_after: object) -> float:
    try:
        return max(1.0, float(str(retry_after)))
    except ValueError:
        return 30.0  # Slack always names the seconds; something in between may not


def _mark(message_id: str) -> str:
    return f"-{message_id[-8:]}.log"


def _is(message: Mapping[str, Any], message_id: str) -> bool:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") == EVENT_TYPE and metadata.get("event_payload", {}).get("id") == message_id:
        return True
    return any(str(file.get("name", "")).endswith(_mark(message_id)) for file in message.get("files") or [])
