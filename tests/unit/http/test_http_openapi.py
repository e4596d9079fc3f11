"""The API's own description: good enough to generate a client from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_world import Api


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough here."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def described(api: Api) -> dict[str, Any]:
    return api.app.openapi()


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_operation_has_an_id_of_its_own_tags_and_words(described: dict[str, Any]) -> None:
    found = dict(operations(described))
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)
    assert set(ids) >= {"deploy", "approve", "reject", "stop", "retry", "rollBack", "listReleases", "followRelease"}
    known = {tag["name"] for tag in described["tags"]}
    for name, operation in found.items():
        assert operation["operationId"].isidentifier(), name
        assert operation["tags"], name
        assert set(operation["tags"]) <= known, name
        assert operation["summary"], name
        assert operation["description"], name


def test_every_good_answer_has_a_type(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        good = {status: answer for status, answer in operation["responses"].items() if status in {"200", "202"}}
        assert good, name
        for answer in good.values():
            for content in answer["content"].values():
                schema = content["schema"]
                assert "$ref" in schema or schema.get("anyOf"), name


def test_every_operation_that_needs_a_token_says_what_goes_wrong(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        if operation["tags"] == ["health"]:
            continue
        assert operation["security"] == [{"token": []}], name
        assert {"401", "422", "500"} <= set(operation["responses"]), name
        for status, answer in operation["responses"].items():
            if status >= "4":
                ((media, content),) = answer["content"].items()
                assert media == "application/problem+json", (name, status)
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, (name, status)
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    def walk(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for value in part.values():
                yield from walk(value)
        elif isinstance(part, list):
            for value in part:
                yield from walk(value)

    references = set(walk(described))
    assert references
    for reference in references:
        found: Any = described
        for step in reference.removeprefix("#/").split("/"):
            assert step in found, reference
            found = found[step]


def test_what_changes_something_takes_an_idempotency_key(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        if name.startswith("post "):
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert "Idempotency-Key" in names, name
            assert "Idempotency-Key" in operation["responses"]["202"]["headers"], name


async def test_the_description_is_served_and_old_frameworks_shapes_are_not_in_it(api: Api) -> None:
    body = (await api.by(None).get("/api/openapi.json")).json()
    assert body["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in body["components"]["schemas"]
