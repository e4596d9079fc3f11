"""The API's held environments: close the way into one, open it again, and see who did so."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from bot.core.commands import Command, Held, Verb
from bot.core.model import Actor
from bot.core.shapes import HoldPage, HoldRecord
from bot.desk import Desk
from bot.http.problems import responses
from bot.http.requests import HoldRequest, Key, changes
from bot.http.tokens import Person
from bot.store import holds
from bot.store.database import Database

Name = Annotated[str, Path(max_length=100)]


def holds_router(desk: Desk, database: Database) -> APIRouter:
    """Give the operations on the way into an environment."""
    router = APIRouter(prefix="/api/v1", tags=["services"])

    async def change(actor: Actor, key: str, wish: Command) -> Held:
        answer = await desk.do(actor, wish, key)
        assert isinstance(answer, Held), f"the desk answered {answer.kind}"
        return answer

    place = "/services/{service}/environments/{environment}"

    @router.post(f"{place}/hold", operation_id="hold", **changes())
    async def hold(actor: Person, key: Key, service: Name, environment: Name, body: HoldRequest | None = None) -> Held:
        """Close the way into an environment: what comes waits before it. `hold.done`: its pipeline has taken that."""
        reason = body.reason if body else ""
        wish = Command(verb=Verb.HOLD, service=service, environment=environment, reason=reason)
        return await change(actor, key, wish)

    @router.post(f"{place}/unhold", operation_id="unhold", **changes())
    async def unhold(
        actor: Person, key: Key, service: Name, environment: Name, body: HoldRequest | None = None
    ) -> Held:
        """Open the way into an environment again."""
        reason = body.reason if body else ""
        wish = Command(verb=Verb.UNHOLD, service=service, environment=environment, reason=reason)
        return await change(actor, key, wish)

    @router.get("/holds", operation_id="listHolds", responses=responses(HTTPStatus.BAD_REQUEST))
    async def list_holds(
        _actor: Person,
        service: Annotated[str | None, Query(max_length=100)] = None,
        environment: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> HoldPage:
        """List who held and opened what, when and why, newest first. What is held now is in `/deployments`."""
        async with database.read() as c:
            found = await holds.past(c, service, environment, limit)
        return HoldPage(
            holds=tuple(HoldRecord(service=each.service, hold=each.hold, refused=each.refused) for each in found)
        )

    return router
