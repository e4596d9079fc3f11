"""The Echo's part of the control API, and the address where Alexa takes a skill's progressive responses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from bot.core.model import Frozen
from integrations.playground.config import Persona
from integrations.playground.echo.household import PAGE, Household
from integrations.playground.echo.replies import InvalidReply, spoken
from integrations.playground.outcome import NotPossible
from integrations.playground.playground import Playground


class Spoken(Frozen):
    """Something that a person says to an Echo; without `text` they stay silent."""

    persona: str = ""
    """Their id or their handle; empty: the first one's."""
    text: str = Field(default="", max_length=2000)
    echo: str = Field(default=PAGE, pattern=r"^[a-z0-9-]{1,40}$")
    """Which one; each has a session of its own."""
    locale: str = "en-US"
    recognised: bool = True
    """Whether Alexa knows the voice."""
    screen: bool = True


class Progress(BaseModel):
    """A progressive response (ASK, "Send the User a Progressive Response")."""

    header: dict[str, Any]
    directive: dict[str, Any]


def add_echo(router: APIRouter, playground: Playground) -> None:
    """Add to the control API what is said to an Echo."""

    @router.post("/echo")
    async def echo(body: Spoken, request: Request) -> dict[str, Any]:
        """Say something to the Echo; gives the turn: `speech`, `asks`, `open`, `card`, `screen`, `problem` and more."""
        household, who = _household(playground), _person(playground, body.persona)
        turn = await household.say(
            who,
            body.text.strip(),
            echo=body.echo,
            locale=body.locale,
            recognised=body.recognised,
            screen=body.screen,
            base_url=str(request.base_url),
        )
        return turn | {"name": who.name, "pin": household.config.pin}


def directive_router(playground: Playground) -> APIRouter:
    """Build the route for progressive responses; a token that is no Echo's is answered 401."""
    router = APIRouter()

    @router.post("/v1/directives")
    async def directives(body: Progress, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        household = playground.household
        if household is None or not household.knows(token):
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        try:
            speech = spoken({"type": "SSML", "ssml": body.directive.get("speech", "")})[1]
        except InvalidReply as error:
            return Response(str(error), HTTPStatus.BAD_REQUEST)
        said = household.progress(token, str(body.header.get("requestId", "")), speech)
        return Response(status_code=HTTPStatus.NO_CONTENT if said else HTTPStatus.NOT_FOUND)

    return router


def _household(playground: Playground) -> Household:
    if playground.household is None:
        raise NotPossible(
            "no_echo", "There is no Echo here: start both with ALEXA_SKILL_ID, ALEXA_TRUST_ROOTS and ALEXA_CHAIN_STORE."
        )
    return playground.household


def _person(playground: Playground, named: str) -> Persona:
    for persona in playground.workspace.people.values():
        if named in {"", persona.id, persona.name}:
            return persona
    everybody = ", ".join(persona.name for persona in playground.workspace.people.values())
    raise NotPossible("no_such_person", f"Nobody here is called {named}; there are {everybody}.")
