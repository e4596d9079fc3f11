"""The desk takes a command of an actor, asks the policy, writes down what is to happen, and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.commands import Accepted, Answer, Command, Offered, Releases, Verb
from bot.core.errors import SaysoError
from bot.core.model import Actor, Release
from bot.desk import again, deciding, holding, pairing, reading, starting
from bot.desk.parts import AlreadyDone, Also, Parts
from bot.store import releases

_CHANGES: Mapping[Verb, Callable[[Parts, Actor, Command, str], Awaitable[Answer]]] = {
    Verb.DEPLOY: starting.deploy,
    Verb.PROMOTE: starting.promote,
    Verb.ROLLBACK: starting.roll_back,
    Verb.APPROVE: deciding.decide,
    Verb.REJECT: deciding.decide,
    Verb.STOP: deciding.stop,
    Verb.RETRY: again.retry,
    Verb.OVERRIDE: again.override,
    Verb.HOLD: holding.hold,
    Verb.UNHOLD: holding.hold,
    **pairing.VERBS,
}
_LOOKS: Mapping[Verb, Callable[[Parts, Actor, Command], Awaitable[Answer]]] = {
    Verb.STATUS: reading.status,
    Verb.HISTORY: reading.history,
    Verb.WHERE: reading.where,
    Verb.HELP: reading.explain,
}


class _Rehearsed(SaysoError):
    """Rolls a rehearsal's transaction back."""

    def __init__(self, release: Release) -> None:
        super().__init__()
        self.release = release


class Desk:
    """Every surface's only way to change anything.

    When `do` returns, what was accepted is committed: it will be carried out even if the server dies right now.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def do(self, actor: Actor, command: Command, key: str, *, also: Also | None = None) -> Answer:
        """Carry a command out as far as it is this desk's to do, and answer.

        `key` names this one wish (a Slack trigger id, an API client's Idempotency-Key): a second delivery with the
        same key changes nothing and is answered as `repeated`. `also` runs in the transaction of a change.
        Raises `Refused`, `Conflict`, `NotFound`, `NotUnderstood` or `BackendUnavailable` with a sentence for the
        person; then nothing has changed.
        """
        if look := _LOOKS.get(command.verb):
            return await look(self._parts, actor, command)
        try:
            return await _CHANGES[command.verb](replace(self._parts, also=also), actor, command, key)
        except AlreadyDone as done:
            return Accepted(verb=command.verb, release=done.release, repeated=True)

    async def rehearse(self, actor: Actor, command: Command) -> Release | Offered:
        """Say what a change would come to: the release as it would stand then. Raises as `do`; changes nothing."""

        async def stop_here(_: AsyncConnection, release: Release) -> None:
            raise _Rehearsed(release)

        try:
            answer = await self.do(actor, command, f"rehearsal:{self._parts.new_id()}", also=stop_here)
        except _Rehearsed as rehearsed:
            return rehearsed.release
        assert isinstance(answer, Offered), "a change comes to its transaction, or offers a choice"
        return answer

    async def release(self, release_id: str) -> Release:
        """Read one release; `NotFound` if there is none."""
        async with self._parts.database.read() as c:
            return await releases.get(c, release_id)

    async def inbox(self, actor: Actor) -> Releases:
        """List what is under way and which of it waits for this person."""
        return await reading.status(self._parts, actor, Command(verb=Verb.STATUS))
