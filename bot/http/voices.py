"""The API's operations about a person's own voices: pair, list, unpair."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from bot.core.commands import Command, Verb, Voices
from bot.core.model import Actor, Frozen
from bot.desk import Desk
from bot.http.problems import responses
from bot.http.requests import new_key
from bot.http.tokens import Person


class PairRequest(Frozen):
    """Let a voice speak for you."""

    code: Annotated[str, Field(max_length=20, examples=["123 456"])]
    """What the skill said, however it is grouped."""


def voices_router(desk: Desk) -> APIRouter:
    """Give the operations at `/api/v1/voices`."""
    router = APIRouter(prefix="/api/v1/voices", tags=["voices"])

    async def answer(actor: Actor, command: Command) -> Voices:
        found = await desk.do(actor, command, new_key())
        assert isinstance(found, Voices), f"the desk answered {found.kind}"
        return found

    @router.get("", operation_id="listVoices", responses=responses())
    async def list_voices(actor: Person) -> Voices:
        """List the voices that speak for you."""
        return await answer(actor, Command(verb=Verb.VOICES))

    @router.post("", operation_id="pairVoice", responses=responses(HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN))
    async def pair(actor: Person, body: PairRequest) -> Voices:
        """Let the voice that was told this code speak for you. Five wrong codes in a row lock you for 15 minutes."""
        return await answer(actor, Command(verb=Verb.PAIR, code=body.code))

    @router.delete("", operation_id="unpairVoices", responses=responses())
    async def unpair(actor: Person) -> Voices:
        """Let no voice speak for you any more; the answer lists which did."""
        return await answer(actor, Command(verb=Verb.UNPAIR))

    return router
