"""The verbs about voices: bind one to yourself by the code that it was told, list yours, unbind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.core.commands import Answer, Command, Verb, Voices
from bot.core.errors import NotUnderstood, Refused, SaysoError
from bot.core.model import Actor
from bot.core.wording import say
from bot.desk import locking
from bot.desk.parts import Parts
from bot.store import voices

_SIX_DIGITS = 6


async def pair(desk: Parts, actor: Actor, command: Command, _key: str) -> Voices:
    """Let the voice that was told this code speak for whoever types it; a second delivery changes nothing."""
    digits = "".join(char for char in command.code or "" if char in "0123456789")
    if len(digits) != _SIX_DIGITS:
        raise NotUnderstood(say("voice.code.shape"))
    now = desk.clock()
    problem: SaysoError | None = None
    async with desk.database.write() as c:
        tries = await voices.tries(c, actor.person, "code", lock=True)
        if tries.locked_until and tries.locked_until > now:
            raise locking.refusal("code", tries.locked_until, now)
        key = await voices.key(c)
        found = await voices.use_code(c, voices.hashed(key, "code", digits), actor.person, now) if key else None
        if found is None:
            until = await locking.wrong(c, actor.person, "code", now, catalogue=desk.catalogue, new_id=desk.new_id)
            wrong = Refused("voice", say("voice.code.wrong"), fix=say("voice.code.wrong.fix"))
            problem = locking.refusal("code", until, now) if until else wrong
        else:
            who, again = found
            if not again:
                await locking.right(c, actor.person, "code")
            paired = await voices.find(c, who.voice) if again else None
            paired = paired or await voices.add(c, who, actor.person, now)
    desk.changed.fire("")
    if problem:
        raise problem
    return Voices(verb=Verb.PAIR, voices=(paired,))


async def unpair(desk: Parts, actor: Actor, _command: Command, _key: str) -> Voices:
    """Unbind all voices of this person; the answer lists which they were."""
    async with desk.database.write() as c:
        gone = await voices.remove(c, person=actor.person)
    return Voices(verb=Verb.UNPAIR, voices=tuple(gone))


async def listed(desk: Parts, actor: Actor, _command: Command, _key: str) -> Voices:
    """List this person's voices."""
    async with desk.database.read() as c:
        return Voices(verb=Verb.VOICES, voices=tuple(await voices.of_person(c, actor.person)))


VERBS: Mapping[Verb, Callable[[Parts, Actor, Command, str], Awaitable[Answer]]] = {
    Verb.PAIR: pair,
    Verb.UNPAIR: unpair,
    Verb.VOICES: listed,
}
