from __future__ import annotations

import asyncio
from typing import Any

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from .serving import Town, town

CHANNEL = "C01RELEASES"


async def in_thread(function: Any, *args: Any, **more: Any) -> Any:
    return await asyncio.to_thread(function, *args, **more)


async def test_a_bot_without_an_address_is_served_over_its_websocket() -> None:
    with town(app_token="xapp-playground") as place:
        app = AsyncApp(client=place.client())
        handler = AsyncSocketModeHandler(app, "xapp-playground", web_client=place.client("xapp-playground"))

        @app.command("/deploy")
        async def deploy(ack: Any) -> None:
            await ack("Over the socket.")

        @app.event("app_mention")
        async def mentioned(say: Any) -> None:
            await say("heard")

        await handler.connect_async()  # type: ignore[no-untyped-call]
        try:
            await serve(place)
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]


async def serve(place: Town) -> None:
    await in_thread(place.wait_for, lambda: place.get("state")["socket_mode"], "a connection")
    answer = await in_thread(place.post, "say", persona="U01ANA", channel=CHANNEL, text="/deploy x")
    assert answer["ephemeral"]["text"] == "Over the socket."
    assert place.get("ledger")["deliveries"][-1]["transport"] == "socket"
    await in_thread(place.post, "say", persona="U01ANA", channel=CHANNEL, text="@sayso hello")
    await in_thread(place.wait_for, lambda: any(one["text"] == "heard" for one in place.messages()), "an answer")
