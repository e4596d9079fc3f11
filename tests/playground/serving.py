"""Runs ASGI servers in threads, and a small real Bolt app against a playground."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from slack_bolt.adapter.fastapi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from integrations.playground.config import Channel, Persona, PlaygroundConfig, SlashCommand
from integrations.playground.server import create_playground

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TOKEN = "xoxb-playground"
PATIENCE = 60.0
"""Seconds that the bot has to answer: this machine may be slow."""


@contextmanager
def served(app: Any, listener: socket.socket) -> Iterator[None]:
    """Serve an ASGI app in a thread on a socket that is bound already; gone when the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()
        assert not thread.is_alive()


def listening() -> tuple[socket.socket, str]:
    """Bind a free loopback port; gives the socket and its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


class Clock:
    """A clock that a test can move; starts at the real time, because signatures are checked against it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Town:
    """A running playground and a bot beside it."""

    url: str
    bot_url: str
    clock: Clock
    token: str = TOKEN
    log: list[Any] = field(default_factory=list)

    def client(self, token: str | None = None) -> AsyncWebClient:
        """Give the official client, pointed at the playground."""
        return AsyncWebClient(token or self.token, base_url=f"{self.url}/api/")

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Call the control API."""
        answer: dict[str, Any] = httpx.post(f"{self.url}/_ui/{path}", json=body, timeout=60, trust_env=False).json()
        return answer

    def get(self, path: str) -> Any:
        """Read from the control API."""
        return httpx.get(f"{self.url}/_ui/{path}", timeout=60, trust_env=False).json()

    def messages(self, channel: str = "C01RELEASES") -> list[dict[str, Any]]:
        """List what stands in a channel, ephemerals at the end."""
        found: list[dict[str, Any]] = self.get("state")["messages"].get(channel, [])
        return found

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until something holds, a minute at most; gives what it found."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.02)
        raise AssertionError(f"never happened: {what}")


def config_for(bot_url: str, clock: Clock, **changes: Any) -> PlaygroundConfig:
    """Give the usual workspace of these tests."""
    usual: dict[str, Any] = {
        "bot_url": bot_url,
        "signing_secret": SECRET,
        "bot_token": TOKEN,
        "clock": clock,
        "patience": PATIENCE,
        "people": [
            Persona(id="U01ANA", name="ana", title="Ana Ruiz", role="developer", email="ana@example.com"),
            Persona(id="U02BO", name="bo", title="Bo Lind", role="approver"),
        ],
        "channels": [
            Channel(id="C01RELEASES", name="releases", topic="What ships"),
            Channel(id="C02RANDOM", name="random", has_bot=False),
        ],
        "commands": [SlashCommand(name="/deploy", description="Ship a service", usage_hint="service environment")],
        "suggestions": ["/deploy checkout prod", "@sayso status"],
    }
    return PlaygroundConfig(**(usual | changes))


@contextmanager
def town(register: Callable[[AsyncApp, Town], None] | None = None, **changes: Any) -> Iterator[Town]:
    """Run a playground and, with `register`, a real Bolt app that has these listeners."""
    with ExitStack() as stack:
        clock = Clock()
        own_listener, own_url = listening()
        bot_listener, bot_url = listening()
        place = Town(own_url, bot_url, clock)
        if register:
            stack.enter_context(served(_bolt(register, place), bot_listener))
        else:
            bot_listener.close()
        config = config_for(f"{bot_url}/slack/events", clock, **changes)
        stack.enter_context(served(create_playground(config), own_listener))
        yield place


def _bolt(register: Callable[[AsyncApp, Town], None], place: Town) -> FastAPI:
    bolt = AsyncApp(client=place.client(), signing_secret=SECRET)
    register(bolt, place)
    handler = AsyncSlackRequestHandler(bolt)
    app = FastAPI()

    @app.post("/slack/events")
    async def events(request: Request) -> Response:
        return await handler.handle(request)

    return app
