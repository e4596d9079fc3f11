"""Every error of the API in one shape: RFC 9457 problem details, with Sayso's sentence, fix and rule."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bot.core.errors import (
    BackendError,
    BackendUnavailable,
    BadFile,
    BadInput,
    Conflict,
    NotFound,
    Refused,
    RunNotFound,
    SaysoError,
    Unauthenticated,
)
from bot.core.shapes import Problem, ProblemMistake
from bot.core.wording import say
from bot.incidents import incident

LOG = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# The nearest class of an error's ancestors counts, so a new subclass has a status from its first day.
_STATUS: dict[type[SaysoError], HTTPStatus] = {
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Refused: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    RunNotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    BadInput: HTTPStatus.BAD_REQUEST,
    BackendUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    BackendError: HTTPStatus.BAD_GATEWAY,
}


def of_error(error: SaysoError) -> Problem | None:
    """Say an error as a problem; None for one that no caller can help, which is an incident."""
    kind = next((each for each in type(error).__mro__ if each in _STATUS), None)
    if kind is None:
        return None
    return Problem(
        type=f"urn:sayso:problem:{_kebab(type(error).__name__)}",
        title=(type(error).__doc__ or "").strip().splitlines()[0],
        status=_STATUS[kind],
        detail=error.sentence,
        fix=error.fix,
        rule=error.rule if isinstance(error, Refused) else None,
        mistakes=tuple(
            ProblemMistake(place=mistake.place, problem=mistake.problem, fix=mistake.fix)
            for mistake in (error.mistakes if isinstance(error, BadFile) else ())
        ),
    )


def _kebab(name: str) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).strip("-")


def plain(status: HTTPStatus, detail: str, **more: Any) -> Problem:
    """Give a problem that is about the request itself rather than about a release."""
    kind = status.phrase.lower().replace(" ", "-")
    return Problem(type=f"urn:sayso:problem:{kind}", title=status.phrase, status=status, detail=detail, **more)


def answer(problem: Problem) -> JSONResponse:
    """Make the response."""
    headers = {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="sayso"'
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    return JSONResponse(problem.model_dump(exclude_none=True, mode="json"), problem.status, headers, MEDIA_TYPE)


def responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Document problem answers of an operation; every one may also be unauthenticated, invalid or an incident."""
    always = (HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.INTERNAL_SERVER_ERROR)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status.value: {"description": status.phrase, "content": content} for status in sorted({*always, *statuses})}


def install(api: FastAPI) -> None:
    """Let every error of this app answer as a problem."""

    def unexpected(request: Request, error: Exception) -> JSONResponse:
        number = incident(LOG, f"{request.method} {request.url.path}", error)
        detail = say("http.unexpected", incident=number)
        return answer(plain(HTTPStatus.INTERNAL_SERVER_ERROR, detail, incident=number))

    async def on_error(request: Request, error: Exception) -> JSONResponse:
        problem = of_error(error) if isinstance(error, SaysoError) else None
        return answer(problem) if problem else unexpected(request, error)

    async def on_invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        mistakes = tuple(
            ProblemMistake(place=".".join(map(str, each["loc"])), problem=str(each["msg"])) for each in error.errors()
        )
        detail = say("http.not_valid", mistakes="; ".join(f"{each.place}: {each.problem}" for each in mistakes))
        return answer(plain(HTTPStatus.UNPROCESSABLE_ENTITY, detail, mistakes=mistakes))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        own = {
            HTTPStatus.NOT_FOUND: say("http.no_page"),
            HTTPStatus.METHOD_NOT_ALLOWED: say("http.no_method", method=request.method),
        }
        response = answer(plain(status, own.get(status, str(error.detail))))
        response.headers.update(error.headers or {})
        return response

    api.add_exception_handler(SaysoError, on_error)
    api.add_exception_handler(Exception, on_error)
    api.add_exception_handler(RequestValidationError, on_invalid)
    api.add_exception_handler(HTTPException, on_http)
