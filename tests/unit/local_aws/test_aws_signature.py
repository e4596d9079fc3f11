"""Whose request is it? Every way in which a signature can be wrong, and the bounds of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from integrations.local.aws.endpoint import MOST_BYTES, Endpoint, Service, load_model
from integrations.local.aws.signature import Verifier
from tests.unit.local_aws.signing import KEY_ID, SECRET, Call, code

MODEL = load_model("codepipeline")


def client(ahead: timedelta = timedelta()) -> httpx.AsyncClient:
    async def stages(given: Mapping[str, Any]) -> dict[str, Any]:
        return {"pipelineName": given["name"], "created": datetime(2026, 1, 31, 12, 0, 0, 125_000, UTC)}

    async def delete(_: Mapping[str, Any]) -> None:
        raise AssertionError("nobody may delete anything here")

    verifier = Verifier(KEY_ID, SecretStr(SECRET), lambda: datetime.now(UTC) + ahead)
    operations = {"GetPipelineState": stages, "DeletePipeline": delete}
    endpoint = Endpoint([Service(MODEL, operations)], verifier, checked=True)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=endpoint))


GET = Call("GetPipelineState", {"name": "shop"})


async def test_a_signed_request_is_answered_as_aws_does() -> None:
    async with client() as http:
        answer = await http.send(GET.signed())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-requestid"]
    assert answer.content == b'{"pipelineName":"shop","created":1769860800.125}'


def without(name: str) -> Callable[[httpx.Request], None]:
    def change(request: httpx.Request) -> None:
        del request.headers[name]

    return change


def with_header(name: str, value: str) -> Callable[[httpx.Request], None]:
    def change(request: httpx.Request) -> None:
        request.headers[name] = value

    return change


def rewritten(old: str, new: str) -> Callable[[httpx.Request], None]:
    def change(request: httpx.Request) -> None:
        request.headers["authorization"] = request.headers["authorization"].replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without("authorization"), "MissingAuthenticationTokenException"),
        (with_header("authorization", "Bearer x"), "IncompleteSignatureException"),
        (rewritten(";x-amz-target", ""), "IncompleteSignatureException"),
        (rewritten("host;", ""), "IncompleteSignatureException"),
        (rewritten("x-amz-target", "x-amz-target;x-not-there"), "IncompleteSignatureException"),
        (without("x-amz-date"), "IncompleteSignatureException"),
        (with_header("x-amz-date", "yesterday"), "IncompleteSignatureException"),
        (with_header("x-amz-date", "20200131T120000Z"), "InvalidSignatureException"),
        (rewritten("/codepipeline/", "/codebuild/"), "InvalidSignatureException"),
        (rewritten("/us-east-1/", "/eu-west-1/"), "InvalidSignatureException"),
        (rewritten(KEY_ID, "AKIDSOMEBODY"), "UnrecognizedClientException"),
        (with_header("x-amz-target", "CodePipeline_20150709.DeletePipeline"), "InvalidSignatureException"),
        (with_header("host", "elsewhere.example"), "InvalidSignatureException"),
    ],
)
async def test_a_request_that_was_changed_after_it_was_signed_is_refused(
    change: Callable[[httpx.Request], None], expected: str
) -> None:
    request = GET.signed()
    change(request)
    async with client() as http:
        answer = await http.send(request)
    assert (answer.status_code, code(answer)) == (403, expected)


async def test_another_body_than_the_signed_one_is_refused_even_if_its_hash_was_signed() -> None:
    honest = GET.signed()
    for headers in ({}, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}):
        signed = Call("GetPipelineState", {"name": "shop"}, headers=headers).signed()
        other = httpx.Request("POST", honest.url, headers=dict(signed.headers), content=b'{"name":"bank"}')
        other.headers["content-length"] = "15"
        async with client() as http:
            answer = await http.send(other)
        assert (answer.status_code, code(answer)) == (403, "InvalidSignatureException")


async def test_another_secret_is_refused() -> None:
    async with client() as http:
        answer = await http.send(Call("GetPipelineState", {"name": "shop"}, secret="not the one").signed())
    assert (answer.status_code, code(answer)) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(("minutes", "status"), [(4, 200), (-4, 200), (6, 403), (-6, 403)])
async def test_a_signature_is_good_for_five_minutes(minutes: int, status: int) -> None:
    async with client(ahead=timedelta(minutes=minutes)) as http:
        answer = await http.send(GET.signed())
    assert answer.status_code == status
    if status == 403:
        assert code(answer) == "InvalidSignatureException"
        assert answer.json()["message"].startswith("Signature expired" if minutes > 0 else "Signature not yet current")


async def test_a_path_with_odd_characters_is_verified_as_it_came() -> None:
    async with client() as http:
        answer = await http.send(Call("GetPipelineState", {"name": "shop"}, url="http://127.0.0.1/aws/a%20b/").signed())
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Call("GetPipelineState", {}), "ValidationException"),
        (Call("GetPipelineState", {"name": "two words"}), "ValidationException"),
        (Call("GetPipelineState", {"name": "x" * 101}), "ValidationException"),
        (Call("GetPipelineState", {"name": 7}), "SerializationException"),
        (Call("PollForJobs", {}), "UnknownOperationException"),
        (Call("GetLost", {}), "UnknownOperationException"),
        (Call("GetPipelineState", {}, target="DynamoDB_20120810"), "UnknownOperationException"),
    ],
)
async def test_what_can_not_be_read_is_refused_in_the_words_of_aws(call: Call, expected: str) -> None:
    async with client() as http:
        answer = await http.send(call.signed())
    assert (answer.status_code, code(answer)) == (400, expected)


async def test_all_mistakes_are_said_at_once_and_unknown_members_are_ignored() -> None:
    async with client() as http:
        answer = await http.send(Call("GetPipelineState", {"name": "two words" * 20, "newMember": {"a": [1]}}).signed())
    told = answer.json()["message"]
    assert told.startswith("2 validation errors detected: Value 'two words")
    assert "less than or equal to 100" in told and "regular expression pattern" in told
    assert "newMember" not in told


async def test_a_body_is_bounded_whatever_its_headers_claim() -> None:
    async def pieces() -> Any:
        for _ in range(MOST_BYTES // 100_000 + 1):
            yield b" " * 100_000

    request = GET.signed()
    request = httpx.Request("POST", request.url, headers={**request.headers, "content-length": "10"}, content=pieces())
    async with client() as http:
        answer = await http.send(request)
    assert (answer.status_code, code(answer)) == (413, "RequestEntityTooLargeException")


async def test_only_post_is_answered() -> None:
    async with client() as http:
        answer = await http.get("http://127.0.0.1/aws/")
    assert (answer.status_code, code(answer)) == (405, "UnknownOperationException")


async def test_an_answer_against_the_model_is_found_by_the_check() -> None:
    async def wrong(_: Mapping[str, Any]) -> dict[str, Any]:
        return {"pipelineName": "two words", "nobody": "knows"}

    verifier = Verifier(KEY_ID, SecretStr(SECRET), lambda: datetime.now(UTC))
    endpoint = Endpoint([Service(MODEL, {"GetPipelineState": wrong})], verifier, checked=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=endpoint)) as http:
        answer = await http.send(GET.signed())
    assert (answer.status_code, code(answer)) == (500, "InternalFailure")
    assert "two words" not in answer.text


def test_botocore_still_speaks_json_with_these_services() -> None:
    for name in ("codepipeline", "codebuild", "codedeploy"):
        model = load_model(name)
        assert (model.resolved_protocol, model.metadata["jsonVersion"]) == ("json", "1.1")
