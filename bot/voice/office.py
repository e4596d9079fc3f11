"""The voice desk as skills and the chat see it: implements `bot.core.voice.VoiceDesk`."""

from __future__ import annotations

from datetime import timedelta

from bot.core.commands import Accepted, Answer, Command, Deployment, Deployments, Releases, Verb
from bot.core.errors import Conflict, Refused
from bot.core.model import Actor, Release, Surface
from bot.core.vocabulary import Vocabulary
from bot.core.voice import (
    CODE_SECONDS,
    Factor,
    PairingCode,
    PinResult,
    PinWanted,
    Plan,
    Speaker,
    Tap,
    Voice,
)
from bot.core.wording import say
from bot.desk import locking
from bot.store import plans, voices
from bot.store.plans import StoredPlan
from bot.voice import confirming, knowing, planning
from bot.voice.confirming import Said
from bot.voice.knowing import Known
from bot.voice.parts import Parts

_LONGEST_HEARD = 300
_LONGEST_KEY = 200
_ASKED = frozenset({Verb.STATUS, Verb.HISTORY, Verb.WHERE, Verb.HELP})
_STRANGER = Actor(person="", name="", surface=Surface.VOICE)


class VoiceOffice:
    """One for the whole server; keeps nothing but the key that ids are hashed with."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._key: bytes | None = None

    async def speaker(self, voice: Voice) -> Speaker:
        """Tell whose voice this is."""
        return (await self._know(voice)).speaker

    async def pairing_code(self, voice: Voice) -> PairingCode:
        """Make a code for this voice."""
        parts = self._parts
        known = await self._know(voice)
        if error := knowing.may_pair(parts, known):
            raise error
        now = parts.clock()
        expires = now + timedelta(seconds=CODE_SECONDS)
        key = await self._hash_key()
        for _ in range(10):
            code = f"{parts.random.randrange(1_000_000):06d}"
            async with parts.database.write() as c:
                if await voices.add_code(c, voices.hashed(key, "code", code), known.identity, expires, now):
                    return PairingCode(code=f"{code[:3]} {code[3:]}", expires=expires)
        raise Conflict(say("conflict.again"))

    async def ask(self, voice: Voice, command: Command, heard: str, key: str) -> Answer:  # noqa: ARG002
        """Look, as far as this voice may."""
        parts = self._parts
        known = await self._know(voice)
        if command.verb not in _ASKED:
            raise Refused("voice", say("voice.verb"))
        if command.verb is not Verb.STATUS and command.verb is not Verb.HELP:
            known.actor()
        if command.service and command.environment and planning.denied(parts, command.service, command.environment):
            place = {"service": command.service, "environment": command.environment}
            raise Refused(
                f"services.{command.service}.environments.{command.environment}.voice", say("voice.deny", **place)
            )
        answer = await parts.desk.do(known.speaker.actor or _STRANGER, command, "look")
        return self._open_to_voice(answer, known)

    async def plan(self, voice: Voice, command: Command, heard: str, key: str) -> Plan:
        """Check a wish and keep it for `confirm`."""
        parts, key = self._parts, key[:_LONGEST_KEY]
        known = await self._know(voice)
        actor = known.actor()
        if known.speaker.locked_until:
            raise locking.refusal("factor", known.speaker.locked_until, parts.clock())
        async with parts.database.read() as c:
            before = await plans.by_key(c, key)
        if before is None:
            plan = await planning.make(parts, actor, command)
            if plan.factor is Factor.PIN and known.identity.whole_account:
                raise Refused("voice", say("voice.pin.account"))  # Alexa verifies a person, and that is not this voice
            before = await self._keep(known, actor, plan, heard, key)
        if before.voice != known.identity.voice:
            raise Conflict(say("conflict.again"))
        return before.plan

    async def _keep(self, known: Known, actor: Actor, plan: Plan, heard: str, key: str) -> StoredPlan:
        """Keep a plan in place of what this voice left open; of two deliveries of a request the first counts."""
        async with self._parts.database.write() as c:
            if before := await plans.by_key(c, key):
                return before
            for other in await plans.of_voice(c, known.identity.voice):
                await confirming.drop(c, other)
            said = " ".join(heard.split())[:_LONGEST_HEARD]
            await plans.add(c, plan, key=key, voice=known.identity.voice, person=actor.person, heard=said)
            kept = await plans.by_key(c, key)
        assert kept is not None, "it was added just now, here or there"
        return kept

    async def confirm(
        self,
        voice: Voice,
        plan_id: str,
        key: str,  # noqa: ARG002 -- a plan is its own key
        pin: PinResult | None = None,
    ) -> Accepted | Tap | PinWanted:
        """Take the yes, or the PIN's result."""
        return await confirming.confirm(self._parts, await self._know(voice), plan_id, Said(voice.level, pin))

    async def tap(self, actor: Actor, plan_id: str, number: int) -> Accepted:
        """Take the number that a person pressed in the chat."""
        return await confirming.tap(self._parts, actor, plan_id, number)

    async def drop(self, voice: Voice, plan_id: str) -> None:
        """Forget a plan."""
        known = await self._know(voice)
        async with self._parts.database.write() as c:
            stored = await plans.get(c, plan_id, lock=True)
            if stored and stored.open and stored.voice == known.identity.voice:
                await confirming.drop(c, stored)
        self._parts.changed.fire("")

    async def notify(self, voice: Voice, wanted: bool) -> None:
        """Begin or end to tell this voice of its person's releases."""
        parts = self._parts
        known = await self._know(voice)
        if wanted:
            known.actor()
            if not parts.notifications:
                raise Refused("voice.notifications", say("voice.no_notifications"))
        whole = not wanted and voice.person is None
        async with parts.database.write() as c:
            await voices.notify(
                c,
                voice=None if whole else known.identity.voice,
                account=known.identity.account,
                address=voice.account if wanted else None,
            )

    async def forget(self, voice: Voice) -> int:
        """Unbind every voice of this account."""
        known = await self._know(voice)
        async with self._parts.database.write() as c:
            gone = await voices.remove(c, account=known.identity.account)
            for person in {each.person for each in gone}:
                for stored in await plans.of_person(c, person):
                    if await voices.find(c, stored.voice) is None:
                        await confirming.drop(c, stored)
        self._parts.changed.fire("")
        return len(gone)

    def vocabulary(self) -> Vocabulary:
        """Give the names of services and environments."""
        return self._parts.catalogue.vocabulary()

    async def _know(self, voice: Voice) -> Known:
        return await knowing.know(self._parts, await self._hash_key(), voice)

    async def _hash_key(self) -> bytes:
        if self._key is None:
            self._key = await knowing.hash_key(self._parts)
        return self._key

    def _open_to_voice(self, answer: Answer, known: Known) -> Answer:
        """Leave out what is closed to voice, and for a stranger what only concerns people."""
        if isinstance(answer, Releases):
            kept = tuple(each for each in answer.releases if not self._hidden(each))
            mine = {each.id for each in kept} if known.speaker.actor else set()
            waiting = tuple(each for each in answer.waiting_for_me if each in mine)
            return answer.model_copy(update={"releases": kept, "waiting_for_me": waiting})
        if isinstance(answer, Deployments):
            open_here = tuple(each for each in answer.deployments if not self._hidden(each))
            return answer.model_copy(update={"deployments": open_here})
        return answer

    def _hidden(self, about: Release | Deployment) -> bool:
        return planning.denied(self._parts, about.service, about.environment)
