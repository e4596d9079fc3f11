"""The control API `/_ui`: what the page, the tests and a headless demo do in the workspace as its people.

Every answer is JSON. What a person did gives `ok`, `outcome` (`ok`, `operation_timeout`, `dispatch_failed`, ...),
`status` and `ms` of the acknowledgement, a `notice` to show, and what appeared (`message`, `ephemeral`, `modal`,
`home`, `errors`). What can't be done gives 409 with `error` and `notice`.

Other web sites must not reach it through a visitor's browser: only loopback host names are answered (which defeats
DNS rebinding), a POST must be `application/json` (which a form can't send across origins), and its `Origin`, if there
is one, must be the playground's own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from bot.core.model import Frozen
from integrations.playground import gestures, modals
from integrations.playground.delivery import USER_AGENT, Letter, deliver, send
from integrations.playground.echo.control import add_echo
from integrations.playground.faults import parse_fault
from integrations.playground.ledger import Delivered
from integrations.playground.outcome import NotPossible, outcome
from integrations.playground.payloads import VERIFICATION_TOKEN
from integrations.playground.places import Place
from integrations.playground.playground import Playground
from integrations.playground.signing import signature_headers

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Say(Frozen):
    """Something that a person says."""

    persona: str
    channel: str
    text: str = Field(min_length=1, max_length=12_000)
    thread_ts: str | None = None


class Click(Frozen):
    """A click on a button, in a message (`channel`, `ts`) or in a view (`view_id`).

    Also a choice in a menu (`value` is the option's value, or a list of them) and a question for an external select's
    options (`value` is what was typed). `message` is an earlier copy of the message (from the state): a click by
    somebody who has not seen the change.
    """

    persona: str
    channel: str = ""
    ts: str = ""
    view_id: str | None = None
    action_id: str
    block_id: str | None = None
    value: Any = None
    message: dict[str, Any] | None = None
    values: dict[str, Any] | None = None
    """What the view's other inputs hold; see `inputs.read_values` for the shape."""


class Submit(Frozen):
    """A filled form; see `inputs.read_values` for the shape of `values`."""

    persona: str
    view_id: str
    values: dict[str, Any] = Field(default={})


class Close(Frozen):
    """A modal that is closed; `everything` closes the whole stack."""

    persona: str
    view_id: str
    everything: bool = False


class Home(Frozen):
    """A person who opens the Home tab."""

    persona: str


class Break(Frozen):
    """A fault for the next `times` calls of a method (`*`: of any)."""

    method: str
    fault: str
    times: int = Field(default=1, ge=1, le=1000)


class Redeliver(Frozen):
    """A delivery that a test asks for.

    `duplicate`: the same body, signed anew; `replay`: the very same bytes and headers; `bad_signature`: the same body
    with a wrong signature; `url_verification`, `ssl_check`: Slack's probes. `delivery` is a number from the ledger
    (default: the last one); `skew` shifts the timestamp, in seconds.
    """

    kind: Literal["duplicate", "replay", "bad_signature", "url_verification", "ssl_check"]
    delivery: int | None = None
    skew: int = 0


async def own_pages_only(request: Request) -> None:
    """Refuse what another site's page could send."""
    host = request.headers.get("host", "")
    if (urlsplit(f"//{host}").hostname or "") not in LOOPBACK:
        raise HTTPException(403, "The playground answers only on this machine's loopback address.")
    if request.method == "POST":
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise HTTPException(415, "Send application/json.")
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            raise HTTPException(403, "This comes from another site.")


def control_router(playground: Playground) -> APIRouter:
    """Build the routes over one playground."""
    router = APIRouter(prefix="/_ui", dependencies=[Depends(own_pages_only)])
    _add_views(router, playground)
    _add_gestures(router, playground)
    _add_tools(router, playground)
    add_echo(router, playground)
    return router


def _add_views(router: APIRouter, playground: Playground) -> None:
    @router.get("/state")
    async def state() -> dict[str, Any]:
        """Give everything that the page shows, and the last 200 of the wire."""
        return playground.workspace.snapshot() | {
            "wire": playground.ledger.snapshot(200),
            "socket_mode": playground.sockets.connected,
            "echo": playground.household.snapshot() if playground.household else None,
        }

    @router.get("/events")
    async def events() -> StreamingResponse:
        """Feed every change as a server-sent event; the first one says where the feed stands."""
        return StreamingResponse(
            _stream(playground), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @router.get("/ledger")
    async def ledger() -> dict[str, Any]:
        """Give all Web API calls and deliveries, oldest first."""
        return playground.ledger.snapshot()

    @router.get("/files/{file_id}")
    async def file(file_id: str) -> Response:
        """Give an uploaded file, always as a download."""
        return _download(playground, file_id)


def _add_gestures(router: APIRouter, playground: Playground) -> None:
    @router.post("/say")
    async def say(body: Say, request: Request) -> dict[str, Any]:
        """Say something; "/" begins a command."""
        base = str(request.base_url)
        return await gestures.say(
            playground, base, body.persona, channel=body.channel, text=body.text, thread_ts=body.thread_ts
        )

    @router.post("/click")
    async def click(body: Click, request: Request) -> dict[str, Any]:
        """Click a button; refused when it is not there any more (unless `message` is given)."""
        return await _use(playground, body, request, choosing=False)

    @router.post("/select")
    async def select(body: Click, request: Request) -> dict[str, Any]:
        """Choose in a menu."""
        return await _use(playground, body, request, choosing=True)

    @router.post("/options")
    async def options(body: Click) -> dict[str, Any]:
        """Ask for an external select's options."""
        place = _place(playground, body)
        return await gestures.suggest(
            playground,
            body.persona,
            place,
            action_id=body.action_id,
            block_id=body.block_id,
            query=str(body.value or ""),
        )

    @router.post("/submit")
    async def submit(body: Submit) -> dict[str, Any]:
        """Submit the topmost modal."""
        return await modals.submit(playground, body.persona, body.view_id, body.values)

    @router.post("/close")
    async def close(body: Close) -> dict[str, Any]:
        """Close the topmost modal."""
        return await modals.close(playground, body.persona, body.view_id, everything=body.everything)

    @router.post("/home")
    async def home(body: Home) -> dict[str, Any]:
        """Open the Home tab."""
        return await gestures.open_home(playground, body.persona)


def _add_tools(router: APIRouter, playground: Playground) -> None:
    @router.post("/fault")
    async def fault(body: Break) -> dict[str, Any]:
        """Let calls go wrong: 429:n, 500, 503, reset, delay:s, lost (done, but the answer is lost), error:NAME."""
        playground.faults.add(body.method, parse_fault(body.fault), body.times)
        return {"ok": True}

    @router.post("/deliver")
    async def redeliver(body: Redeliver) -> dict[str, Any]:
        """Deliver again, or wrongly, or a probe."""
        return outcome(await _redeliver(playground, body), playground.config.bot_title)

    @router.post("/reset")
    async def reset() -> dict[str, Any]:
        """Begin anew."""
        playground.reset()
        return {"ok": True}


def _place(playground: Playground, body: Click) -> Place:
    if body.view_id:
        return Place.view(playground, body.persona, body.view_id)
    return Place.message(playground, body.persona, body.channel, body.ts, body.message)


async def _use(playground: Playground, body: Click, request: Request, *, choosing: bool) -> dict[str, Any]:
    return await gestures.use_element(
        playground,
        str(request.base_url),
        body.persona,
        _place(playground, body),
        action_id=body.action_id,
        block_id=body.block_id,
        value=body.value,
        choosing=choosing,
        given=body.values,
    )


async def _stream(playground: Playground) -> AsyncIterator[str]:
    with playground.feed.subscription() as changes:
        yield f"data: {json.dumps({'kind': 'hello', 'number': playground.feed.number})}\n\n"
        async for change in changes:
            yield f"id: {change['number']}\ndata: {json.dumps(change)}\n\n" if change else ": quiet\n\n"


def _download(playground: Playground, file_id: str) -> Response:
    content = playground.workspace.contents.get(file_id)
    if content is None:
        raise HTTPException(404, "There is no such file.")
    # Never rendered as a page: whatever a log contains, the browser only saves it.
    name = str(playground.workspace.files[file_id]["name"]).encode("ascii", "replace").decode().replace('"', "'")
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="application/octet-stream", headers=headers)


async def _redeliver(playground: Playground, body: Redeliver) -> Delivered:
    secret = playground.config.signing_secret.get_secret_value()
    if body.kind == "url_verification":
        probe = {
            "token": VERIFICATION_TOKEN,
            "challenge": playground.workspace.next_id("c"),
            "type": "url_verification",
        }
        return await deliver(playground, Letter("probe", "url_verification", probe))
    if body.kind == "ssl_check":
        return await deliver(playground, Letter("probe", "ssl_check", {"ssl_check": "1", "token": VERIFICATION_TOKEN}))
    earlier = [
        one for one in playground.ledger.deliveries if one.transport == "http" and body.delivery in {None, one.number}
    ]
    if not earlier:
        raise NotPossible("no_such_delivery", "Nothing was delivered yet that could be delivered again.")
    old = earlier[-1]
    headers = {key: value for key, value in old.headers.items() if not key.startswith("answer:")}
    content = old.body.encode()
    if body.kind != "replay":
        headers |= signature_headers(secret, int(playground.now()) + body.skew, content)
    if body.kind == "bad_signature":
        headers["X-Slack-Signature"] = "v0=" + "0" * 64
    headers["User-Agent"] = USER_AGENT
    return await send(playground, old.kind, f"{body.kind} of {old.what}", headers, content)
