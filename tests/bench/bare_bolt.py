"""The baseline of `acks`: a bare Bolt app with an empty listener, served as Sayso is; its port is the argument."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request, Response
from slack_bolt.adapter.fastapi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from tests.support.programs import SLACK


async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    """Know the one workspace, without asking anybody."""
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=SLACK["SLACK_BOT_TOKEN"])


def app() -> FastAPI:
    """Build it."""
    bolt = AsyncApp(signing_secret=SLACK["SLACK_SIGNING_SECRET"], authorize=authorize)

    async def empty(ack: object) -> None:
        assert callable(ack)
        await ack()

    bolt.command("/deploy")(empty)
    handler, api = AsyncSlackRequestHandler(bolt), FastAPI()

    @api.post("/slack/events")
    async def events(request: Request) -> Response:
        return await handler.handle(request)

    return api


if __name__ == "__main__":
    uvicorn.run(app(), host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False)
