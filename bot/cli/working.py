"""Runs a worker: it takes actions from the database that servers share with it, and answers nobody."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from importlib.metadata import version

from pydantic import ValidationError

from bot.app import open_worker
from bot.cli import logs
from bot.core.errors import Misconfigured
from bot.core.ports import Backend, Sharing
from bot.core.wording import say
from bot.settings import Settings

LOG = logging.getLogger(__name__)


def work(settings: Settings, labels: Sequence[str], drain: int) -> None:
    """Work until SIGINT or SIGTERM, then wait for what is under way; a second signal does not wait."""
    logs.configure(settings.secrets)
    asyncio.run(_work(settings, _sharing(settings, labels, drain)))


def _sharing(settings: Settings, labels: Sequence[str], drain: int) -> Sharing:
    if settings.runner == "local":
        raise Misconfigured(say("worker.alone"), fix=say("worker.alone.fix"))
    every = frozenset([*settings.labels, *labels])
    try:
        return Sharing(labels=every, slots=settings.slots, lease=settings.lease, drain=drain)
    except ValidationError as error:
        wrong = str(error.errors()[0]["input"])
        raise Misconfigured(say("worker.label", label=wrong), fix=say("worker.label.fix")) from error


async def _work(settings: Settings, sharing: Sharing) -> None:
    stop = asyncio.Event()

    def leave() -> None:
        if stop.is_set():  # asked twice: whoever asks does not want to wait, and others take over what is under way
            logging.shutdown()
            os._exit(130)
        LOG.info(say("worker.leaving", seconds=int(sharing.drain)))
        stop.set()

    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, leave)
    async with open_worker(settings, sharing) as backend:
        ignoring = asyncio.create_task(_ignore_nudges(backend))
        LOG.info(say("worker.ready", version=version("sayso"), labels=", ".join(sorted(sharing.labels)) or "none"))
        await stop.wait()
    ignoring.cancel()
    LOG.info(say("serve.left"))


async def _ignore_nudges(backend: Backend) -> None:
    """Let nobody keep what only concerns servers."""
    async for _ in backend.nudges():
        pass
