"""The API's releases: list, show, and ask for a new one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from bot.core.commands import Accepted, Command, Offered, Verb
from bot.core.errors import BadInput
from bot.core.model import Release, Status
from bot.core.shapes import ReleasePage
from bot.core.wording import say
from bot.desk import Desk
from bot.http.listing import ReleaseFilter, page
from bot.http.problems import responses
from bot.http.requests import DeployRequest, Key, ReleaseId, accepted, changes
from bot.http.tokens import Person
from bot.store.database import Database

LARGEST_PAGE = 100


def releases_router(desk: Desk, database: Database) -> APIRouter:
    """Give the operations under `/api/v1/releases`."""
    router = APIRouter(prefix="/api/v1/releases", tags=["releases"])

    @router.get("", operation_id="listReleases", responses=responses(HTTPStatus.BAD_REQUEST))
    async def list_releases(
        _actor: Person,
        which: Annotated[ReleaseFilter, Depends(_filter)],
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 20,
    ) -> ReleasePage:
        """List releases, newest first."""
        async with database.read() as connection:
            return await page(connection, which, cursor, limit)

    deployed = changes()
    deployed["responses"][HTTPStatus.OK.value] = {
        "model": Offered,
        "description": "Nothing was started: a run already waits before this environment. Ask again with its `run_id` "
        "and `gate` to ship exactly that one, or with `fresh` to start another.",
    }

    @router.post("", operation_id="deploy", response_model=Accepted, **deployed)
    async def deploy(actor: Person, key: Key, body: DeployRequest, response: Response) -> Accepted | Response:
        """Ship a service to an environment."""
        if (body.run_id is None) != (body.gate is None):
            raise BadInput(say("http.gate_without_run"))
        verb = Verb.PROMOTE if body.run_id else Verb.DEPLOY
        answer = await desk.do(actor, Command(verb=verb, **body.model_dump()), key)
        if isinstance(answer, Offered):
            headers = {"Idempotency-Key": response.headers["Idempotency-Key"]}
            return Response(answer.model_dump_json(), HTTPStatus.OK, headers, "application/json")
        return accepted(answer)

    @router.get("/{release_id}", operation_id="showRelease", responses=responses(HTTPStatus.NOT_FOUND))
    async def show_release(_actor: Person, release_id: ReleaseId) -> Release:
        """Show one release with its run."""
        return await desk.release(release_id)

    return router


def _filter(  # a function, because FastAPI reads a model as query parameters only when it stands alone
    service: Annotated[str | None, Query(max_length=100)] = None,
    environment: Annotated[str | None, Query(max_length=100)] = None,
    number: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    active: Annotated[bool | None, Query(description="Only those under way, or only finished ones.")] = None,
    status: Annotated[Status | None, Query()] = None,
) -> ReleaseFilter:
    return ReleaseFilter(service=service, environment=environment, number=number, active=active, status=status)
