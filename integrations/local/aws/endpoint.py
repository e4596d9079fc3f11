"""Answers AWS JSON 1.1 over HTTP: verifies, reads by the model, asks the operation, writes by the model."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel, ServiceModel
from botocore.session import get_session
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.core.errors import SaysoError
from integrations.local.aws import wire
from integrations.local.aws.problems import Problem, refusal
from integrations.local.aws.signature import Signed, Verifier

log = logging.getLogger(__name__)

MOST_BYTES = 2_000_000
"""Of a request's body: a pipeline of 50 stages with 50 actions each, generously written, is the largest."""
MEDIA_TYPE = "application/x-amz-json-1.1"
PROTOCOL = "json"
"""What botocore's models must resolve to. The models list rpc-v2-cbor, too, which clients don't choose so far."""

Operation = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any] | None]]
"""Takes the parameters by their names in the model, and gives the answer's members; raises `Problem`."""


@dataclass(frozen=True, slots=True)
class Service:
    """One AWS service: its model, and those of its operations that are offered."""

    model: ServiceModel
    operations: Mapping[str, Operation]
    not_valid: str = "ValidationException"
    """Its error for parameters that break the model's constraints."""


def load_model(name: str) -> ServiceModel:
    """Load botocore's model of a service. Blocks for a moment."""
    model = get_session().get_service_model(name)
    if model.resolved_protocol != PROTOCOL or model.metadata["jsonVersion"] != "1.1":
        raise RuntimeError(f"botocore now speaks {model.resolved_protocol} with {name}; this endpoint speaks JSON 1.1")
    return model


class Endpoint:
    """The ASGI app. With `checked` every answer is compared with the model first, and a mistake is our failure."""

    def __init__(self, services: list[Service], verifier: Verifier, *, checked: bool = False) -> None:
        self._services = {service.model.metadata["targetPrefix"]: service for service in services}
        self._verifier, self._checked = verifier, checked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id = str(uuid.uuid4())
        try:
            answer = _reply(200, await self._answer(Request(scope, receive)), request_id)
        except Problem as problem:
            body = {"__type": problem.code, "message": problem.message}
            # API reference, "ConflictException": the only modelled error with a status of its own.
            status = 409 if problem.code == "ConflictException" else problem.status
            answer = _reply(status, body, request_id, problem.code)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("request %s to the AWS-compatible endpoint broke", request_id)
            sentence = f"Something went wrong on our side; the server's log tells more under {request_id}."
            body = {"__type": "InternalFailure", "message": sentence}
            answer = _reply(500, body, request_id, body["__type"])
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Any:
        if request.method != "POST":
            raise Problem("UnknownOperationException", "This endpoint answers AWS JSON 1.1: POST only.", status=405)
        prefix, _, name = request.headers.get("x-amz-target", "").partition(".")
        service = self._services.get(prefix)
        if service is None:
            known = ", ".join(each.model.service_name for each in self._services.values())
            sentence = f"X-Amz-Target names no service of this endpoint, which has {known}."
            raise Problem("UnknownOperationException", sentence)
        body = await _body(request)
        self._verifier.verify(_signed(request, body), service.model.signing_name)
        model = _operation(service, name)
        operation = service.operations.get(name)
        if operation is None:
            sentence = f"{name} is not offered by Sayso's local engine. See deploy/LOCAL.md for what is."
            raise Problem("UnknownOperationException", sentence)
        given = wire.read(model.input_shape, _json(body), service.not_valid) if model.input_shape else {}
        try:
            answer = await operation(given)
        except SaysoError as error:
            raise refusal(error, _codes(model)) from error
        if model.output_shape is None:
            return None
        if self._checked and (wrong := wire.mistakes(model.output_shape, answer or {})):
            raise RuntimeError(f"{name} would answer against its model: {'; '.join(wrong)}")
        return wire.write(model.output_shape, answer or {})


def _operation(service: Service, name: str) -> OperationModel:
    if name not in service.model.operation_names:
        raise Problem("UnknownOperationException", f"{service.model.service_name} has no operation of this name.")
    return service.model.operation_model(name)


def _codes(model: OperationModel) -> set[str]:
    return {shape.name for shape in model.error_shapes}


async def _body(request: Request) -> bytes:
    """Read a body of at most so many bytes, whatever its headers claim."""
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > MOST_BYTES:
            sentence = f"A request here has at most {MOST_BYTES:,} bytes."
            raise Problem("RequestEntityTooLargeException", sentence, status=413)
    return bytes(read)


def _signed(request: Request, body: bytes) -> Signed:
    path, query = request.scope["raw_path"], request.scope["query_string"]
    target = path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    return Signed(request.method, target, request.headers.items(), body)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Problem("SerializationException", "The body is not JSON.") from error


def _reply(status: int, body: Any, request_id: str, code: str | None = None) -> Response:
    headers = {"x-amzn-RequestId": request_id} | ({"x-amzn-ErrorType": code} if code else {})
    content = b"" if body is None else json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    return Response(content, status, headers, media_type=MEDIA_TYPE)
