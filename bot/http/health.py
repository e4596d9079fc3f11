"""Whether this server lives, and whether it is ready to work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response

from bot.core.model import Frozen
from bot.core.wording import say

Check = Callable[[], Awaitable[str | None]]
"""Gives why something is not ready, as half a sentence, or None if it is."""

_SECONDS = 3.0


class Alive(Frozen):
    """The process answers."""

    status: Literal["alive"] = "alive"
    version: str


class Readiness(Frozen):
    """Whether every part works."""

    ready: bool
    version: str
    checks: dict[str, str]
    """By part: `ok`, or why not."""


def health_router(checks: Mapping[str, Check], version: str) -> APIRouter:
    """Give the operations for whoever supervises this server; they need no token and tell no secrets."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", operation_id="alive")
    async def alive() -> Alive:
        """Answer as long as the process lives."""
        return Alive(version=version)

    @router.get(
        "/readyz",
        operation_id="ready",
        responses={HTTPStatus.SERVICE_UNAVAILABLE.value: {"model": Readiness, "description": "A part does not work."}},
    )
    async def ready(response: Response) -> Readiness:
        """Ask every part whether it works."""
        reasons = await asyncio.gather(*map(_ask, checks.values()))
        if any(reasons):
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        found = {name: reason or "ok" for name, reason in zip(checks, reasons, strict=True)}
        return Readiness(ready=not any(reasons), version=version, checks=found)

    return router


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(_SECONDS):
            return await check()
    except TimeoutError:
        return say("http.no_answer", n=_SECONDS)
