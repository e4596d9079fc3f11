"""The API's verbs about one release: approve, reject, stop, retry, roll back."""

from __future__ import annotations

from fastapi import APIRouter

from bot.core.commands import Accepted, Command, Verb
from bot.core.model import Actor, Frozen
from bot.desk import Desk
from bot.http.requests import (
    DecisionRequest,
    Key,
    OverrideRequest,
    ReleaseId,
    RetryRequest,
    RollbackRequest,
    StopRequest,
    accepted,
    changes,
)
from bot.http.tokens import Person


def acts_router(desk: Desk) -> APIRouter:
    """Give the operations under `/api/v1/releases/{release_id}`."""
    router = APIRouter(prefix="/api/v1/releases", tags=["releases"])

    async def act(actor: Actor, key: str, verb: Verb, release_id: str, body: Frozen | None) -> Accepted:
        wish = Command(verb=verb, release=release_id, **(body.model_dump() if body else {}))
        return accepted(await desk.do(actor, wish, key))

    @router.post("/{release_id}/approve", operation_id="approve", **changes())
    async def approve(actor: Person, key: Key, release_id: ReleaseId, body: DecisionRequest | None = None) -> Accepted:
        """Say yes at the gate where the release waits."""
        return await act(actor, key, Verb.APPROVE, release_id, body)

    @router.post("/{release_id}/reject", operation_id="reject", **changes())
    async def reject(actor: Person, key: Key, release_id: ReleaseId, body: DecisionRequest | None = None) -> Accepted:
        """Say no at the gate where the release waits."""
        return await act(actor, key, Verb.REJECT, release_id, body)

    @router.post("/{release_id}/stop", operation_id="stop", **changes())
    async def stop(actor: Person, key: Key, release_id: ReleaseId, body: StopRequest | None = None) -> Accepted:
        """End the release."""
        return await act(actor, key, Verb.STOP, release_id, body)

    @router.post("/{release_id}/retry", operation_id="retry", **changes())
    async def retry(actor: Person, key: Key, release_id: ReleaseId, body: RetryRequest | None = None) -> Accepted:
        """Run the failed stage again."""
        return await act(actor, key, Verb.RETRY, release_id, body)

    @router.post("/{release_id}/override", operation_id="overrideCondition", **changes())
    async def override(actor: Person, key: Key, release_id: ReleaseId, body: OverrideRequest) -> Accepted:
        """Let the release's stage go on although its condition failed."""
        return await act(actor, key, Verb.OVERRIDE, release_id, body)

    @router.post("/{release_id}/rollback", operation_id="rollBack", **changes())
    async def roll_back(
        actor: Person, key: Key, release_id: ReleaseId, body: RollbackRequest | None = None
    ) -> Accepted:
        """Bring back what this release's environment ran before; the answer is the new release."""
        return await act(actor, key, Verb.ROLLBACK, release_id, body)

    return router
