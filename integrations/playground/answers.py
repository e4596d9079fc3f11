"""What the bot says back outside of the Web API: in an acknowledgement, or at a response URL."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from integrations.playground.ledger import Call
from integrations.playground.methods.call import MethodCall, SlackRefusal
from integrations.playground.methods.content import read_content
from integrations.playground.playground import Playground
from integrations.playground.tickets import ResponseUrl
from integrations.playground.workspace import Message


def parse_answer(body: str) -> dict[str, Any] | None:
    """Read an acknowledgement's body: JSON, or plain words; `None` if it is empty."""
    if not body.strip():
        return None
    try:
        parsed = json.loads(body)
    except ValueError:
        return {"text": body}
    return parsed if isinstance(parsed, dict) else {"text": body}


def show_answer(playground: Playground, url: ResponseUrl, answer: dict[str, Any], base_url: str) -> Message | None:
    """Show an answer where it belongs; raises `SlackRefusal` when slack.com would not take it."""
    workspace = playground.workspace
    conversation = workspace.conversations[url.channel]
    original = conversation.find(url.original) if url.original else None
    if answer.get("delete_original"):
        if original:
            workspace.remove(original)
        return None
    content = read_content(MethodCall(playground, answer, base_url))
    said: dict[str, Any] = {"blocks": content.blocks, "attachments": content.attachments}
    if answer.get("replace_original") and original:
        workspace.change(original, text=content.text, **said)
        return original
    in_channel = answer.get("response_type") == "in_channel"
    message = workspace.bot_message(
        conversation,
        content.text,
        **said,
        visible_to=None if in_channel else url.user,
        thread_ts=str(answer.get("thread_ts") or url.thread_ts or "") or None,
    )
    url.original = url.original or message.ts
    return workspace.add(message)


async def serve_response_url(playground: Playground, key: str, request: Request) -> Response:
    """Take an answer at a response URL; writes it into the ledger as the call `response_url`."""
    call = Call(playground.ledger.next_number(), playground.now(), "response_url", {})
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        body = None
    call.args = body if isinstance(body, dict) else {}
    response = _take(playground, key, body, call, str(request.base_url))
    call.status = response.status_code
    playground.ledger.add_call(call)
    return response


def _take(playground: Playground, key: str, body: Any, call: Call, base_url: str) -> Response:
    def refused(error: str, status: int) -> Response:
        call.error = error
        return JSONResponse({"ok": False, "error": error}, status)

    if not isinstance(body, dict):
        return refused("invalid_payload", 400)
    url = playground.response_urls.use(key, playground.now())
    if isinstance(url, str):
        return refused(url, 404)
    try:
        show_answer(playground, url, body, base_url)
    except SlackRefusal as refusal:
        call.answer = refusal.answer()
        return refused(refusal.error, 400)
    call.ok = True
    return PlainTextResponse("ok")
