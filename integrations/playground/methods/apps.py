"""`apps.connections.open` and `blocks.validate`: what an app needs around its messages."""

from __future__ import annotations

from typing import Any

from integrations.playground.blocks import check_message_blocks
from integrations.playground.methods.call import Method, MethodCall


async def connections_open(call: MethodCall) -> dict[str, Any]:
    """Give the address of a Socket Mode connection."""
    return {"ok": True, "url": await call.playground.sockets.invite()}


async def blocks_validate(call: MethodCall) -> dict[str, Any]:
    """Check blocks without posting them."""
    problems = check_message_blocks(call.json("blocks"), refuse_plan=call.playground.config.refuse_plan_blocks)
    errors = [{"code": one.error, "message": one.message, "pointer": one.pointer} for one in problems]
    return {"ok": False, "error": problems[0].error, "errors": errors} if problems else {"ok": True}


METHODS = {
    "apps.connections.open": Method(connections_open, app_token=True),
    "blocks.validate": Method(blocks_validate),
}
