"""Puts the HTTP server together from its routers; everything it needs is an argument."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from bot.catalogue import Catalogue
from bot.core.shapes import Problem
from bot.desk import Desk
from bot.http import problems
from bot.http.acts import acts_router
from bot.http.health import Check, health_router
from bot.http.holds import holds_router
from bot.http.limits import BoundedBody
from bot.http.releases import releases_router
from bot.http.services import services_router
from bot.http.stream import Rhythm, stream_router
from bot.http.tokens import Tokens
from bot.http.voices import voices_router
from bot.signals import Signal
from bot.store.database import Database

_ABOUT = (
    "Ask for releases and follow them. Every change goes through the same rules as in chat, in the name of the person "
    "whose token is sent. A change answers 202 once it is recorded: it will be carried out even if the server restarts."
)
_TAGS = [
    {"name": "releases", "description": "Ship, follow, decide, stop, retry, roll back."},
    {"name": "services", "description": "What there is to release, and what runs where."},
    {"name": "voices", "description": "Whose voice may speak for you."},
    {"name": "health", "description": "For whoever supervises the server."},
]


def create_api(
    *,
    desk: Desk,
    database: Database,
    changed: Signal,
    catalogue: Catalogue,
    tokens: Tokens,
    version: str,
    checks: Mapping[str, Check],
    routers: Iterable[APIRouter] = (),
    rhythm: Rhythm | None = None,
) -> FastAPI:
    """Make the app. `changed` fires with a release's id; `routers` are the other surfaces' doors.

    Who runs it sets `app.state.leaving` (an `asyncio.Event`) when the server is to end, so that streams end too.
    """
    api = FastAPI(
        title="Sayso",
        version=version,
        description=_ABOUT,
        openapi_tags=_TAGS,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    leaving = asyncio.Event()
    api.state.tokens = tokens
    api.state.leaving = leaving
    problems.install(api)
    api.add_middleware(BoundedBody, prefix="/api/")
    api.include_router(health_router(checks, version))
    api.include_router(releases_router(desk, database))
    api.include_router(acts_router(desk))
    api.include_router(stream_router(database, changed, leaving, rhythm or Rhythm()))
    api.include_router(services_router(desk, catalogue))
    api.include_router(holds_router(desk, database))
    api.include_router(voices_router(desk))
    for router in routers:
        api.include_router(router)
    _describe(api)
    return api


def _describe(api: FastAPI) -> None:
    """Add to the API's description the shape of problems, which FastAPI can't see."""

    def openapi() -> dict[str, Any]:
        if not api.openapi_schema:
            found = get_openapi(
                title=api.title,
                version=api.version,
                description=api.description,
                tags=api.openapi_tags,
                routes=api.routes,
            )
            shape = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            schemas |= shape.pop("$defs", {}) | {"Problem": shape}
            api.openapi_schema = found
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents for this
