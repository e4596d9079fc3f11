"""Runs a web server on an open socket and ends it in good order: the bot's, and the playground's."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from typing import Literal

import typer
import uvicorn
from fastapi import FastAPI

from bot.app import open_sayso
from bot.cli import logs
from bot.cli.datafolder import open_data
from bot.cli.doors import listening
from bot.core.wording import say
from bot.settings import Settings

LOG = logging.getLogger(__name__)

DRAIN_SECONDS = 10
"""For answers under way when the server is asked to end."""


def serve(settings: Settings) -> None:
    """Run the bot until SIGINT or SIGTERM; what is under way is finished, a second signal does not wait."""
    logs.configure(settings.secrets)
    # In a cluster the folder is everybody's; the rows of the database say who does what.
    alone = settings.runner == "local"
    with (
        open_data(settings.data) if alone else nullcontext() as folder,
        listening(settings.host, settings.port) as door,
    ):
        host, port = door.getsockname()[:2]
        url = settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if folder:
            folder.note(url)
        asyncio.run(_serve(settings.model_copy(update={"port": port}), door, url))


async def _serve(settings: Settings, door: socket.socket, url: str) -> None:
    stop = asyncio.Event()
    opening = asyncio.current_task()

    def leave() -> None:
        if stop.is_set():  # asked twice: whoever asks does not want to wait
            logging.shutdown()
            os._exit(130)
        LOG.info(say("serve.leaving"))
        stop.set()
        if opening:
            opening.cancel()

    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, leave)
    try:
        async with open_sayso(settings) as sayso:
            opening = None
            sayso.ended.add_done_callback(lambda _: stop.set())
            LOG.info(say("serve.ready", version=version("sayso"), url=url, n=len(sayso.catalogue.services)))
            await run_until(sayso.api, door, stop, sayso.api.state.leaving.set)
            if sayso.ended.done():
                LOG.error(say("serve.part_ended"), exc_info=sayso.ended.exception())
                raise typer.Exit(1)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    LOG.info(say("serve.left"))


class Server(uvicorn.Server):
    """A server that leaves the process's signals to us: uvicorn's own way would end us before our parts are closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def run_until(
    api: FastAPI,
    door: socket.socket,
    stop: asyncio.Event,
    end_streams: Callable[[], None],
    *,
    lifespan: Literal["on", "off"] = "off",
) -> None:
    """Serve on an open socket until `stop`; streams are ended first, then answers under way get their time."""
    config = uvicorn.Config(
        api, log_config=None, access_log=False, lifespan=lifespan, timeout_graceful_shutdown=DRAIN_SECONDS,
        server_header=False,
    )  # fmt: skip
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[door]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    end_streams()
    server.should_exit = True
    await serving
