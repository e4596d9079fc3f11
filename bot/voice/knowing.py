"""Whose voice it is: recognised well enough, paired with a person of the catalogue, not locked."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.errors import Refused, SaysoError
from bot.core.model import Actor, Surface
from bot.core.voice import Speaker, Voice
from bot.core.wording import say
from bot.desk import locking
from bot.store import voices
from bot.store.voices import Identity
from bot.voice.parts import Parts

_KEY_BITS = 256


@dataclass(frozen=True, slots=True)
class Known:
    """A voice, and what is known of it."""

    identity: Identity
    """What it is, or would be, paired as."""
    speaker: Speaker

    def actor(self) -> Actor:
        """Give the person; `Refused` says why this voice is nobody's."""
        if self.speaker.actor is None:
            raise Refused("voice", say("voice.unpaired" if self.speaker.recognised else "voice.unrecognised"))
        return self.speaker.actor


async def know(parts: Parts, key: bytes, voice: Voice) -> Known:
    """Look a voice up. A recognised voice speaks only for itself, also where the whole account speaks for somebody."""
    rules = parts.catalogue.voice
    recognised = bool(voice.person) and (voice.level or 0) >= rules.confidence
    account = voices.hashed(key, "account", voice.skill, voice.account)
    person = voices.hashed(key, "person", voice.skill, voice.person or "")
    identity = Identity(
        voice=person if recognised else account, account=account, whole_account=not recognised, locale=voice.locale
    )
    if not recognised and not rules.accounts:
        return Known(identity, Speaker())
    async with parts.database.read() as c:
        paired = await voices.find(c, identity.voice)
        if paired is None or paired.person not in parts.catalogue.people:
            return Known(identity, Speaker(recognised=recognised))
        until = await locking.locked_until(c, paired.person, "factor", parts.clock())
    speaker = Speaker(
        actor=actor_of(parts, paired.person), recognised=recognised, locked_until=until, notify=paired.notify
    )
    return Known(identity, speaker)


def actor_of(parts: Parts, person: str) -> Actor:
    """Give the person as somebody who speaks."""
    return Actor(person=person, name=parts.catalogue.name_of(person), surface=Surface.VOICE)


def may_pair(parts: Parts, known: Known) -> SaysoError | None:
    """Say why this voice can't be paired just now; None if it can."""
    if known.speaker.actor:
        return Refused("voice", say("voice.paired_already", name=known.speaker.actor.name))
    if known.identity.whole_account and not parts.catalogue.voice.accounts:
        return Refused("voice.accounts", say("voice.not_to_pair"))
    return None


async def hash_key(parts: Parts) -> bytes:
    """Give the key that ids are hashed with; the first call in a database makes it."""
    fresh = f"{parts.random.getrandbits(_KEY_BITS):064x}"
    async with parts.database.write() as c:
        key = await voices.key(c, fresh)
    assert key is not None
    return key
