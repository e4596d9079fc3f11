"""The API's operations about a person's own voices: pair, list, unpair."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from bot.core.commands import Command, Verb, Voices
from bot.core.model import Actor, Frozen
from bot.desk import Desk
from bot.http.problems import responses
from bot.http.requests import Key, changes, new_key
from bot.http.tokens import Person


class PairRequest(Frozen):
    """Let a voice speak for you."""

    code: Annotated[str, Field(max_length=20, examples=["123 456"])]
    """What the skill said, however it is grouped."""


def voices_router(desk: Desk) -> APIRouter:
    """Give the operations at `/api/v1/voices`."""
    router = APIRouter(prefix="/api/v1/voices", tags=["voices"])

    async def answer(actor: Actor, command: Command, key: str) -> Voices:
        found = await desk.do(actor, command, key)
        assert isinstance(found, Voices), f"the desk answered {found.kind}"
        return found

    @router.get("", operation_id="listVoices", responses=responses())
    async def list_voices(actor: Person) -> Voices:
        """List the voices that speak for you."""
        return await answer(actor, Command(verb=Verb.VOICES), new_key())

    @router.post("", operation_id="pairVoice", **changes())
    async def pair(actor: Person, key: Key, body: PairRequest) -> Voices:
        """Let the voice that was told this code speak for you. Five wrong codes in a row lock you for 15 minutes."""
        return await answer(actor, Command(verb=Verb.PAIR, code=body.code), key)

    @router.delete("", operation_id="unpairVoices", **changes())
    async def unpair(actor: Person, key: Key) -> Voices:
        """Let no voice speak for you any more; the answer lists which did."""
        return await answer(actor, Command(verb=Verb.UNPAIR), key)

    return router
