"""The playground's web server: the Web API, the addresses it hands out, the control API and the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.core.errors import BadInput
from integrations.playground.answers import serve_response_url
from integrations.playground.config import PlaygroundConfig
from integrations.playground.control import control_router
from integrations.playground.echo.control import directive_router
from integrations.playground.methods.files import receive_bytes
from integrations.playground.outcome import NotPossible
from integrations.playground.playground import Playground
from integrations.playground.web_api import serve_method

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class SafetyHeaders:
    """Adds the headers that keep pages harmless; plain ASGI, so that streams and cut connections stay themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; add to the head of each answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def create_playground(config: PlaygroundConfig) -> FastAPI:
    """Build the server; `app.state.playground` gives its parts.

    Run it with one worker, bound to loopback. Open pages hold a connection each: give uvicorn a
    `timeout_graceful_shutdown` of a second, or call `app.state.playground.feed.end()` before stopping it.
    """
    playground = Playground(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with playground.open():
            yield

    app = FastAPI(title="Sayso playground", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.playground = playground
    app.include_router(control_router(playground))
    app.include_router(directive_router(playground))

    app.add_middleware(SafetyHeaders)

    @app.exception_handler(NotPossible)
    async def not_possible(_: Request, error: NotPossible) -> JSONResponse:
        body = {"ok": False, "outcome": error.code, "error": error.code, "notice": error.sentence}
        return JSONResponse(body, 409)

    @app.exception_handler(BadInput)
    async def bad_input(_: Request, error: BadInput) -> JSONResponse:
        return JSONResponse({"ok": False, "outcome": "bad_input", "error": "bad_input", "notice": str(error)}, 400)

    @app.api_route("/api/{method}", methods=["GET", "POST"])
    async def web_api(method: str, request: Request) -> Response:
        return await serve_method(playground, method, request)

    @app.post("/response/{key}")
    async def response_url(key: str, request: Request) -> Response:
        return await serve_response_url(playground, key, request)

    @app.post("/upload/{file_id}")
    async def upload(file_id: str, request: Request) -> Response:
        wrong = receive_bytes(playground, file_id, await request.body())
        return PlainTextResponse(wrong, 400) if wrong else PlainTextResponse("OK")

    @app.get("/")
    @app.get("/archives/{channel}/{ts}")
    async def page() -> Response:
        return _asset("index.html")

    @app.get("/page/{name}")
    async def asset(name: str) -> Response:
        return _asset(name)

    return app


def _asset(name: str) -> Response:
    folder = files("integrations.playground") / "page"
    known = {entry.name: entry for entry in folder.iterdir() if entry.is_file()}
    if name not in known:
        return PlainTextResponse("There is no such page.", 404)
    kind = TYPES.get(name[name.rfind(".") :], "application/octet-stream")
    return Response(known[name].read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})
