"""The HTTP API over a real desk and database, spoken to in memory or over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from bot.http import Check, Rhythm, Tokens, create_api
from bot.settings import ApiToken
from tests.support.desk_world import World
from tests.support.waiting import until

TOKENS = {person: f"token-of-{person}-0123456789" for person in ("ana", "ben", "dee")}
QUICK = Rhythm(look=0.1, beat=0.3, linger=0.5)


async def well() -> str | None:
    """Say that a part works."""
    return None


def make_api(world: World, **checks: Check) -> FastAPI:
    """Put the API of a world together."""
    return create_api(
        desk=world.desk,
        database=world.database,
        changed=world.changed,
        catalogue=world.catalogue,
        tokens=Tokens(
            [ApiToken(person=person, token=SecretStr(token)) for person, token in TOKENS.items()],
            {key: person.name for key, person in world.catalogue.people.items()},
        ),
        version="1.2.3",
        checks=checks or {"database": well},
        rhythm=QUICK,
    )


@dataclass
class Api:
    """An API and people who speak with it in memory."""

    world: World
    app: FastAPI
    clients: dict[str | None, httpx.AsyncClient]

    def by(self, person: str | None) -> httpx.AsyncClient:
        """Give the client that sends this person's token; None: no token."""
        if person not in self.clients:
            headers = {"Authorization": f"Bearer {TOKENS[person]}"} if person else {}
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            self.clients[person] = httpx.AsyncClient(transport=transport, base_url="http://sayso", headers=headers)
        return self.clients[person]


@asynccontextmanager
async def open_api(world: World, **checks: Check) -> AsyncIterator[Api]:
    """Open the API for the time of the block."""
    api = Api(world, make_api(world, **checks), {})
    yield api
    for client in api.clients.values():
        await client.aclose()


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Serve an app on a free port; give its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server._serve())

    async def started() -> bool:
        return server.started or task.done()

    await until(started, bool)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        app.state.leaving.set()
        server.should_exit = True
        await task
