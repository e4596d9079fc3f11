"""Opens the ways in from the chat and from Alexa, and the way to people's Echoes, as the settings say."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

import aiohttp
import httpx
from fastapi import APIRouter

from bot.catalogue import Catalogue
from bot.core.errors import Misconfigured
from bot.core.voice import Numbers, VoiceDesk
from bot.core.wording import say
from bot.desk import Desk
from bot.settings import Settings
from bot.slack.app import create_slack_app
from bot.slack.endpoint import slack_router
from bot.slack.socket import socket_mode
from bot.store import messages
from bot.store.database import Database
from bot.voice.proactive import Account, ProactiveEvents

_log = logging.getLogger(__name__)


async def open_slack(
    stack: AsyncExitStack, settings: Settings, desk: Desk, database: Database, catalogue: Catalogue, *, numbers: Numbers
) -> APIRouter:
    """Build the way in from Slack: over HTTP always, and over Socket Mode if there is a token for it."""
    assert settings.slack_bot_token

    async def release_by_message(channel: str, ts: str) -> str | None:
        async with database.read() as c:
            return await messages.release_at(c, channel, ts)

    slack = create_slack_app(
        desk=desk,
        catalogue=catalogue,
        release_by_message=release_by_message,
        bot_token=settings.slack_bot_token,
        signing_secret=settings.slack_signing_secret,
        api_url=settings.slack_api_url,
        session=await stack.enter_async_context(aiohttp.ClientSession()),
        new_incident=lambda: f"inc-{secrets.token_hex(3)}",
        numbers=numbers,
    )
    stack.push_async_callback(slack.close)
    if settings.slack_app_token:
        await stack.enter_async_context(socket_mode(slack, settings.slack_app_token))
    if settings.slack_signing_secret:
        return slack_router(slack.bolt, settings.slack_signing_secret, time.time)
    return APIRouter()


async def open_alexa(
    stack: AsyncExitStack, settings: Settings, voice: VoiceDesk, clock: Callable[[], datetime]
) -> APIRouter:
    """Build the way in from Alexa, and from the skill's Lambda relay."""
    # Only who has a skill waits for Amazon's SDK and for cryptography.
    from bot.http.alexa import alexa_router  # noqa: PLC0415
    from skills.release_desk.opening import open_verifier  # noqa: PLC0415
    from skills.release_desk.progress import AMAZON, Progress  # noqa: PLC0415
    from skills.release_desk.skill import open_skill  # noqa: PLC0415

    path, secret = settings.alexa_trust_roots, settings.alexa_relay_secret
    try:
        verifier = await stack.enter_async_context(
            open_verifier(
                settings.alexa_skill_id,
                clock,
                relay_secret=secret.get_secret_value() if secret else None,
                roots_pem=path.read_text(encoding="ascii") if path else None,
                store=settings.chain_store,
            )
        )
    except (OSError, ValueError) as error:  # also what OpenSSL says of a file without certificates
        raise Misconfigured(say("start.no_roots", path=path, error=error), fix=say("start.no_roots.fix")) from error
    if path:
        _log.warning(say("start.own_roots", path=path))
    client = await stack.enter_async_context(httpx.AsyncClient())
    progress = Progress(client, AMAZON | {settings.alexa_api_url.rstrip("/")})
    return alexa_router(verifier, await stack.enter_async_context(open_skill(voice, progress=progress)))


@asynccontextmanager
async def open_alerts(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[ProactiveEvents]:
    """Open the way to people's Echoes."""
    assert settings.alexa_client_id and settings.alexa_client_secret
    account = Account(
        client_id=settings.alexa_client_id,
        client_secret=settings.alexa_client_secret,
        api_url=settings.alexa_api_url,
        token_url=settings.alexa_token_url,
        live=settings.alexa_stage == "live",
    )
    async with httpx.AsyncClient(timeout=5) as client:
        yield ProactiveEvents(client, account, clock=clock)
