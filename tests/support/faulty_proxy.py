"""A small HTTP proxy between boto3 and an AWS-compatible endpoint, which breaks as AWS and networks do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, web


@dataclass(frozen=True)
class Fault:
    """What happens to a request instead of its answer."""

    status: int = 400
    code: str = ""
    """AWS's error code; empty: the connection is reset."""
    message: str = "as the test wants it"
    after: bool = False
    """The request reaches the other side, and only its answer is lost."""


THROTTLED = Fault(code="ThrottlingException", message="Rate exceeded")
BROKEN = Fault(500, "InternalFailure")
RESET = Fault()
LOST = Fault(after=True)
EXPIRED = Fault(403, "ExpiredTokenException", "The security token included in the request is expired")
SKEWED = Fault(
    403, "InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z"
)
DENIED = Fault(
    400, "AccessDeniedException",
    "User: arn:aws:sts::111122223333:assumed-role/sayso/i-1 is not authorized to perform: codepipeline:GetPipeline "
    "on resource: arn:aws:codepipeline:eu-west-1:111122223333:shop because no identity-based policy allows it",
)  # fmt: skip


@dataclass
class FaultyProxy:
    """Where it listens, what it does, and what came by."""

    url: str
    fault: Callable[[str], Fault | None] = lambda _: None
    """Takes the operation, as `GetPipeline`; None lets the request through."""
    seen: list[str] = field(default_factory=list)
    """Operations, in order, those that failed too."""
    heard: Callable[[str, bytes], object] = lambda *_: None
    """Takes the operation and the body of each request."""


@asynccontextmanager
async def faulty_proxy(upstream: str) -> AsyncIterator[FaultyProxy]:
    """Run one before `upstream`, whose path it keeps."""
    async with ClientSession(auto_decompress=False) as session:

        async def forward(request: web.Request) -> web.StreamResponse:
            operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
            proxy.seen.append(operation)
            fault, body = proxy.fault(operation), await request.read()
            proxy.heard(operation, body)
            if fault is None or fault.after:
                # The Host header is signed, so it goes on as it came.
                headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
                async with session.post(upstream + request.path_qs, data=body, headers=headers) as answer:
                    told = web.Response(status=answer.status, body=await answer.read())
                    told.headers.update({k: v for k, v in answer.headers.items() if k.lower().startswith("x-amz")})
                    told.content_type = answer.content_type
            if fault is None:
                return told
            if not fault.code:
                assert request.transport is not None
                request.transport.abort()
                raise web.HTTPInternalServerError
            text = json.dumps({"__type": fault.code, "message": fault.message})
            return web.Response(status=fault.status, text=text, content_type="application/x-amz-json-1.1",
                                headers={"x-amzn-ErrorType": fault.code})  # fmt: skip

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", forward)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        proxy = FaultyProxy(f"http://{host}:{port}")
        try:
            yield proxy
        finally:
            await asyncio.shield(runner.cleanup())
