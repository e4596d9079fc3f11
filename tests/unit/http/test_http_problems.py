"""Every error of the API: who may ask, and one shape for all that can't be done."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.core.errors import (
    BackendError,
    BackendUnavailable,
    BadFile,
    BadInput,
    Conflict,
    Misconfigured,
    Mistake,
    NotFound,
    NotUnderstood,
    Refused,
    RunNotFound,
    SaysoError,
    Unauthenticated,
)
from bot.http import Tokens
from bot.http.problems import of_error
from bot.settings import ApiToken
from tests.support.desk_world import World, open_world
from tests.support.http_world import TOKENS, Api, open_api

RELEASES = "/api/v1/releases"
JSON = "application/problem+json"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough here."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong-wrong-wrong-wrong",
        f"Basic {TOKENS['ana']}",
        f"Bearer {TOKENS['ana']}x",
        f"Bearer {TOKENS['ana'][:-1]}",
        f"Bearer {TOKENS['ana'].upper()}",
    ],
)
async def test_whoever_does_not_prove_who_they_are_is_told_how(api: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await api.by(None).get(RELEASES, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="sayso"'
    assert answer.headers["content-type"] == JSON
    assert answer.json()["type"] == "urn:sayso:problem:unauthenticated"


async def test_a_token_that_is_not_text_is_refused(api: Api) -> None:
    answer = await api.by(None).get(RELEASES, headers={b"Authorization": b"Bearer \xff\xfe\xfd" * 3})
    assert answer.status_code == 401


async def test_every_operation_but_health_asks_for_a_token(api: Api) -> None:
    for path, operations in api.app.openapi()["paths"].items():
        for method in operations:
            answer = await api.by(None).request(method, path.replace("{release_id}", "id1"), json={})
            expected = 200 if path in {"/healthz", "/readyz"} else 401
            assert answer.status_code == expected, (method, path)


def test_a_token_of_somebody_unknown_is_a_mistake_in_the_settings() -> None:
    token = ApiToken.model_validate({"person": "eve", "token": "x" * 20})
    with pytest.raises(Misconfigured, match=r"names eve, who is not among the people in sayso\.toml"):
        Tokens([token], {"ana": "Ana"})


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (Unauthenticated(), 401, "unauthenticated"),
        (Refused("services.shop", "No."), 403, "refused"),
        (NotFound(), 404, "not-found"),
        (RunNotFound(), 404, "run-not-found"),
        (Conflict(), 409, "conflict"),
        (BadInput(), 400, "bad-input"),
        (NotUnderstood(), 400, "not-understood"),
        (BadFile([Mistake("a", "b", "c")]), 400, "bad-file"),
        (BackendUnavailable(), 503, "backend-unavailable"),
        (BackendError(), 502, "backend-error"),
    ],
)
def test_every_error_has_its_status(error: SaysoError, status: int, kind: str) -> None:
    problem = of_error(error)
    assert problem is not None
    assert (problem.status, problem.type) == (status, f"urn:sayso:problem:{kind}")
    assert problem.detail == error.sentence


def test_an_error_that_no_caller_can_help_is_no_problem_of_theirs() -> None:
    assert of_error(Misconfigured("secret path")) is None


async def test_a_refusal_names_rule_reason_and_who_can_help(api: Api) -> None:
    answer = await api.by("dee").post(RELEASES, json={"service": "shop", "environment": "prod"})
    assert answer.status_code == 403
    body = answer.json()
    assert body["rule"] == "services.shop.environments.prod.deployers"
    assert body["title"] == "That is not allowed."
    assert "Ana, Ben or Chi" in body["fix"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "body"),
        (b"{", "body.1"),
        (b"[]", "body"),
        (b'{"service": "shop"}', "body.environment"),
        (b'{"service": "shop", "environment": "prod", "nonsense": 1}', "body.nonsense"),
        (b'{"service": 7, "environment": "prod"}', "body.service"),
        (b'{"service": "shop", "environment": "prod", "reason": "' + b"x" * 501 + b'"}', "body.reason"),
        (b'\xff\xfe{"service": 1}', "body.0"),
    ],
)
async def test_a_body_that_is_not_right_is_said_with_its_place(api: Api, body: bytes, place: str) -> None:
    answer = await api.by("ana").post(RELEASES, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == JSON
    if answer.status_code == 422:
        assert answer.json()["mistakes"][0]["place"] == place


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=nonsense",
        "cursor=%00",
        "number=0",
        "number=99999999999",
        "status=well",
    ],
)
async def test_a_query_that_is_not_right_is_a_problem(api: Api, query: str) -> None:
    answer = await api.by("ana").get(f"{RELEASES}?{query}")
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == JSON


async def test_a_body_may_not_be_large(api: Api) -> None:
    large = b'{"service": "' + b"x" * 1_000_000 + b'"}'
    told = await api.by("ana").post(RELEASES, content=large)
    assert told.status_code == 413
    assert told.headers["content-type"] == JSON

    async def without_length() -> object:  # httpx sends it in chunks then
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    chunked = await api.by("ana").post(RELEASES, content=without_length())  # type: ignore[arg-type]
    assert chunked.status_code == 413
    assert chunked.headers["content-type"] == JSON


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("DELETE", RELEASES, 405),
        ("GET", f"{RELEASES}/unknown", 404),
        ("POST", f"{RELEASES}/unknown/approve", 404),
        ("GET", f"{RELEASES}/unknown/events", 404),
        ("GET", f"{RELEASES}/{'x' * 41}", 422),
    ],
)
async def test_what_is_not_there_is_a_problem_too(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.by("ana").request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == JSON
    assert set(answer.json()) >= {"type", "title", "status", "detail"}


async def test_an_unexpected_error_is_an_incident_without_internals(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    await api.world.database.engine.dispose()
    api.world.backend.failing.append(RuntimeError("the password is hunter2"))

    @api.app.get("/api/v1/broken")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    with caplog.at_level(logging.ERROR):
        answer = await api.by("ana").get("/api/v1/broken")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    number = answer.json()["incident"]
    (record,) = [record for record in caplog.records if number in record.getMessage()]
    assert record.exc_info is not None


async def test_health_says_which_part_does_not_work(database: object) -> None:
    async def broken() -> str | None:
        return "the watcher has ended"

    async def well() -> str | None:
        return None

    async with open_world(database) as world:  # type: ignore[arg-type]
        await _ready(world, {"database": well}, 200, {"database": "ok"})
        checks = {"database": well, "watcher": broken}
        await _ready(world, checks, 503, {"database": "ok", "watcher": "the watcher has ended"})


async def _ready(world: World, checks: Mapping[str, object], status: int, told: dict[str, str]) -> None:
    async with open_api(world, **checks) as api:  # type: ignore[arg-type]
        assert (await api.by(None).get("/healthz")).json() == {"status": "alive", "version": "1.2.3"}
        answer = await api.by(None).get("/readyz")
        assert answer.status_code == status
        assert answer.json() == {"ready": status == 200, "version": "1.2.3", "checks": told}
