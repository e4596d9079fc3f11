"""Puts the backends' own HTTP apps next to the bot's."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.routing import Mount, Route
from starlette.types import ASGIApp


def add_doors(api: FastAPI, doors: Mapping[str, ASGIApp]) -> None:
    """Have each app answer at its path, as `/aws`, and below; without a redirect, which no signed request survives."""
    for path, app in doors.items():
        api.router.routes += [Route(path, app, include_in_schema=False), Mount(path, app)]
