"""What the API tells of the catalogue: services with their names, what runs where, and what waits for me."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from bot.catalogue import Catalogue
from bot.core.commands import Command, Deployments, Releases, Verb
from bot.core.shapes import EnvironmentInfo, ServiceInfo, Services
from bot.desk import Desk
from bot.http.problems import responses
from bot.http.requests import new_key
from bot.http.tokens import Person


def services_router(desk: Desk, catalogue: Catalogue) -> APIRouter:
    """Give the operations that read the catalogue and its places."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/services", operation_id="listServices", tags=["services"], responses=responses())
    async def list_services(_actor: Person) -> Services:
        """List services and environments with their names."""
        listed = tuple(
            ServiceInfo(
                key=key,
                title=service.title,
                aliases=service.aliases,
                environments=tuple(
                    EnvironmentInfo(
                        key=name,
                        title=place.title,
                        aliases=place.aliases,
                        production=place.production,
                        stage=place.stage,
                    )
                    for name, place in service.environments.items()
                ),
            )
            for key, service in catalogue.services.items()
        )
        return Services(services=listed, people={key: person.name for key, person in catalogue.people.items()})

    @router.get(
        "/deployments", operation_id="listDeployments", tags=["services"], responses=responses(HTTPStatus.NOT_FOUND)
    )
    async def list_deployments(
        actor: Person,
        service: Annotated[str | None, Query(max_length=100)] = None,
        environment: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Deployments:
        """Tell what runs where."""
        if service is not None:
            catalogue.service(service)
            if environment is not None:
                catalogue.environment(service, environment)
        answer = await desk.do(actor, Command(verb=Verb.WHERE, service=service, environment=environment), new_key())
        assert isinstance(answer, Deployments), f"the desk answered {answer.kind}"
        return answer

    @router.get("/inbox", operation_id="showInbox", tags=["releases"], responses=responses())
    async def show_inbox(actor: Person) -> Releases:
        """List what is under way, and which of it waits for you."""
        return await desk.inbox(actor)

    return router
