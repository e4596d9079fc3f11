"""Socket Mode: the websocket that a bot without a public address opens to get its deliveries.

Source: docs.slack.dev, "Using Socket Mode": hello, envelopes with an id, the acknowledgement with an optional payload.
aiohttp serves it on a port of its own, because uvicorn alone speaks no websocket.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

from aiohttp import WSMsgType, web


class Sockets:
    """Open Socket Mode connections; a delivery goes over the newest one."""

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self._tickets: set[str] = set()
        self._open: list[web.WebSocketResponse] = []
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def connected(self) -> bool:
        """Tell whether a bot listens."""
        return bool(self._open)

    async def invite(self) -> str:
        """Give the address of one connection, good for one use; the first call starts listening on loopback."""
        if self._runner is None:
            app = web.Application()
            app.router.add_get("/link/", self._serve)
            self._runner = web.AppRunner(app, shutdown_timeout=1.0)
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", 0)
            await site.start()
            self._port = self._runner.addresses[0][1]
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return f"ws://127.0.0.1:{self._port}/link/?ticket={ticket}&app_id={self._app_id}"

    async def deliver(self, kind: str, payload: dict[str, Any], wait: float, **envelope: Any) -> Any:
        """Send one envelope and give the acknowledgement's payload (or `None`); `TimeoutError` after `wait` seconds."""
        envelope_id = str(uuid.uuid4())
        acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = acknowledged
        try:
            message = {"envelope_id": envelope_id, "type": kind, "payload": payload, **envelope}
            await self._open[-1].send_json(message | {"accepts_response_payload": kind != "events_api"})
            return await asyncio.wait_for(acknowledged, wait)
        finally:
            self._waiting.pop(envelope_id, None)

    async def close(self) -> None:
        """Close every connection and stop listening."""
        for connection in list(self._open):
            await connection.close()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden(text="This ticket is unknown or used; call apps.connections.open again.")
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse(heartbeat=15)
        await connection.prepare(request)
        self._open.append(connection)
        try:
            await connection.send_json(
                {
                    "type": "hello",
                    "num_connections": len(self._open),
                    "connection_info": {"app_id": self._app_id},
                    "debug_info": {"host": "playground", "approximate_connection_time": 18060},
                }
            )
            async for message in connection:
                if message.type is WSMsgType.TEXT:
                    self._acknowledge(message.data)
        finally:
            self._open.remove(connection)
        return connection

    def _acknowledge(self, text: str) -> None:
        try:
            body = json.loads(text)
        except ValueError:
            return  # slack.com ignores what is no JSON, as the SDK's own pings
        waiting = self._waiting.get(str(body.get("envelope_id"))) if isinstance(body, dict) else None
        if waiting and not waiting.done():
            waiting.set_result(body.get("payload"))
