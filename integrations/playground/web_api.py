"""The Web API's front door: every call is parsed, authenticated, limited and answered in slack.com's order.

Order of the checks: method, token, scope, faults that a test asked for, rate limit, then the method's own arguments.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from integrations.playground.faults import Fault
from integrations.playground.ledger import Call
from integrations.playground.methods import apps, chat, conversations, files, people, views
from integrations.playground.methods.call import Method, MethodCall, SlackRefusal
from integrations.playground.playground import Playground

METHODS: Final[dict[str, Method]] = (
    apps.METHODS | chat.METHODS | conversations.METHODS | files.METHODS | people.METHODS | views.METHODS
)


async def serve_method(playground: Playground, method_name: str, request: Request) -> Response:
    """Answer one call and write it into the ledger, faults included."""
    started = time.perf_counter()
    call = Call(playground.ledger.next_number(), playground.now(), method_name, {})
    response = await _answer(playground, call, request)
    call.ms = round((time.perf_counter() - started) * 1000, 2)
    playground.ledger.add_call(call)
    if call.fault in {"reset", "lost"}:
        await _cut_connection(request)
    return response


async def _answer(playground: Playground, call: Call, request: Request) -> Response:
    try:
        method = _known_method(call.method)
        args, is_json = await _arguments(request)
        call.args = {name: value for name, value in args.items() if name != "token"}
        _authenticate(playground, method, _token(request, args))
        _check_scope(playground, method)
        fault = playground.faults.take(call.method)
        call.fault = str(fault) if fault else ""
        if fault and (early := await _meet(fault)) is not None:
            call.status = early.status_code
            call.error = call.fault
            return early
        if playground.config.strict_rates:
            channel = str(args.get("channel", ""))
            if wait := playground.rates.retry_after(call.method, channel, playground.now()):
                call.status, call.error = 429, "ratelimited"
                return _ratelimited(wait)
        _check_body(method, is_json=is_json)
        answer = await method.run(MethodCall(playground, args, str(request.base_url)))
    except SlackRefusal as refusal:
        answer = refusal.answer()
    except RecursionError:  # thousands of brackets, in the body or in a JSON field
        answer = SlackRefusal("invalid_json").answer()
    call.ok, call.error, call.warning = answer["ok"], answer.get("error", ""), answer.get("warning", "")
    call.answer = answer
    scopes = ",".join(sorted(playground.config.scopes))
    return JSONResponse(answer, headers={"x-oauth-scopes": scopes, "x-slack-req-id": f"playground-{call.number}"})


def _known_method(name: str) -> Method:
    if name not in METHODS:
        raise SlackRefusal("unknown_method", req_method=name)
    return METHODS[name]


def _check_body(method: Method, *, is_json: bool) -> None:
    if is_json and not method.json_body:
        message = "[ERROR] this method takes a form or a query, not JSON [json-pointer:/]"
        raise SlackRefusal("invalid_arguments", message)


async def _arguments(request: Request) -> tuple[dict[str, Any], bool]:
    """Read query and body; gives the arguments and whether they came as JSON."""
    args: dict[str, Any] = dict(request.query_params)
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    body = await request.body()
    if not body:
        return args, False
    try:
        if kind == "application/json":
            parsed = json.loads(body)
            if not isinstance(parsed, dict):
                raise SlackRefusal("json_not_object")
            return args | {name: value for name, value in parsed.items() if value is not None}, bool(parsed)
        if kind in {"application/x-www-form-urlencoded", ""}:
            return args | dict(parse_qsl(body.decode(), keep_blank_values=True)), False
    except ValueError as error:
        raise SlackRefusal("invalid_json" if kind == "application/json" else "invalid_form_data") from error
    raise SlackRefusal("invalid_post_type")


def _token(request: Request, args: dict[str, Any]) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else str(args.get("token", ""))


def _authenticate(playground: Playground, method: Method, token: str) -> None:
    config = playground.config
    app_token = config.app_token.get_secret_value() if config.app_token else None
    if not token:
        raise SlackRefusal("not_authed")
    if token == config.bot_token.get_secret_value():
        if method.app_token:
            raise SlackRefusal("not_allowed_token_type")
    elif token == app_token:
        if not method.app_token:
            raise SlackRefusal("not_allowed_token_type")
    else:
        raise SlackRefusal("invalid_auth")


def _check_scope(playground: Playground, method: Method) -> None:
    granted = playground.config.scopes
    if method.scopes and not method.scopes & granted:
        needed = min(method.scopes)
        raise SlackRefusal("missing_scope", needed=needed, provided=",".join(sorted(granted)))


async def _meet(fault: Fault) -> Response | None:
    if fault.kind == "429":
        return _ratelimited(max(1, round(fault.seconds)))
    if fault.kind in {"500", "503"}:
        return PlainTextResponse("upstream connect error or disconnect/reset before headers", int(fault.kind))
    if fault.kind == "reset":
        return PlainTextResponse("", 500)
    if fault.kind == "error":
        raise SlackRefusal(fault.value)
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
    return None


def _ratelimited(seconds: int) -> Response:
    return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers={"Retry-After": str(seconds)})


async def _cut_connection(request: Request) -> None:
    # ASGI has no word for "reset the connection", so reach for uvicorn's transport; without one the caller gets a 500.
    transport = getattr(getattr(request.receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("The fault asks to cut the connection.")
    transport.abort()
    while not await request.is_disconnected():  # noqa: ASYNC110 -- the loop's next step brings it
        await asyncio.sleep(0)
