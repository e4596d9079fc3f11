"""The baseline of `voice`: a skill of one line on Amazon's SDK, behind the same door and verifier as Sayso's."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from ask_sdk_core.dispatch_components import AbstractRequestHandler
from ask_sdk_core.handler_input import HandlerInput
from ask_sdk_core.skill_builder import SkillBuilder
from ask_sdk_model import RequestEnvelope, Response
from fastapi import FastAPI

from bot.http.alexa import Dispatch, Envelope, alexa_router
from skills.release_desk.opening import open_verifier


class Only(AbstractRequestHandler):  # type: ignore[misc]
    """Answers every request with the same sentence."""

    def can_handle(self, handler_input: HandlerInput) -> bool:
        return True

    def handle(self, handler_input: HandlerInput) -> Response:
        return handler_input.response_builder.speak("Nothing is under way.").response


def skill() -> Dispatch:
    """Build it."""
    builder = SkillBuilder()
    builder.add_request_handler(Only())
    built = builder.create()

    def invoke(body: str) -> Envelope:
        request = built.serializer.deserialize(body, RequestEnvelope)
        answered: Envelope = built.serializer.serialize(built.invoke(request, None))
        return answered

    async def dispatch(envelope: Envelope) -> Envelope:
        return await asyncio.to_thread(invoke, json.dumps(envelope))

    return dispatch


async def serve(port: int, roots: str) -> None:
    """Serve it until the process is ended; the settings are those of the server beside it."""
    host, _, store = os.environ["ALEXA_CHAIN_STORE"].partition(":")
    api = FastAPI()
    async with open_verifier(
        [os.environ["ALEXA_SKILL_ID"]], lambda: datetime.now(UTC), roots_pem=roots, store=(host, int(store))
    ) as verifier:
        api.include_router(alexa_router(verifier, skill()))
        await uvicorn.Server(uvicorn.Config(api, port=port, log_config=None, access_log=False)).serve()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(os.environ["ALEXA_TRUST_ROOTS"]).read_text(encoding="ascii")))
